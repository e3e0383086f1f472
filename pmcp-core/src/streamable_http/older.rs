//! Requests of the revisions that open with `initialize`, each on its own, as it is without a session.

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{Response, StatusCode, request};

use super::{
    Body, Exchange, Refusal, StreamableHttp,
    begin::{Begun, Waiting, kept},
    era, parse_progress_token,
    sessions::OneSession,
};
use crate::{
    jsonrpc::{ErrorObject, Message, RawJson, Request, RequestId, encode_error},
    platform::Platform,
    protocol::{LogLevel, RequestParams, Revision},
    server::{Context, Link, Memory, Outcome, Reply, RequestContext, deadline},
};

/// The most messages that one batch may have.
const MOST_MESSAGES: usize = 100;

/// A request of an older revision.
pub(super) struct Incoming<'a> {
    /// As the header says, or the session.
    pub(super) revision: Revision,
    pub(super) head: request::Parts,
    pub(super) body: &'a Bytes,
    pub(super) request: Request<'a>,
    pub(super) params: Result<RequestParams<'a>, ErrorObject>,
    pub(super) platform: &'a Arc<dyn Platform>,
    /// Whether anything but the result can reach the client.
    pub(super) streams: bool,
    pub(super) link: Link,
    /// As the session remembers it.
    pub(super) log_level: Option<LogLevel>,
}

