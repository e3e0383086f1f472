//! The revisions that open with `initialize`: 2024-11-05, 2025-03-26, 2025-06-18 and 2025-11-25, without sessions.
//!
//! The handlers are the same. What differs on the wire is here: the handshake, the methods that are gone since, the
//! error codes, and what a result may carry. Nothing else in the crate depends on this module but the transports.

mod down_convert;
mod initialize;
mod lists;
mod memory_store;
mod session;
mod tasks;

use std::sync::OnceLock;

use bytes::Bytes;

use crate::{
    error::Error,
    jsonrpc::{ErrorCode, RequestId, encode_error, encode_reply},
    protocol::{LogLevel, RequestParams, Revision},
    server::{Answer, AnswerBody, Context, Outcome, Reply, Server, is_of_skills},
};
pub(crate) use down_convert::question;
use lists::Lists;
pub use memory_store::MemorySessionStore;
pub use session::{Session, SessionStore, SessionStoreError, StreamEvent};

/// A missing resource, in these revisions.
const RESOURCE_NOT_FOUND: ErrorCode = ErrorCode(-32002);

/// A server as clients of older revisions see it.
pub(crate) struct Legacy {
    server: Server,
    /// Whether clients can be told of changes.
    announces: bool,
    /// By revision, oldest first; each encoded when the first client of that revision asks.
    lists: [OnceLock<serde_json::Result<Lists>>; 4],
}

impl Legacy {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, announces: false, lists: Default::default() }
    }

    /// The same, for clients that have sessions, in which they can be told of changes.
    pub(crate) fn announcing(server: Server) -> Self {
        Self { announces: true, ..Self::new(server) }
    }

    /// The revision that a request speaks: of the handshake, what it negotiates.
    pub(crate) fn revision(&self, header: Revision, method: &str, params: &RequestParams<'_>) -> Revision {
        if method == "initialize" { initialize::negotiate(params) } else { header }
    }

    /// The least grave log message that a client is sent: what its session remembers of what it `set`, if it has one.
    pub(crate) fn log_level(&self, set: Option<LogLevel>) -> Option<LogLevel> {
        self.server.capabilities().logging.is_some().then(|| set.unwrap_or(LogLevel::Info))
    }

    /// Hands a request to what serves its method.
    pub(crate) fn dispatch(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
        let revision = cx.revision();
        if let Some(tasks) = tasks::serving(&self.server, revision, method) {
            return tasks.handle_older(method, params, cx);
        }
        match method {
            "initialize" => Reply::Ready(initialize::handle(&self.server, params, self.announces, &cx)),
            "ping" => Reply::Ready(Ok(empty())),
            "logging/setLevel" if self.server.capabilities().logging.is_some() => {
                // Without a session it cannot outlive this request; messages go on from `info`.
                let level = RequestParams::required::<LogLevel>(params.level, "level");
                Reply::Ready(level.map(|_| empty()).map_err(Error::from))
            }
            "server/discover" | "tasks/get" | "tasks/update" | "tasks/cancel" => {
                Reply::Ready(Err(Error::MethodNotFound { method: method.to_owned() }))
            }
            "tools/list" | "resources/list" | "resources/templates/list" | "prompts/list"
                if self.server.serves(method) =>
            {
                Reply::Ready(self.list(revision, method, params))
            }
            _ if is_of_skills(method) => match self.server.serves(method) && revision >= Revision::V2025_06_18 {
                true => Reply::Ready(self.list(revision, method, params)),
                false => Reply::Ready(Err(Error::MethodNotFound { method: method.to_owned() })),
            },
            _ => self.server.dispatch(method, params, cx),
        }
    }

    fn list(&self, revision: Revision, method: &str, params: &RequestParams<'_>) -> Outcome {
        let lists = self
            .lists
            .get(revision as usize)
            .map(|lists| lists.get_or_init(|| Lists::encode(self.server.registry(), revision)));
        match lists {
            Some(Ok(lists)) => match lists.skills.as_ref().filter(|_| is_of_skills(method)) {
                Some(skills) => skills.answer(method, params).map(Answer::prepared),
                None => lists.of(method).at(params).map(Answer::prepared),
            },
            Some(Err(error)) => Err(Error::Internal(format!("The list cannot be written as JSON: {error}."))),
            None => Err(Error::MethodNotFound { method: method.to_owned() }),
        }
    }

    /// The response, in the words of `revision`.
    pub(crate) fn encode(&self, revision: Revision, id: &RequestId, outcome: Outcome) -> Vec<u8> {
        let error = match outcome {
            Ok(answer) => {
                let mut json = Vec::with_capacity(answer.capacity());
                match encode_reply(&mut json, id, |out| down_convert::encode_answer(out, answer, revision)) {
                    Ok(()) => return json,
                    Err(error) => Error::Internal(format!("The result cannot be written as JSON: {error}.")),
                }
            }
            Err(error) => error,
        };
        let is_missing = matches!(error, Error::ResourceNotFound { .. });
        let mut object = error.into_told(id);
        if is_missing {
            object.code = RESOURCE_NOT_FOUND;
        }
        encode_error(Some(id), &object)
    }
}

pub(crate) fn empty() -> Answer {
    Answer(AnswerBody::Prepared(Bytes::from_static(b"{}")))
}
