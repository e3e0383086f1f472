//! The client of a connection that was opened with `initialize`: what it said then, and what it is asked since.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use serde_json::Value;

use crate::{
    error::Result,
    jsonrpc::{ErrorCode, ErrorObject, RawJson, Response},
    legacy::{Session, question},
    platform::BoxFuture,
    protocol::{ClientCapabilities, Implementation, Revision},
    server::{ClientAnswer, ClientLink},
};

/// A connection is a session that needs no store: it lives and ends with its process.
pub(super) struct Client {
    session: Session,
    questions: Mutex<Questions>,
}

#[derive(Default)]
struct Questions {
    count: u64,
    /// By the id of the request that asks.
    asked: HashMap<String, Question>,
}

#[derive(Default)]
struct Question {
    answer: Option<ClientAnswer>,
    waiting: Option<Waker>,
}

impl Client {
    /// After a handshake with `params` that agreed on `revision`.
    pub(super) fn new(revision: Revision, params: Option<RawJson<'_>>) -> Self {
        let member = |name: &str| params?.members().find(|(known, _)| known == name).map(|(_, value)| value.get());
        // What cannot be read is as good as not declared, as in the newest revision.
        let mut session = Session::new(revision);
        let capabilities = member("capabilities").and_then(|json| serde_json::from_str(json).ok());
        session.capabilities = capabilities.unwrap_or_default();
        session.client_info = member("clientInfo").and_then(|json| serde_json::from_str(json).ok());
        Self { session, questions: Mutex::default() }
    }

    /// Takes an answer; whether anything was asked that it answers.
    pub(super) fn take_answer(&self, response: &Response<'_>) -> bool {
        let answer = match (response.result, response.error) {
            (Some(result), _) => serde_json::from_str(result.get()).map_err(unreadable),
            (None, error) => {
                Err(error.and_then(|error| serde_json::from_str(error.get()).ok()).unwrap_or_else(|| unreadable("")))
            }
        };
        let mut questions = self.questions();
        match questions.asked.get_mut(&response.id.to_string()) {
            Some(question) if question.answer.is_none() => {
                question.answer = Some(answer);
                let waiting = question.waiting.take();
                drop(questions);
                waiting.into_iter().for_each(Waker::wake);
                true
            }
            _ => false,
        }
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        // No code that can panic runs under the lock, and the questions are whole at every step.
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(_: impl std::fmt::Display) -> ErrorObject {
    ErrorObject::new(ErrorCode::INTERNAL_ERROR, "an answer that cannot be read")
}

/// The way back to the client for one request, whose questions are forgotten with it.
pub(super) struct Way {
    client: Arc<Client>,
    asked: Mutex<Vec<String>>,
}

impl Way {
    pub(super) fn to(client: &Arc<Client>) -> Arc<dyn ClientLink> {
        Arc::new(Self { client: Arc::clone(client), asked: Mutex::default() })
    }
}

impl ClientLink for Way {
    fn capabilities(&self) -> &ClientCapabilities {
        &self.client.session.capabilities
    }

    fn info(&self) -> Option<&Implementation> {
        self.client.session.client_info.as_ref()
    }

    fn question(&self, id: &str, params: Value) -> Value {
        question(id, params, self.client.session.revision)
    }

    fn expect(&self) -> BoxFuture<Result<String>> {
        let mut questions = self.client.questions();
        questions.count += 1;
        let id = format!("question-{}", questions.count);
        questions.asked.insert(id.clone(), Question::default());
        drop(questions);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        Box::pin(std::future::ready(Ok(id)))
    }

    fn answer(&self, id: String) -> BoxFuture<Result<ClientAnswer>> {
        let client = Arc::clone(&self.client);
        Box::pin(poll_fn(move |task| {
            let mut questions = client.questions();
            // Forgotten, and so is the request: nobody is left to be told.
            let Some(question) = questions.asked.get_mut(&id) else { return Poll::Pending };
            if let Some(answer) = question.answer.take() {
                questions.asked.remove(&id);
                return Poll::Ready(Ok(answer));
            }
            let before = question.waiting.replace(task.waker().clone());
            drop(questions);
            drop(before);
            Poll::Pending
        }))
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let asked = std::mem::take(self.asked.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut questions = self.client.questions();
        let forgotten: Vec<_> = asked.iter().filter_map(|id| questions.asked.remove(id)).collect();
        drop(questions);
        drop(forgotten);
    }
}
