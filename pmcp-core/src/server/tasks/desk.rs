//! Where a handler that runs as a task leaves its questions, and finds the answers.

use std::{
    collections::HashSet,
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use serde_json::{Map, Value};

use super::pulse::Pulse;
use crate::{
    error::{Error, Result},
    protocol::{InputRequest, REFUSED},
    server::{
        Context,
        mrtr::{MOST_TIMES, unfit, unwritable},
    },
};

/// Between a handler and the [`Runner`](super::runner::Runner) that keeps the record of its task.
#[derive(Default)]
pub(crate) struct Desk {
    state: Mutex<State>,
    pub(super) pulse: Pulse,
}

#[derive(Default)]
struct State {
    phase: Phase,
    post: Post,
    /// All keys that were ever used, since none may be used twice.
    keys: HashSet<String>,
    /// Of the questions that wait for their answers.
    open: HashSet<String>,
    answers: Map<String, Value>,
    nudged: bool,
    runner: Option<Waker>,
    handlers: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Still the request that the client waits for.
    #[default]
    Request,
    /// The handler waits to be a task.
    Wanted,
    Task,
}

/// What the record does not have yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Post {
    pub(super) asked: Vec<(String, Value)>,
    pub(super) withdrawn: Vec<String>,
    pub(super) status: Option<String>,
}

impl Post {
    pub(super) fn is_urgent(&self) -> bool {
        !self.asked.is_empty() || !self.withdrawn.is_empty()
    }
}

