//! Sessions of older revisions, for servers that keep them: the handshake mints an id, streams can be taken up again,
//! and handlers can ask the client (specification page `basic/transports` of 2025-11-25).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, request};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Body, Refusal, StreamableHttp,
    announcements::Announcements,
    begin::NO_STREAM,
    era,
    exchange::{Exchange, First},
    headers,
    names::{QUESTION_ID, STREAM_ID, answer_stream, cancel_stream, is_random_id, random_id},
    older::{Incoming, Started},
    replay::{RETRY, Replay},
    sessions::{OneSession, Sessions},
};
use crate::{
    error::{Error, Result},
    jsonrpc::{ErrorCode, ErrorObject, RawJson, RequestId, Response as Answer},
    legacy::{Legacy, Session, SessionStore, SessionStoreError, question},
    platform::{BorrowingFuture, BoxFuture, Platform},
    protocol::{ClientCapabilities, Implementation, Revision},
    server::{ClientAnswer, ClientLink, Principal, at_work, cancelled_id},
};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How much of what a client says of itself is kept with its session, as JSON.
const MOST_SESSION_BYTES: usize = 64 << 10;

/// How long to wait between two attempts to end a stream: at first, and at the most.
const CLOSING: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(32));

/// A session in use by one request.
#[derive(Clone)]
pub(super) struct InSession {
    pub(super) store: Arc<dyn SessionStore>,
    platform: Arc<dyn Platform>,
    pub(super) id: String,
    pub(super) session: Session,
}

/// Sessions in a store.
pub(super) struct KeptIn(pub(super) Arc<dyn SessionStore>);

impl Sessions for KeptIn {
    fn named_by<'a>(
        &'a self,
        head: &'a request::Parts,
        platform: &'a Arc<dyn Platform>,
    ) -> BorrowingFuture<'a, Result<Option<Box<dyn OneSession>>, Refusal>> {
        Box::pin(async move {
            let Some(id) = headers::agreed(&head.headers, &SESSION_ID)? else { return Ok(None) };
            let loaded = self.0.load(id, platform.now()).await.map_err(unavailable)?;
            let principal = head.extensions.get::<Principal>().map(|principal| principal.0.to_string());
            // Whoever finds out an id cannot use it as somebody else.
            let session = loaded.filter(|session| session.principal == principal);
            let session = session.ok_or_else(Refusal::unknown_session)?;
            let (store, platform) = (Arc::clone(&self.0), Arc::clone(platform));
            let session: Box<dyn OneSession> = Box::new(InSession { store, platform, id: id.to_owned(), session });
            Ok(Some(session))
        })
    }

    fn begin<'a>(
        &'a self,
        mut response: Response<Body>,
        revision: Revision,
        params: Option<RawJson<'a>>,
        principal: Option<Principal>,
        platform: &'a Arc<dyn Platform>,
    ) -> BorrowingFuture<'a, Result<Response<Body>, Refusal>> {
        Box::pin(async move {
            let params: Value = params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            let member = |name: &str| params.get(name).cloned().unwrap_or_default();
            let mut session = Session::new(revision);
            session.capabilities = ClientCapabilities::deserialize(member("capabilities")).unwrap_or_default();
            session.client_info = Implementation::deserialize(member("clientInfo")).ok();
            // For people, who do not look here.
            session.client_info.iter_mut().for_each(|info| info.icons.clear());
            session.principal = principal.map(|principal| principal.0.to_string());
            // It is kept, and read for each request.
            if serde_json::to_vec(&session).map_or(true, |kept| kept.len() > MOST_SESSION_BYTES) {
                return Err(Refusal::invalid_params(format!(
                    "What a session keeps of params.capabilities and params.clientInfo may take {MOST_SESSION_BYTES} \
                     bytes."
                )));
            }
            let id = random_id::<24>(&**platform);
            self.0.create(&id, session, platform.now()).await.map_err(unavailable)?;
            if let Ok(id) = HeaderValue::try_from(id) {
                response.headers_mut().insert(SESSION_ID, id);
            }
            Ok(response)
        })
    }
}

impl OneSession for InSession {
    fn revision(&self) -> Revision {
        self.session.revision
    }