impl StreamableHttp {
    /// Begins a request that stands alone, as all do where the server keeps no sessions.
    #[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
    pub(super) fn begin_legacy(&self, incoming: Incoming<'_>) -> Begun<'static> {
        let id = incoming.request.id.clone();
        match self.start(incoming) {
            (revision, Started::Done(outcome)) => Begun::Answered(self.encode(revision, &id, outcome)),
            (revision, Started::Running(exchange)) => Begun::Waits(Waiting { exchange, id, revision }),
        }
    }

    /// Answers a request where the server keeps sessions: in its own, if it names one.
    pub(super) async fn answer_with_sessions(&self, incoming: Incoming<'_>) -> Result<Response<Body>, Refusal> {
        if incoming.request.method == "initialize" {
            return self.answer_handshake(incoming).await;
        }
        let session = self.session_of(&incoming.head, incoming.platform).await;
        match session.map_err(|refusal| refusal.with_id(&incoming.request.id))? {
            Some(session) => {
                let id = incoming.request.id.clone();
                session.answer(self, incoming).await.map_err(|refusal| refusal.with_id(&id))
            }
            None => match self.begin_legacy(incoming) {
                Begun::Answered(response) => Ok(response),
                Begun::Waits(waiting) => Ok(self.wait(waiting).await),
                Begun::Older(answer) => answer.await,
            },
        }
    }

    /// Answers the handshake, and begins a session.
    async fn answer_handshake(&self, incoming: Incoming<'_>) -> Result<Response<Body>, Refusal> {
        let (id, platform) = (incoming.request.id.clone(), incoming.platform);
        let principal = incoming.head.extensions.get().cloned();
        let params = incoming.request.params;
        match self.start(incoming) {
            (revision, Started::Done(outcome)) => {
                let is_good = outcome.is_ok();
                let response = Body::json(StatusCode::OK, self.legacy.encode(revision, &id, outcome));
                match self.sessions.as_ref().filter(|_| is_good) {
                    Some(sessions) => {
                        let begun = sessions.begin(response, revision, params, principal, platform).await;
                        begun.map_err(|refusal| refusal.with_id(&id))
                    }
                    None => Ok(response),
                }
            }
            (_, Started::Running(_)) => Err(Refusal::invalid_request("The handshake cannot wait.").with_id(&id)),
        }
    }

    /// Answers a batch: its requests run side by side, and the responses come in their order, in one array.
    pub(super) async fn answer_batch(
        &self,
        head: request::Parts,
        body: &Bytes,
        json: RawJson<'_>,
        platform: &Arc<dyn Platform>,
    ) -> Result<Response<Body>, Refusal> {
        let session = self.session_of(&head, platform).await?;
        let revision = era::decide_batch(&head.headers, session.as_deref().map(OneSession::revision))?;
        let messages: Vec<_> =
            json.elements().take(MOST_MESSAGES + 1).map(|element| (element, Message::read(element))).collect();
        if messages.is_empty() || messages.len() > MOST_MESSAGES {
            return Err(Refusal::invalid_request(format!("A batch must have 1 to {MOST_MESSAGES} messages.")));
        }
        let opens = |message: &Result<Message<'_>, _>| matches!(message, Ok(Message::Request(request)) if request.method == "initialize");
        if messages.iter().any(|(_, message)| opens(message)) {
            return Err(Refusal::invalid_request("initialize must stand alone, not in a batch."));
        }
        // Requests are begun once there is nothing left to wait for but them: a handler that was begun and is not polled
        // may hold what others need.
        let mut slots = Vec::new();
        for (element, message) in messages {
            match message {
                Ok(Message::Request(request)) => {
                    slots.push(Slot::Waiting(request, body.slice_ref(element.get().as_bytes())));
                }
                // Neither has a response.
                Ok(Message::Notification(notification)) => {
                    if let Some(session) = &session
                        && notification.method == "notifications/cancelled"
                    {
                        session.take_cancellation(notification.params).await?;
                    }
                }
                Ok(Message::Response(answer)) => self.take_answer_in(session.as_deref(), &head, answer).await?,
                Err((id, error)) => slots.push(Slot::Answered(encode_error(id.as_ref(), &error))),
            }
        }
        if slots.is_empty() {
            return Ok(Body::empty(StatusCode::ACCEPTED));
        }
        let begin = |request: Request<'_>, body: &Bytes| {
            let (head, id) = (head.clone(), request.id.clone());
            let params = RequestParams::parse(request.params);
            let incoming = Incoming {
                revision,
                head,
                body,
                request,
                params,
                platform,
                streams: false,
                link: None,
                log_level: None,
            };
            match self.start(incoming).1 {
                Started::Done(outcome) => Slot::Answered(self.legacy.encode(revision, &id, outcome)),
                Started::Running(exchange) => Slot::Running(id, exchange),
            }
        };
        let begun = slots.into_iter().map(|slot| match slot {
            Slot::Waiting(request, body) => begin(request, &body),
            slot => slot,
        });
        let mut slots: Vec<_> = begun.collect();
        poll_fn(|task| {
            let mut done = true;
            for slot in &mut slots {
                if let Slot::Running(id, exchange) = slot {
                    match exchange.poll(task) {
                        Poll::Ready(outcome) => *slot = Slot::Answered(self.legacy.encode(revision, id, outcome)),
                        Poll::Pending => done = false,
                    }
                }
            }
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let mut json = Vec::new();
        for slot in &slots {
            if let Slot::Answered(response) = slot {
                json.push(if json.is_empty() { b'[' } else { b',' });
                json.extend_from_slice(response);
            }
        }
        json.push(b']');
        Ok(Body::json(StatusCode::OK, json))
    }

    pub(super) fn start(&self, incoming: Incoming<'_>) -> (Revision, Started) {
        let Incoming { revision, head, body, request, params, platform, streams, link, log_level } = incoming;
        let parsed = params.and_then(|params| {
            let token = parse_progress_token(&params.meta).map_err(Refusal::into_error)?;
            Ok((params, token))
        });
        let (params, progress_token) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return (revision, Started::Done(Err(error.into()))),
        };
        let revision = self.legacy.revision(revision, &request.method, &params);
        let log_level = self.legacy.log_level(log_level);
        // Only then can the answer be a stream: a handler that can ask its client has a link to it.
        let may_stream = streams && (progress_token.is_some() || log_level.is_some() || link.is_some());
        let (headers, body) = match may_stream {
            true => kept(head.headers, body),
            false => (head.headers, body.clone()),
        };
        let cx = Context::new(RequestContext {
            revision,
            id: request.id,
            body,
            progress_token,
            log_level,
            streams,
            headers,
            extensions: head.extensions,
            platform: Arc::clone(platform),
            memory: Memory::default(),
            link,
            deadline: deadline(&**platform, self.time_limit),
        });
        let started = match self.legacy.dispatch(&request.method, &params, cx.clone()) {
            Reply::Ready(outcome) => {
                // A handler may have left a clone of its context behind, which must not wait for a reader.
                cx.outbox().close();
                cx.ending().end();
                Started::Done(outcome)
            }
            Reply::Pending(handler) => Started::Running(Exchange::new(cx, handler, self.time_limit, &self.sealer)),
        };
        (revision, started)
    }
}

pub(super) enum Started {
    Done(Outcome),
    Running(Exchange),
}

/// The place of a response in its batch.
enum Slot<'a> {
    /// With its part of the body.
    Waiting(Request<'a>, Bytes),
    Answered(Vec<u8>),
    Running(RequestId, Exchange),
}