impl Desk {
    /// From now on, what the handler asks and says is for the task.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        state.phase = Phase::Task;
        state.wake_handlers();
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.state().phase != Phase::Request
    }

    pub(crate) fn is_task(&self) -> bool {
        self.state().phase == Phase::Task
    }

    /// Waits until the request is a task.
    async fn become_task(&self) {
        poll_fn(|task| {
            let mut state = self.state();
            if state.phase == Phase::Task {
                return Poll::Ready(());
            }
            state.phase = Phase::Wanted;
            state.wait(task.waker());
            Poll::Pending
        })
        .await;
    }

    /// Asks until there is an answer that fits, a few times.
    pub(crate) async fn ask<T>(
        &self,
        key: &str,
        request: InputRequest,
        parse: impl Fn(&Value) -> serde_json::Result<T>,
    ) -> Result<T> {
        let request = serde_json::to_value(request).map_err(unwritable)?;
        let mut misses = 0;
        loop {
            let mut question = Question { desk: self, key: self.put(key, &request), answered: false };
            let answer = poll_fn(|task| {
                let mut state = self.state();
                match state.answers.remove(&question.key) {
                    Some(answer) => Poll::Ready(answer),
                    None => {
                        state.wait(task.waker());
                        Poll::Pending
                    }
                }
            })
            .await;
            question.answered = true;
            if let Some(reason) = answer.get(REFUSED).and_then(Value::as_str) {
                return Err(Error::Failed(format!("The client refused a question: {reason}.")));
            }
            match parse(&answer) {
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

    /// Puts a question up under `key`, or a key like it where that was used before.
    fn put(&self, key: &str, request: &Value) -> String {
        let mut state = self.state();
        let numbered = (2_u64..).map(|number| format!("{key}-{number}"));
        let mut keys = std::iter::once(key.to_owned()).chain(numbered);
        // Of endlessly many keys only those that were used are taken.
        let key = keys.find(|key| !state.keys.contains(key)).unwrap_or_default();
        state.keys.insert(key.clone());
        state.open.insert(key.clone());
        state.post.asked.push((key.clone(), request.clone()));
        state.wake_runner();
        key
    }

    fn say(&self, message: String) {
        let mut state = self.state();
        state.post.status = Some(message);
        state.wake_runner();
    }

    /// What is to be written into the record; it is the caller's from then on.
    pub(super) fn take(&self) -> Post {
        let mut state = self.state();
        state.nudged = false;
        std::mem::take(&mut state.post)
    }

    /// Gives back what could not be written.
    pub(super) fn put_back(&self, mut post: Post) {
        let mut state = self.state();
        let newer = std::mem::take(&mut state.post);
        post.asked.extend(newer.asked);
        post.withdrawn.extend(newer.withdrawn);
        post.status = newer.status.or(post.status);
        state.post = post;
        let State { post, open, .. } = &mut *state;
        post.asked.retain(|(key, _)| open.contains(key));
    }

    pub(super) fn deliver(&self, answers: Map<String, Value>) {
        if answers.is_empty() {
            return;
        }
        let mut state = self.state();
        let State { open, answers: waiting, .. } = &mut *state;
        waiting.extend(answers.into_iter().filter(|(key, _)| open.contains(key)));
        state.wake_handlers();
    }

    /// Makes the runner read the record, which somebody else has changed.
    pub(super) fn nudge(&self) {
        let mut state = self.state();
        state.nudged = true;
        state.wake_runner();
    }

    /// Whether there is something to write or to read at once; wakes `runner` when there is later.
    pub(super) fn poll_urgent(&self, runner: &Waker) -> bool {
        let mut state = self.state();
        state.runner = Some(runner.clone());
        state.nudged || state.post.is_urgent()
    }

    pub(super) fn has_status(&self) -> bool {
        self.state().post.status.is_some()
    }

    pub(super) fn waits_for_answers(&self) -> bool {
        !self.state().open.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake_runner(&mut self) {
        if let Some(runner) = self.runner.take() {
            runner.wake();
        }
    }

    /// Wakes `handler` when something arrives. It is polled for other reasons too, and as often as it likes.
    fn wait(&mut self, handler: &Waker) {
        if !self.handlers.iter().any(|waker| waker.will_wake(handler)) {
            self.handlers.push(handler.clone());
        }
    }

    fn wake_handlers(&mut self) {
        self.handlers.drain(..).for_each(Waker::wake);
    }
}

/// A question that is asked; taken back where nobody waits for its answer any more.
struct Question<'d> {
    desk: &'d Desk,
    key: String,
    answered: bool,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        state.open.remove(&self.key);
        if self.answered {
            return;
        }
        state.answers.remove(&self.key);
        match state.post.asked.iter().position(|(key, _)| *key == self.key) {
            Some(unwritten) => drop(state.post.asked.remove(unwritten)),
            None => {
                let key = self.key.clone();
                state.post.withdrawn.push(key);
            }
        }
        state.wake_runner();
    }
}

impl Context {
    /// Waits until the request is a task, where the tool [asks first](crate::protocol::TaskSupport::asks_first) and
    /// the client knows tasks: the client has its answer then, and the handler goes on in the background.
    ///
    /// What is asked before is asked in rounds of the request, each of which runs the handler from the top; what is
    /// asked after goes on in place. Where the request is a task already, or cannot be one, this does nothing.
    ///
    /// ```
    /// # use pmcp_core::prelude::*;
    /// # #[derive(Deserialize, JsonSchema)]
    /// # struct Period { year: u16 }
    /// # struct Books;
    /// # #[server(name = "books", version = "1.0.0")]
    /// # impl Books {
    /// /// Close the books.
    /// #[tool(task, asks_first)]
    /// async fn close(&self, cx: &Context) -> Result<String> {
    ///     let Elicitation::Accept(period) = cx.elicit::<Period>("period", "Which year?").await? else {
    ///         return Ok("The books stay open.".to_owned());
    ///     };
    ///     cx.become_task().await;
    ///     cx.sleep(std::time::Duration::from_secs(3600)).await;
    ///     Ok(format!("{} is closed.", period.year))
    /// }
    /// # }
    /// ```
    pub async fn become_task(&self) {
        if let Some(desk) = self.desk() {
            desk.become_task().await;
        }
    }

    /// Says in a few words where the work stands: whoever looks at the task sees it. Does nothing where the request is
    /// no task.
    pub fn status(&self, message: impl Into<String>) {
        if let Some(desk) = self.desk().filter(|desk| desk.is_task()) {
            desk.say(message.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        sync::Arc,
        task::{self, Wake},
    };

    use super::*;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_handler_that_is_polled_often_is_woken_once() {
        let desk = Desk::default();
        let request = InputRequest { method: "elicitation/create", params: None };
        let mut asked = pin!(desk.ask("name", request, |_| Ok(())));
        let mut wanted = pin!(desk.become_task());
        let waker = Waker::from(Arc::new(Nobody));
        let task = &mut task::Context::from_waker(&waker);
        for _ in 0..100 {
            assert!(asked.as_mut().poll(task).is_pending() && wanted.as_mut().poll(task).is_pending());
        }
        assert_eq!(desk.state().handlers.len(), 1);
    }
}