    fn answer<'a>(
        self: Box<Self>,
        endpoint: &'a StreamableHttp,
        incoming: Incoming<'a>,
    ) -> BorrowingFuture<'a, Result<Response<Body>, Refusal>> {
        Box::pin(endpoint.answer_with_session(*self, incoming))
    }

    fn answer_verb<'a>(
        self: Box<Self>,
        endpoint: &'a StreamableHttp,
        head: &'a request::Parts,
    ) -> BorrowingFuture<'a, Result<Response<Body>, Refusal>> {
        Box::pin(endpoint.answer_verb(*self, head))
    }

    fn take_answer<'a>(&'a self, answer: Answer<'a>) -> BorrowingFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let message = match (answer.result, answer.error) {
                (Some(result), _) => format!(r#"{{"result":{}}}"#, result.get()),
                (None, Some(error)) => format!(r#"{{"error":{}}}"#, error.get()),
                (None, None) => return Err(Refusal::unexpected_response(&answer.id)),
            };
            let id = answer.id.to_string();
            // That nobody waits for it (any more), or ever did, is no fault of the client's.
            if !is_random_id::<QUESTION_ID>(&id) {
                return Ok(());
            }
            let stream = answer_stream(&id);
            self.store.append(&self.id, &stream, Bytes::from(message), true).await.map_err(unavailable)?;
            Ok(())
        })
    }

    fn take_cancellation<'a>(&'a self, params: Option<RawJson<'a>>) -> BorrowingFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let Some(id) = cancelled_id(params) else { return Ok(()) };
            let stream = cancel_stream(&id);
            self.store.append(&self.id, &stream, Bytes::new(), true).await.map_err(unavailable)?;
            Ok(())
        })
    }
}

impl StreamableHttp {
    async fn answer_verb(&self, session: InSession, head: &request::Parts) -> Result<Response<Body>, Refusal> {
        era::decide_verb(&head.headers)?;
        if head.method == Method::DELETE {
            session.store.remove(&session.id).await.map_err(unavailable)?;
            return Ok(Body::empty(StatusCode::NO_CONTENT));
        }
        let Some(last) = headers::value(&head.headers, &LAST_EVENT_ID)? else {
            return match self.server.notifier() {
                Some(notifier) => Ok(Body::events(Announcements::new(session, notifier.clone(), self.server.clone()))),
                // There is nothing to say but in answer to a request.
                None => Err(Refusal::method_not_allowed(&head.method, NO_STREAM, "POST, DELETE, OPTIONS")),
            };
        };
        let parsed = last.rsplit_once('.').and_then(|(stream, number)| Some((stream, number.parse::<u64>().ok()?)));
        // Of the streams of a session, those of its requests alone are for its client.
        let parsed = parsed.filter(|(stream, _)| is_random_id::<STREAM_ID>(stream));
        let (stream, after) = parsed.ok_or_else(Refusal::unknown_event)?;
        Ok(Body::events(session.replay(stream, after)))
    }

    async fn answer_with_session(&self, session: InSession, incoming: Incoming<'_>) -> Result<Response<Body>, Refusal> {
        let (id, streams) = (incoming.request.id.clone(), incoming.streams);
        if let Some(response) = self.change_session(&session, &incoming.request, &incoming.params).await? {
            return Ok(response);
        }
        let revision = session.session.revision;
        let link: Arc<dyn ClientLink> = Arc::new(session.clone());
        let incoming = Incoming { revision, link: Some(link), log_level: session.session.log_level, ..incoming };
        let mut exchange = match self.start(incoming) {
            (_, Started::Done(outcome)) => {
                return Ok(Body::json(StatusCode::OK, self.legacy.encode(revision, &id, outcome)));
            }
            (_, Started::Running(exchange)) => exchange,
        };
        exchange.cancelled_by(session.cancellation(&id));
        match exchange.first().await {
            First::Finished(outcome) => Ok(Body::json(StatusCode::OK, self.legacy.encode(revision, &id, outcome))),
            First::Notified if streams => {
                // From here on the handler runs on its own, and whoever reads its stream may come and go.
                let stream = random_id::<STREAM_ID>(&*session.platform);
                exchange.beside(session.store.open(&session.id, &stream)).await.map_err(unavailable)?;
                let mut replay = session.replay(&stream, 0);
                if revision >= Revision::V2025_11_25 {
                    replay = replay.priming();
                }
                let platform = Arc::clone(&session.platform);
                platform.background(Box::pin(pump(exchange, session, stream, Arc::clone(&self.legacy), id)));
                Ok(Body::events(replay))
            }
            First::Notified => Err(Refusal::invalid_request("This client takes no events.").with_id(&id)),
        }
    }
}

impl InSession {
    pub(super) fn platform(&self) -> &Arc<dyn Platform> {
        &self.platform
    }

    fn replay(&self, stream: &str, after: u64) -> Replay {
        let (store, platform) = (Arc::clone(&self.store), Arc::clone(&self.platform));
        Replay::new(store, platform, self.id.clone(), stream.to_owned(), after)
    }

    /// Completes when the client cancels the request `id`. Costs nothing before the handler first has to wait.
    fn cancellation(&self, id: &RequestId) -> BoxFuture<()> {
        let (session, stream) = (self.clone(), cancel_stream(id));
        Box::pin(async move {
            let InSession { store, id, .. } = &session;
            let opened = async {
                store.close(id, &stream).await?;
                store.open(id, &stream).await
            };
            match opened.await {
                Err(error) => tracing::warn!(%error, "a request cannot be cancelled"),
                Ok(()) => {
                    let _awaited = Awaited { session: session.clone(), stream: stream.clone() };
                    if matches!(store.read(id, &stream, 0).await, Ok(Some(_))) {
                        return;
                    }
                }
            }
            // The stream went with the session: there is nobody left to cancel.
            std::future::pending().await
        })
    }
}

