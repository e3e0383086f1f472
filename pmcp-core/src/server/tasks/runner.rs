//! Runs a handler as a task, in the background, and keeps the record of it.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use serde_json::value::RawValue;

use super::{
    Desk, Modified, TaskStoreError, Tasks,
    changes::Ear,
    desk::Post,
    record::{Change, kept},
};
use crate::{
    error::{Error, Result},
    jsonrpc::ErrorObject,
    platform::{BoxFuture, Platform},
    protocol::mark,
    server::{Outcome, Whose, beside, step},
};

/// How long the process vouches for a task that it runs. Who finds that nobody does reports the task as failed.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// How often the record is read, for what other instances have written into it, and renewed.
const TICK: Duration = Duration::from_secs(5);
/// How soon after a question, and then ever less often: somebody waits for the answer to arrive.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// How long words about the status may wait, so that many of them are written once.
const STATUS_DELAY: Duration = Duration::from_millis(500);

pub(super) struct Runner {
    pub(super) tasks: Tasks,
    pub(super) id: String,
    pub(super) whose: Whose,
    pub(super) desk: Arc<Desk>,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) expires: Duration,
}

/// What a runner waits for.
enum Event {
    Finished(Outcome),
    /// The record is to be read and written.
    Due,
    /// The platform takes the time away.
    Stopping,
}

/// The timers of one wait.
struct Wait {
    tick: Option<BoxFuture<()>>,
    status: Option<BoxFuture<()>>,
    stopping: BoxFuture<()>,
    look: Duration,
    ear: Ear,
}

impl Runner {
    /// Runs `handler` until it is done, the task is over for another reason, or nobody can ask for it any more.
    pub(super) async fn run(self, handler: BoxFuture<Outcome>) {
        let (desk, platform) = (Arc::clone(&self.desk), Arc::clone(&self.platform));
        let mut work = pin!(self.work(handler));
        poll_fn(|task| desk.pulse.beat(task.waker().clone(), platform.now(), || work.as_mut().poll(task))).await
    }

    async fn work(self, mut handler: BoxFuture<Outcome>) {
        let stopping = self.platform.stopping();
        let mut wait = Wait { tick: None, status: None, stopping, look: FIRST_LOOK, ear: Ear::Deaf };
        self.listen(&mut wait);
        let outcome = loop {
            match poll_fn(|task| self.poll(&mut handler, &mut wait, task)).await {
                Event::Finished(outcome) => break outcome,
                Event::Stopping => break Err(Error::Stopping),
                Event::Due => {
                    let post = self.collect(&mut wait);
                    let exchanged = beside(self.exchange(post), |task| {
                        wait.ear.poll_opening(task);
                        step(self.whose.clone(), &mut handler, task)
                    });
                    let (goes_on, ended) = exchanged.await;
                    match goes_on {
                        Ok(goes_on) if !goes_on || self.platform.now() >= self.expires => return,
                        Ok(_) => {}
                        Err(error) => break Err(error),
                    }
                    if let Some(outcome) = ended {
                        break outcome;
                    }
                }
            }
        };
        // What the handler holds is let go before its client hears of the end, and what nobody polls any more.
        drop((handler, wait));
        self.finish(kept(outcome)).await;
    }

    fn poll(&self, handler: &mut BoxFuture<Outcome>, wait: &mut Wait, task: &mut task::Context<'_>) -> Poll<Event> {
        if let Poll::Ready(outcome) = step(self.whose.clone(), handler, task) {
            return Poll::Ready(Event::Finished(outcome));
        }
        if wait.stopping.as_mut().poll(task).is_ready() {
            return Poll::Ready(Event::Stopping);
        }
        if self.desk.poll_urgent(task.waker()) || wait.ear.poll(task).is_ready() {
            return Poll::Ready(Event::Due);
        }
        if self.desk.has_status() {
            let timer = wait.status.get_or_insert_with(|| self.platform.sleep(STATUS_DELAY));
            if timer.as_mut().poll(task).is_ready() {
                return Poll::Ready(Event::Due);
            }
        }
        let timer = wait.tick.get_or_insert_with(|| {
            let left = self.expires.saturating_sub(self.platform.now());
            let due = if self.desk.waits_for_answers() { wait.look } else { TICK };
            self.platform.sleep(due.min(left))
        });
        timer.as_mut().poll(task).map(|()| Event::Due)
    }

    fn listen(&self, wait: &mut Wait) {
        if self.tasks.is_told {
            wait.ear.open(&self.tasks.notifier, &self.id);
        }
    }

    /// What the handler has asked and said; the next look is set for later.
    fn collect(&self, wait: &mut Wait) -> Post {
        let post = self.desk.take();
        wait.look = if post.is_urgent() { FIRST_LOOK } else { (wait.look * 3 / 2).min(TICK) };
        (wait.tick, wait.status) = (None, None);
        self.listen(wait);
        post
    }

    /// Writes what the handler has asked and said, and brings it the answers; `false` where the task is over.
    ///
    /// # Errors
    /// Where it can never be written, and the task cannot go on.
    async fn exchange(&self, post: Post) -> Result<bool> {
        let mut answers = serde_json::Map::new();
        let modified = self
            .tasks
            .modify(&self.id, &*self.platform, |record| {
                let now = self.platform.now();
                let mut changes = vec![record.lease(now, LEASE)];
                changes.extend(post.asked.iter().map(|(key, request)| record.ask(key, request)));
                changes.extend(post.withdrawn.iter().map(|key| record.withdraw(key)));
                changes.extend(post.status.iter().map(|message| record.say(message)));
                // Kept from one attempt to the next: what failed may have been written all the same.
                let responses = record.take_responses();
                let taken = if responses.is_empty() { Change::None } else { Change::Unseen };
                answers.extend(responses);
                changes.into_iter().fold(taken, Change::max)
            })
            .await;
        match modified {
            Ok(Modified::Now(_)) => {
                self.desk.deliver(answers);
                Ok(true)
            }
            Ok(Modified::Over(_) | Modified::Unknown) => Ok(false),
            Err(error @ TaskStoreError::TooLong) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, task = mark(&self.id), "the record of a task could not be written; it is tried again");
                // It may have been written although the store says no word of it.
                self.desk.deliver(answers);
                self.desk.put_back(post);
                self.platform.sleep(FIRST_LOOK).await;
                Ok(true)
            }
        }
    }

    /// Writes what the task came to: as long as it takes, since nobody else knows it. What no store keeps has failed.
    async fn finish(&self, mut result: Result<Box<RawValue>, ErrorObject>) {
        let mut pause = FIRST_LOOK;
        let mut is_lost = false;
        while self.platform.now() < self.expires {
            let finish = self.tasks.modify(&self.id, &*self.platform, |record| record.finish(result.clone()));
            match finish.await {
                Ok(_) => return,
                Err(error @ TaskStoreError::TooLong) if result.is_ok() => {
                    result = Err(Error::from(error).into());
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, task = mark(&self.id), "the result of a task could not be written; it is tried again");
                }
            }
            is_lost = true;
            self.platform.sleep(pause).await;
            pause = (pause * 2).min(TICK);
        }
        // Where nobody could ask for it any more when it came, it is none that was lost.
        if is_lost {
            tracing::error!(task = mark(&self.id), "the result of a task is lost");
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.tasks.forget(&self.id);
    }
}
