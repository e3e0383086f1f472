//! Asking the client in the middle of a handler (specification page `basic/patterns/mrtr`).
//!
//! In revision 2026-07-28 the server sends no requests. A question ends the request with a result that says what is
//! asked; the client sends the request again with the answers, and the handler runs once more from the top. What was
//! answered before, and what [`Context::once`] has done, it finds again in a state that the client carries, sealed.

use std::{
    future::{Future, poll_fn},
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Context, client_link::OpenQuestion};
use crate::{
    error::{Error, Result},
    jsonrpc::{encode_notification, encode_request},
    protocol::InputRequest,
};

/// What has been asked and answered in the rounds of one request.
#[derive(Default)]
pub(crate) struct Rounds(Mutex<State>);

#[derive(Default)]
struct State {
    memory: Memory,
    /// In this round, in order.
    asked: Vec<(String, InputRequest)>,
}

/// What goes from round to round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Answers by the key of their question, as the client gave them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) answers: Map<String, Value>,
    /// What [`Context::once`] came to, by its step.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) steps: Map<String, Value>,
}

/// What a round ends with that cannot go on.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) requests: Map<String, Value>,
    pub(crate) memory: Memory,
}

impl Rounds {
    pub(crate) fn new(memory: Memory) -> Self {
        Self(Mutex::new(State { memory, asked: Vec::new() }))
    }

    /// What was asked in this round; `None` where nothing was.
    pub(crate) fn asked(&self) -> Option<Result<Asked>> {
        let mut state = self.state();
        if state.asked.is_empty() {
            return None;
        }
        let requests = std::mem::take(&mut state.asked).into_iter().map(|(key, request)| {
            serde_json::to_value(request).map(|request| (key, request)).map_err(|error| {
                Error::Internal(format!("A question to the client cannot be written as JSON: {error}."))
            })
        });
        let requests = requests.collect::<Result<Map<_, _>>>();
        Some(requests.map(|requests| Asked { requests, memory: state.memory.clone() }))
    }

    /// Whether anything was asked in this round.
    pub(crate) fn has_asked(&self) -> bool {
        !self.state().asked.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// The answer to the question under `key`: `parse`d where there is one that fits, asked for otherwise.
    pub(super) async fn ask<T>(
        &self,
        key: &str,
        request: impl FnOnce() -> InputRequest,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Result<T> {
        if let Some(desk) = self.desk().filter(|desk| desk.is_task()) {
            return desk.ask(key, request(), parse).await;
        }
        if self.revision().is_legacy() {
            return self.ask_now(request(), parse).await;
        }
        let mut request = Some(request);
        poll_fn(|_| {
            let mut state = self.rounds().state();
            if let Some(answer) = state.memory.answers.get(key).and_then(&parse) {
                return Poll::Ready(Ok(answer));
            }
            if let Some(request) = request.take() {
                // What does not fit is not kept: the person is asked again.
                state.memory.answers.remove(key);
                if state.asked.iter().any(|(asked, _)| asked == key) {
                    let text = format!("Two questions have the key {key:?}: give each its own.");
                    return Poll::Ready(Err(Error::Internal(text)));
                }
                state.asked.push((key.to_owned(), request()));
            }
            Poll::Pending
        })
        .await
    }

    /// Asks a client of an older revision through its session, and waits for the answer in place.
    async fn ask_now<T>(&self, request: InputRequest, parse: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let link = self.link().filter(|_| self.streams()).ok_or(Error::CannotAsk)?;
        let id = link.expect().await?;
        let encoded =
            encode_request(&id, request.method, request.params.map(|params| link.question(&id, params)).as_ref());
        let unwritable =
            |error| Error::Internal(format!("A question to the client cannot be written as JSON: {error}."));
        let encoded = encoded.map_err(unwritable)?;
        let withdrawal = encode_notification("notifications/cancelled", &serde_json::json!({ "requestId": id }));
        let withdrawal = withdrawal.map_err(unwritable)?;
        self.outbox().send(encoded).await;
        if self.outbox().is_closed() {
            // The request is over, and with it the way to the client: a task goes on, or a clone of its context.
            return Err(Error::CannotAsk);
        }
        let open = OpenQuestion::new(self.outbox(), withdrawal);
        let answer = link.answer(id).await;
        open.close();
        let answer = answer?.map_err(|error| Error::Failed(format!("The client refused a question: {error}.")))?;
        parse(&answer).ok_or_else(|| Error::Failed("The client's answer to a question does not fit it.".to_owned()))
    }

    /// Does `work` once, however often the handler is run again because it asks the client.
    ///
    /// A handler that asks runs from the top for every round. What it must not do twice (write a row, send a mail)
    /// goes in here, under a name of its own; in later rounds `work` is dropped, and its result is what it was. The
    /// result travels with the client, sealed, so keep it small. Where the request is abandoned, or sent again from
    /// the start, nothing remembers it: work that must not be done twice by anybody needs a key in your database.
    ///
    /// A handler is not run again in a task, nor for a client of an older revision: there `work` is simply done, once
    /// for each name.
    ///
    /// # Errors
    /// When the result cannot be kept as JSON, or was kept by another version of the code and does not fit.
    pub async fn once<T: Serialize + DeserializeOwned>(&self, step: &str, work: impl Future<Output = T>) -> Result<T> {
        let unfit = |error| Error::Internal(format!("The result of the step {step:?} cannot be kept: {error}."));
        if let Some(kept) = self.rounds().state().memory.steps.get(step) {
            return T::deserialize(kept).map_err(unfit);
        }
        let result = work.await;
        let kept = serde_json::to_value(&result).map_err(unfit)?;
        self.rounds().state().memory.steps.insert(step.to_owned(), kept);
        Ok(result)
    }
}
