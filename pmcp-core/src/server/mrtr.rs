//! Asking the client in the middle of a handler (specification page `basic/patterns/mrtr`).
//!
//! In revision 2026-07-28 the server sends no requests. A question ends the request with a result that says what is
//! asked; the client sends the request again with the answers, and the handler runs once more from the top. What was
//! answered before, and what [`Context::once`] has done, it finds again in a state that the client carries, sealed.

use std::{
    collections::HashSet,
    future::{Future, pending},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Context, client_link::OpenQuestion, request_state::may_ask};
use crate::{
    error::{Error, Result},
    jsonrpc::{encode_notification, encode_request},
    protocol::InputRequest,
};

/// So often the same is asked; then an answer that does not fit is an error.
pub(super) const MOST_TIMES: u32 = 3;

/// What has been asked and answered in the rounds of one request.
#[derive(Default)]
pub(crate) struct Rounds(Mutex<State>);

#[derive(Default)]
struct State {
    memory: Memory,
    /// In this round, in order.
    asked: Vec<(String, InputRequest)>,
    /// The keys of questions, and the names of steps, that this run of the handler has used.
    keys: HashSet<String>,
    steps: HashSet<String>,
}

/// What goes from round to round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Until when it can be opened once it is sealed, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) expires: u64,
    /// Answers by the key of their question, as the client gave them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) answers: Map<String, Value>,
    /// What the answers belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    questions: Vec<Question>,
    /// What [`Context::once`] came to, by its step.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) steps: Map<String, Value>,
}

/// What was asked under a key, and how often in vain.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    key: String,
    digest: u64,
    misses: u32,
}

/// What a round ends with that cannot go on.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) requests: Map<String, Value>,
    pub(crate) memory: Memory,
}

impl Rounds {
    pub(crate) fn new(memory: Memory) -> Self {
        Self(Mutex::new(State { memory, ..State::default() }))
    }

