//! The first step of a request, after which most are answered: what the others wait in is kept small, since every
//! connection of a server has room for it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request};

use super::{
    Body, Refusal, StreamableHttp, cors, encode_outcome,
    era::{self, Era},
    events::Events,
    exchange::{Exchange, First},
    headers,
    older::Incoming,
};
use crate::{
    jsonrpc::{self, ErrorObject, Message, Notification, Request, RequestId},
    platform::{BorrowingFuture, Platform},
    protocol::{RequestParams, Revision},
    server::Outcome,
};

/// How far a request came at once.
pub(super) enum Begun<'a> {
    Answered(Response<Body>),
    /// Its handler takes its time.
    Waits(Waiting),
    /// It is many in one, or its session is to be asked for.
    Older(BorrowingFuture<'a, Result<Response<Body>, Refusal>>),
}

/// A handler at work, and what its answer is to say besides.
pub(super) struct Waiting {
    pub(super) exchange: Exchange,
    pub(super) id: RequestId,
    pub(super) revision: Revision,
}

/// Who reads the answer.
pub(super) struct Reader {
    /// A web page, that is let in.
    origin: Option<HeaderValue>,
    reads_events_only: bool,
}

/// What is done here, where no verb but `POST` is for the client.
pub(super) const NO_STREAM: &str = "send requests with POST. There is no stream to open.";

/// The longest body that is copied for a stream: a longer one is most of the memory that it stands in.
const MOST_COPIED: usize = 16 << 10;