/// A stream for one message, which is closed when nobody waits for that any more.
struct Awaited {
    session: InSession,
    stream: String,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let closing = self.session.store.close(&self.session.id, &self.stream);
        self.session.platform.background(Box::pin(async move {
            if let Err(error) = closing.await {
                tracing::warn!(%error, "a stream stays until its session ends");
            }
        }));
    }
}

impl ClientLink for InSession {
    fn capabilities(&self) -> &ClientCapabilities {
        &self.session.capabilities
    }

    fn info(&self) -> Option<&Implementation> {
        self.session.client_info.as_ref()
    }

    fn can_come_back(&self) -> bool {
        true
    }

    fn question(&self, id: &str, params: Value) -> Value {
        question(id, params, self.session.revision)
    }

    fn expect(&self) -> BoxFuture<Result<String>> {
        let id = random_id::<QUESTION_ID>(&*self.platform);
        let opened = self.store.open(&self.id, &answer_stream(&id));
        Box::pin(async move { opened.await.map(|()| id).map_err(failed) })
    }

    fn answer(&self, id: String) -> BoxFuture<Result<ClientAnswer>> {
        let awaited = Awaited { session: self.clone(), stream: answer_stream(&id) };
        Box::pin(async move {
            let InSession { store, id, .. } = &awaited.session;
            let read = store.read(id, &awaited.stream, 0).await;
            let events = read.map_err(failed)?;
            let message = events.into_iter().flatten().next().map(|event| event.message);
            let message = message.ok_or_else(|| Error::Failed("The client ended its session.".to_owned()))?;
            let mut answer: Value = serde_json::from_slice(&message).unwrap_or_default();
            Ok(match answer.get_mut("result").map(Value::take) {
                Some(result) => Ok(result),
                None => {
                    let error = answer.get_mut("error").map(Value::take).unwrap_or_default();
                    let unreadable = |_| ErrorObject::new(ErrorCode::INTERNAL_ERROR, "an error that cannot be read");
                    Err(serde_json::from_value(error).unwrap_or_else(unreadable))
                }
            })
        })
    }
}

/// Runs a handler to its end, and keeps what it says in its stream.
async fn pump(mut exchange: Exchange, session: InSession, stream: String, legacy: Arc<Legacy>, id: RequestId) {
    let revision = session.session.revision;
    let append = |message: Vec<u8>, is_last: bool| session.store.append(&session.id, &stream, message.into(), is_last);
    let ended = loop {
        let first = exchange.first().await;
        let mut failed = None;
        for message in exchange.cx.outbox().take() {
            failed = exchange.beside(append(message, false)).await.err().or(failed);
        }
        match (first, failed) {
            (_, Some(error)) => break Err(error),
            // What was cancelled is not answered; whoever still reads finds the end.
            (First::Finished(Err(Error::Cancelled)), None) => break append(Vec::new(), true).await.map(drop),
            (First::Finished(outcome), None) => {
                break append(legacy.encode(revision, &id, outcome), true).await.map(drop);
            }
            (First::Notified, None) => {}
        }
    };
    if let Err(error) = ended {
        tracing::error!(%error, "the rest of a stream is lost");
        give_up(&session, &stream).await;
    }
}

/// Ends a stream that nobody writes any more, once its store can be reached again: whoever reads it would wait for what
/// never comes.
async fn give_up(session: &InSession, stream: &str) {
    let (mut pause, most) = CLOSING;
    while let Err(error) = session.store.close(&session.id, stream).await {
        if pause > most {
            tracing::warn!(%error, "a stream stays until its session ends");
            return;
        }
        session.platform.sleep(pause).await;
        pause *= 2;
    }
}

impl crate::server::Context {
    /// Lets the client of a session go, to come back for the rest after `retry`: for work that takes long enough for
    /// an open connection to be a burden. Revision 2025-11-25; does nothing for other clients.
    pub async fn disconnect(&self, retry: Duration) {
        if self.revision() == Revision::V2025_11_25
            && self.link().is_some_and(|link| link.can_come_back())
            && self.streams()
        {
            let mut message = RETRY.to_vec();
            message.extend_from_slice(retry.as_millis().to_string().as_bytes());
            self.outbox().send(message).await;
        }
    }
}

/// What the store says may be about the inside of the server: it is for the log.
const UNAVAILABLE: &str = "The server cannot reach its sessions; try again.";

pub(super) fn unavailable(error: SessionStoreError) -> Refusal {
    tracing::error!(%error, "a session could not be used");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::INTERNAL_ERROR, UNAVAILABLE)
}

/// The same to a handler.
pub(super) fn failed(error: SessionStoreError) -> Error {
    tracing::error!(handler = at_work().as_deref(), %error, "a session could not be used");
    Error::logged(UNAVAILABLE)
}