    /// What was asked in this round; `None` where nothing was.
    pub(crate) fn asked(&self) -> Option<Result<Asked>> {
        let mut state = self.state();
        if state.asked.is_empty() {
            return None;
        }
        let mut requests = Map::new();
        for (key, request) in std::mem::take(&mut state.asked) {
            match serde_json::to_value(request) {
                Ok(request) => requests.insert(key, request),
                Err(error) => return Some(Err(unwritable(error))),
            };
        }
        Some(Ok(Asked { requests, memory: state.memory.clone() }))
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

impl State {
    /// What was answered to the question under `key`, if it is the one with this digest.
    fn answer(&mut self, key: &str, digest: u64) -> Result<Option<Value>> {
        let Memory { questions, answers, .. } = &mut self.memory;
        if !questions.iter().any(|question| question.key == key) {
            questions.push(Question { key: key.to_owned(), digest, misses: 0 });
        }
        let another = questions.iter_mut().find(|question| question.key == key && question.digest != digest);
        let Some(question) = another else { return Ok(answers.get(key).cloned()) };
        question.digest = digest;
        if answers.remove(key).is_some() {
            question.misses += 1;
            if question.misses >= MOST_TIMES {
                let text = format!(
                    "The question {key:?} is another one each time that the handler runs: ask the same in every run, \
                     and keep what changes, such as the time, with cx.once."
                );
                return Err(Error::Internal(text));
            }
        }
        Ok(None)
    }

    /// Drops an answer that does not fit: the person is asked again, but not for ever.
    fn miss(&mut self, key: &str, error: &serde_json::Error) -> Result<()> {
        self.memory.answers.remove(key);
        let mut questions = self.memory.questions.iter_mut();
        let Some(question) = questions.find(|question| question.key == key) else { return Ok(()) };
        question.misses += 1;
        if question.misses >= MOST_TIMES { Err(unfit(key, error)) } else { Ok(()) }
    }
}

impl InputRequest {
    /// Tells one question from another; between two compilers it may differ, and then the person is asked again.
    fn digest(&self) -> Result<u64> {
        let mut hasher = DefaultHasher::new();
        serde_json::to_vec(self).map_err(unwritable)?.hash(&mut hasher);
        Ok(hasher.finish())
    }
}

fn used(what: &str, key: &str) -> Error {
    let own = format!("{key}-1");
    Error::Internal(format!("Two {what} {key:?} in one run of the handler: give each its own, such as {own:?}."))
}

/// After the last of [`MOST_TIMES`].
pub(super) fn unfit(key: &str, error: &serde_json::Error) -> Error {
    Error::Failed(format!("The answer to the question {key:?} does not fit, asked {MOST_TIMES} times: {error}."))
}

pub(super) fn unwritable(error: serde_json::Error) -> Error {
    Error::Internal(format!("A question to the client cannot be written as JSON: {error}."))
}

impl Context {
    /// The answer to the question under `key`: `parse`d where there is one that fits, asked for otherwise.
    pub(super) async fn ask<T>(
        &self,
        key: &str,
        request: InputRequest,
        parse: impl Fn(&Value) -> serde_json::Result<T>,
    ) -> Result<T> {
        if !self.rounds().state().keys.insert(key.to_owned()) {
            return Err(used("questions have the key", key));
        }
        if let Some(desk) = self.desk().filter(|desk| desk.is_task()) {
            return desk.ask(key, request, parse).await;
        }
        if self.revision().is_legacy() {
            return self.ask_now(key, request, parse).await;
        }
        if !self.method().as_deref().is_some_and(may_ask) {
            let text = "A completer asks the client, which a handler of a tool, a prompt or a resource may alone: \
                        complete from what is known.";
            return Err(Error::Internal(text.to_owned()));
        }
        let digest = request.digest()?;
        let answer = self.rounds().state().answer(key, digest)?;
        if let Some(answer) = answer {
            match parse(&answer) {
                Ok(answer) => return Ok(answer),
                Err(error) => self.rounds().state().miss(key, &error)?,
            }
        }
        self.rounds().state().asked.push((key.to_owned(), request));
        // The round ends here, and with it this run of the handler.
        pending().await
    }

    /// Asks a client of an older revision through its session, and waits for the answer in place.
    async fn ask_now<T>(
        &self,
        key: &str,
        request: InputRequest,
        parse: impl Fn(&Value) -> serde_json::Result<T>,
    ) -> Result<T> {
        let mut misses = 0;
        loop {
            match parse(&self.put(request.clone()).await?) {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    misses += 1;
                    if misses >= MOST_TIMES {
                        return Err(unfit(key, &error));
                    }
                }
            }
        }
    }

    /// Fails for clients of older revisions that no session leads back to. The log says once what to do about it.
    pub(super) fn require_session(&self) -> Result<()> {
        static IS_TOLD: AtomicBool = AtomicBool::new(false);
        if !self.revision().is_legacy() || self.link().is_some() {
            return Ok(());
        }
        if !IS_TOLD.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                handler = self.handler(),
                revision = self.revision().as_str(),
                "a handler asks a client that cannot be asked: it speaks an older revision, and no stream of a session leads \
                 back to it; in a batch none does. Where the platform has sessions, PMCP_SESSIONS (or StreamableHttp::sessions) \
                 turns them on; AWS Lambda has none, and only clients of 2026-07-28 can be asked there. It is said once"
            );
        }
        Err(Error::CannotAsk)
    }

    /// Puts a question to a client of an older revision, once.
    async fn put(&self, request: InputRequest) -> Result<Value> {
        self.require_session()?;
        let link = self.link().filter(|_| self.streams()).ok_or(Error::CannotAsk)?;
        let id = link.expect().await?;
        let encoded =
            encode_request(&id, request.method, request.params.map(|params| link.question(&id, params)).as_ref());
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
        answer?.map_err(|error| Error::Failed(format!("The client refused a question: {error}.")))
    }

    /// Does `work` once, however often the handler is run again because it asks the client.
    ///
    /// A handler that asks runs from the top for every round. What it must not do twice (write a row, send a mail)
    /// goes in here, under a name of its own; in later rounds `work` is dropped, and its result is what it was. The
    /// result travels with the client, sealed, so keep it small. Where the request is abandoned, or sent again from
    /// the start, nothing remembers it: work that must not be done twice by anybody needs a key in your database.
    ///
    /// Work that may fail has a `Result` as its result, whose error is kept as well, so that it is not tried again:
    /// `cx.once("save", async { save().await.map_err(|error| error.to_string()) }).await?.map_err(Error::failed)?`.
    ///
    /// A handler is not run again in a task, nor for a client of an older revision: there `work` is simply done.
    ///
    /// # Errors
    /// When the result cannot be kept as JSON, or was kept by another version of the code and does not fit; when the
    /// handler has used the name already.
    pub async fn once<T: Serialize + DeserializeOwned>(&self, step: &str, work: impl Future<Output = T>) -> Result<T> {
        if !self.rounds().state().steps.insert(step.to_owned()) {
            return Err(used("steps have the name", step));
        }
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