/// What a handler may still read of its request, where its answer may be a stream. It gets memory of its own, as the
/// request's is its connection's buffer, which would be held for as long as the stream is open.
pub(super) fn kept(mut headers: HeaderMap, body: &Bytes) -> (HeaderMap, Bytes) {
    if body.len() > MOST_COPIED {
        return (headers, body.clone());
    }
    let mut copied = Vec::with_capacity(body.len() + headers.values().map(HeaderValue::len).sum::<usize>());
    copied.extend_from_slice(body);
    headers.values().for_each(|value| copied.extend_from_slice(value.as_bytes()));
    let mut copied = Bytes::from(copied);
    let body = copied.split_to(body.len());
    for value in headers.values_mut() {
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(copied.split_to(value.len())) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
    (headers, body)
}

impl Reader {
    pub(super) fn deliver(self, answered: Result<Response<Body>, Refusal>) -> Response<Body> {
        let response = match answered {
            Ok(response) if self.reads_events_only => Body::in_events(response),
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        };
        cors::allow(response, self.origin)
    }
}

impl StreamableHttp {
    /// Begins a request that may be here.
    pub(super) fn begin<'a>(
        &'a self,
        head: request::Parts,
        body: &'a Bytes,
        platform: &'a Arc<dyn Platform>,
    ) -> (Result<Begun<'a>, Refusal>, Reader) {
        let is_post = head.method == Method::POST;
        let reader = Reader {
            origin: head.headers.get(header::ORIGIN).cloned(),
            reads_events_only: self.answers_in_events && is_post && headers::accepts_events(&head.headers),
        };
        let begun = match head.method {
            Method::POST => self.begin_post(head, body, platform),
            Method::OPTIONS if reader.origin.is_some() => Ok(Begun::Answered(cors::preflight(&head.headers))),
            Method::GET | Method::DELETE if self.sessions.is_some() => {
                Ok(Begun::Older(Box::pin(self.answer_in_session(head, platform))))
            }
            _ => Err(match self.sessions {
                None => Refusal::method_not_allowed(&head.method, NO_STREAM, "POST, OPTIONS"),
                Some(_) => {
                    let instead = "send requests with POST. GET and DELETE are for sessions.";
                    Refusal::method_not_allowed(&head.method, instead, "GET, POST, DELETE, OPTIONS")
                }
            }),
        };
        (begun, reader)
    }

    fn begin_post<'a>(
        &'a self,
        head: request::Parts,
        body: &'a Bytes,
        platform: &'a Arc<dyn Platform>,
    ) -> Result<Begun<'a>, Refusal> {
        headers::check_content_type(&head.headers)?;
        if body.len() > self.max_body_bytes {
            return Err(Refusal::payload_too_large(self.max_body_bytes));
        }
        let (read, params) = jsonrpc::Body::parse_with(body, self.max_depth, RequestParams::read);
        let message = match read {
            jsonrpc::Body::Message(message) => message.map_err(Refusal::unparsed)?,
            jsonrpc::Body::Batch(json) => {
                return Ok(Begun::Older(Box::pin(self.answer_batch(head, body, json, platform))));
            }
            jsonrpc::Body::TooDeep => return Err(Refusal::too_deep(self.max_depth)),
        };
        match message {
            Message::Request(request) => {
                let params = params.unwrap_or_else(|| RequestParams::parse(request.params));
                self.begin_request(head, body, request, params, platform)
            }
            Message::Notification(notification) => {
                let params = params.unwrap_or_else(|| RequestParams::parse(notification.params));
                self.begin_notification(head, notification, &params, platform)
            }
            Message::Response(answer) if self.sessions.is_some() => {
                Ok(Begun::Older(Box::pin(self.take_answer(head, answer, platform))))
            }
            Message::Response(answer) => {
                era::decide_answer(&head.headers, &answer.id)?;
                Ok(Begun::Answered(Body::empty(StatusCode::ACCEPTED)))
            }
        }
    }

    fn begin_request<'a>(
        &'a self,
        head: request::Parts,
        body: &'a Bytes,
        request: Request<'a>,
        params: Result<RequestParams<'a>, ErrorObject>,
        platform: &'a Arc<dyn Platform>,
    ) -> Result<Begun<'a>, Refusal> {
        let decided = headers::agreed(&head.headers, &headers::PROTOCOL_VERSION)
            .and_then(|version| Ok((version, era::decide(version, &request.method, &params)?)));
        match decided.map_err(|refusal| refusal.with_id(&request.id))? {
            (version, Era::Modern) => {
                let checked = self.check(&head.headers, version, &request.method, params);
                let checked = checked.map_err(|refusal| refusal.with_id(&request.id))?;
                Ok(self.begin_modern(head, body, request, checked, platform))
            }
            (_, Era::Legacy(revision)) => {
                let streams = headers::accepts_events(&head.headers);
                let (link, log_level) = (None, None);
                let incoming = Incoming { revision, head, body, request, params, platform, streams, link, log_level };
                match self.sessions {
                    Some(_) => Ok(Begun::Older(Box::pin(self.answer_with_sessions(incoming)))),
                    None => Ok(self.begin_legacy(incoming)),
                }
            }
        }
    }

    /// Without a session, nothing that a client notifies of concerns the server: a broken connection cancels, and a
    /// handshake leaves no state.
    #[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
    fn begin_notification<'a>(
        &'a self,
        head: request::Parts,
        notification: Notification<'a>,
        params: &Result<RequestParams<'a>, ErrorObject>,
        platform: &'a Arc<dyn Platform>,
    ) -> Result<Begun<'a>, Refusal> {
        let is_older = era::decide_notification(&head.headers, params)?;
        if is_older && self.sessions.is_some() {
            return Ok(Begun::Older(Box::pin(self.take_notification(head, notification, platform))));
        }
        Ok(Begun::Answered(Body::empty(StatusCode::ACCEPTED)))
    }

    /// Runs a handler until it is done, or has sent something: then its answer is a stream, in which it runs on.
    pub(super) async fn wait(&self, mut waiting: Waiting) -> Response<Body> {
        let first = waiting.exchange.first().await;
        let Waiting { exchange, id, revision } = waiting;
        match first {
            First::Finished(outcome) => self.encode(revision, &id, outcome),
            First::Notified if revision.is_legacy() => {
                let legacy = Arc::clone(&self.legacy);
                Body::events(Events::new(exchange, move |outcome| legacy.encode(revision, &id, outcome)))
            }
            First::Notified => {
                let server = self.server.clone();
                Body::events(Events::new(exchange, move |outcome| encode_outcome(&server, &id, outcome).1))
            }
        }
    }

    /// A whole answer, in the words of `revision`.
    pub(super) fn encode(&self, revision: Revision, id: &RequestId, outcome: Outcome) -> Response<Body> {
        let (status, json) = match revision.is_legacy() {
            true => (StatusCode::OK, self.legacy.encode(revision, id, outcome)),
            false => encode_outcome(&self.server, id, outcome),
        };
        Body::json(status, json)
    }
}
