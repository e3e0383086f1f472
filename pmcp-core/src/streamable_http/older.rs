//! Requests of the revisions that open with `initialize`, each on its own: no session is kept.

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{Response, StatusCode, request};

use super::{
    Body, Refusal, StreamableHttp, era,
    events::Events,
    exchange::{Exchange, First},
    headers,
};
use crate::{
    jsonrpc::{ErrorCode, ErrorObject, Message, Request, RequestId, encode_error, split_batch},
    platform::Platform,
    protocol::{RequestParams, Revision},
    server::{Context, Memory, Outcome, Reply, RequestContext},
};

/// The most messages that one batch may have.
const MOST_MESSAGES: usize = 100;

impl StreamableHttp {
    pub(super) async fn answer_legacy(
        &self,
        revision: Revision,
        head: request::Parts,
        body: &Bytes,
        request: Request<'_>,
        params: Result<RequestParams<'_>, ErrorObject>,
        platform: &Arc<dyn Platform>,
    ) -> Result<Response<Body>, Refusal> {
        let streams = headers::accepts_events(&head.headers);
        let id = request.id.clone();
        let (revision, outcome) = match self.start(revision, head, body, request, params, platform, streams) {
            (revision, Started::Done(outcome)) => (revision, outcome),
            (revision, Started::Running(mut exchange)) => match exchange.first().await {
                First::Finished(outcome) => (revision, outcome),
                First::Notified => {
                    let legacy = self.legacy.clone();
                    let encode = move |outcome| legacy.encode(revision, &id, outcome);
                    return Ok(Body::events(Events::new(exchange, encode)));
                }
            },
        };
        Ok(Body::json(StatusCode::OK, self.legacy.encode(revision, &id, outcome)))
    }

    /// Answers a batch: its requests run side by side, and the responses come in their order, in one array.
    pub(super) async fn answer_batch(
        &self,
        head: request::Parts,
        body: &Bytes,
        platform: &Arc<dyn Platform>,
    ) -> Result<Response<Body>, Refusal> {
        let elements = split_batch(body).map_err(|error| Refusal::unparsed((None, error)))?;
        let revision = era::decide_batch(&head.headers)?;
        if elements.is_empty() || elements.len() > MOST_MESSAGES {
            return Err(Refusal::invalid_request(format!("A batch must have 1 to {MOST_MESSAGES} messages.")));
        }
        let messages: Vec<_> = elements.iter().map(|element| Message::parse(element.get().as_bytes())).collect();
        let forbidden = |message: &Result<Message<'_>, _>| matches!(message, Ok(Message::Request(request)) if request.method == "initialize");
        if messages.iter().any(forbidden) {
            return Err(Refusal::invalid_request("initialize must stand alone, not in a batch."));
        }
        let mut slots = Vec::new();
        for message in messages {
            slots.push(match message {
                Ok(Message::Request(request)) => {
                    let (head, id) = (head.clone(), request.id.clone());
                    let params = RequestParams::parse(request.params);
                    match self.start(revision, head, body, request, params, platform, false).1 {
                        Started::Done(outcome) => Slot::Answered(self.legacy.encode(revision, &id, outcome)),
                        Started::Running(exchange) => Slot::Running(id, exchange),
                    }
                }
                // Neither a notification nor an answer to a question that was never asked has a response.
                Ok(Message::Notification(_) | Message::Response(_)) => continue,
                Err((id, error)) => Slot::Answered(encode_error(id.as_ref(), &error)),
            });
        }
        if slots.is_empty() {
            return Ok(Body::empty(StatusCode::ACCEPTED));
        }
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

    #[expect(clippy::too_many_arguments, reason = "what one request is made of")]
    fn start(
        &self,
        revision: Revision,
        head: request::Parts,
        body: &Bytes,
        request: Request<'_>,
        params: Result<RequestParams<'_>, ErrorObject>,
        platform: &Arc<dyn Platform>,
        streams: bool,
    ) -> (Revision, Started) {
        let parsed = params.and_then(|params| {
            let token = params.meta.progress_token.map(|raw| serde_json::from_str(raw.get())).transpose();
            let token = token.map_err(|_| {
                let message = "params._meta.progressToken must be a string or an integer.";
                ErrorObject::new(ErrorCode::INVALID_PARAMS, message)
            })?;
            Ok((params, token))
        });
        let (params, progress_token) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return (revision, Started::Done(Err(error.into()))),
        };
        let revision = self.legacy.revision(revision, &request.method, &params);
        let cx = Context::new(RequestContext {
            revision,
            id: request.id,
            body: body.clone(),
            progress_token,
            log_level: self.legacy.log_level(),
            streams,
            headers: head.headers,
            extensions: head.extensions,
            platform: Arc::clone(platform),
            memory: Memory::default(),
        });
        let started = match self.legacy.dispatch(&request.method, &params, cx.clone()) {
            Reply::Ready(outcome) => {
                // A handler may have left a clone of its context behind, which must not wait for a reader.
                cx.outbox().close();
                Started::Done(outcome)
            }
            Reply::Pending(handler) => Started::Running(Exchange::new(cx, handler, self.time_limit, &self.sealer)),
        };
        (revision, started)
    }
}

enum Started {
    Done(Outcome),
    Running(Exchange),
}

/// The place of a response in its batch.
enum Slot {
    Answered(Vec<u8>),
    Running(RequestId, Exchange),
}
