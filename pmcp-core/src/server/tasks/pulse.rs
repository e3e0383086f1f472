//! Whether whoever runs a task is still there: a platform may let go of what it does in the background without a word,
//! and neither go on with it nor drop it.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use super::{Desk, MOST_RUNNING, MOST_RUNNING_BYTES, Running, TaskRecord, Tasks, runner::LEASE};
use crate::{
    error::{Error, Result},
    platform::Platform,
    protocol::mark,
};

/// How long a runner may take to show that it is there, once it was woken.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pulse of one runner: each time that it is polled is a beat.
#[derive(Default)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Default)]
struct State {
    beats: u64,
    /// When it beat last, or was to begin.
    last: Duration,
    /// It is polled now, which may take long.
    is_beating: bool,
    runner: Option<Waker>,
    waiting: Vec<Waker>,
}

impl Pulse {
    /// It is to begin soon.
    pub(super) fn expect(&self, now: Duration) {
        self.state().last = now;
    }

    /// Polls the runner.
    pub(super) fn beat<T>(&self, runner: Waker, now: Duration, poll: impl FnOnce() -> T) -> T {
        struct Beating<'p>(&'p Pulse);
        impl Drop for Beating<'_> {
            fn drop(&mut self) {
                self.0.state().is_beating = false;
            }
        }

        let waiting = {
            let mut state = self.state();
            state.beats += 1;
            state.last = now;
            state.is_beating = true;
            state.runner = Some(runner);
            std::mem::take(&mut state.waiting)
        };
        let _beating = Beating(self);
        waiting.into_iter().for_each(Waker::wake);
        poll()
    }

    /// Wakes the runner; the number of its beats before.
    fn wake(&self) -> u64 {
        let (beats, runner) = {
            let state = self.state();
            (state.beats, state.runner.clone())
        };
        runner.into_iter().for_each(Waker::wake);
        beats
    }

    /// Whether it has beaten `since`; wakes `waiting` when it does.
    fn is_felt(&self, since: u64, waiting: &Waker) -> bool {
        let mut state = self.state();
        let is_felt = state.is_beating || state.beats > since;
        if !is_felt && !state.waiting.iter().any(|waker| waker.will_wake(waiting)) {
            state.waiting.push(waiting.clone());
        }
        is_felt
    }

    /// Whether it has not beaten for as long as it vouches for its task.
    fn is_silent(&self, now: Duration) -> bool {
        let state = self.state();
        !state.is_beating && state.last.saturating_add(LEASE) <= now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the tasks that this process runs, free again when it is dropped.
pub(super) struct Place {
    tasks: Tasks,
    id: Option<String>,
}

impl Place {
    /// Leaves it to whoever runs the task, until that is forgotten.
    pub(super) fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.tasks.forget(id);
        }
    }
}

impl Tasks {
    /// Forgets those of `records` that this process runs no longer. One that could not vouch for its task may have been
    /// frozen with its process, and goes on once it is woken.
    pub(super) async fn feel(&self, records: &[TaskRecord], platform: &dyn Platform) {
        let now = platform.now();
        let ended = records.iter().filter(|record| record.lease_ended(now));
        let silent = {
            let running = self.running();
            let desk = |id: &str| running.get(id).map(|running| Arc::clone(&running.desk));
            ended.filter_map(|record| Some((record.id().to_owned(), desk(record.id())?))).collect()
        };
        self.wake(silent, platform).await;
    }

    /// Takes a place among the tasks that this process runs. Those that its platform has let go of have none, although nobody
    /// asks for them.
    ///
    /// # Errors
    /// Where it runs as many as it may.
    pub(super) async fn place(&self, id: &str, running: Running, platform: &dyn Platform) -> Result<Place> {
        let placed = match self.take(id, running) {
            Ok(()) => Ok(()),
            Err(running) => {
                let now = platform.now();
                let silent = {
                    let running = self.running();
                    let silent = running.iter().filter(|(_, running)| running.desk.pulse.is_silent(now));
                    silent.map(|(id, running)| (id.clone(), Arc::clone(&running.desk))).collect()
                };
                self.wake(silent, platform).await;
                self.take(id, running)
            }
        };
        if placed.is_ok() {
            return Ok(Place { tasks: self.clone(), id: Some(id.to_owned()) });
        }
        let (tasks, most) = (self.running().len(), MOST_RUNNING_BYTES >> 20);
        tracing::warn!(
            tasks,
            "another task was refused: {MOST_RUNNING} run at the most, and of requests of {most} MiB in all"
        );
        Err(Error::logged("The server runs as many tasks as it can; try again later."))
    }

    /// At once, or not at all: whoever comes meanwhile finds it taken.
    fn take(&self, id: &str, one: Running) -> std::result::Result<(), Running> {
        let mut running = self.running();
        let held: usize = running.values().map(|running| running.bytes).sum();
        let is_room = running.len() < MOST_RUNNING && held.saturating_add(one.bytes) <= MOST_RUNNING_BYTES;
        if !running.is_empty() && !is_room {
            return Err(one);
        }
        running.insert(id.to_owned(), one);
        Ok(())
    }

    /// Wakes those who run these tasks, and forgets the tasks of those who do not wake.
    async fn wake(&self, tasks: Vec<(String, Arc<Desk>)>, platform: &dyn Platform) {
        if tasks.is_empty() {
            return;
        }
        let wake = |(id, desk): (String, Arc<Desk>)| {
            let beats = desk.pulse.wake();
            (id, desk, beats)
        };
        let mut silent: Vec<_> = tasks.into_iter().map(wake).collect();
        let mut patience = platform.sleep(PATIENCE);
        poll_fn(|task| {
            silent.retain(|(_, desk, beats)| !desk.pulse.is_felt(*beats, task.waker()));
            if silent.is_empty() { Poll::Ready(()) } else { patience.as_mut().poll(task) }
        })
        .await;
        for (id, ..) in silent {
            tracing::warn!(task = mark(&id), "the platform has let go of a task that ran here");
            self.forget(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::TaskSettings, testing::TestPlatform};

    #[test]
    fn what_running_tasks_hold_of_their_requests_is_bounded() {
        let (tasks, platform) = (Tasks::new(TaskSettings::default(), None), TestPlatform::default());
        let place = |id: &str, bytes| {
            let running = Running { desk: Arc::default(), bytes };
            pollster::block_on(tasks.place(id, running, &platform)).ok()
        };
        // However long requests may be, one can run; its place is free when nobody keeps it.
        drop(place("one", usize::MAX).expect("there is none yet"));
        let bytes = 4 << 20;
        for number in 0..MOST_RUNNING_BYTES / bytes {
            place(&number.to_string(), bytes).expect("there is room").keep();
        }
        assert!(place("short", 1).is_none());
        assert!(place("empty", 0).is_some());
        tasks.forget("7");
        assert!(place("long", bytes + 1).is_none());
        let held = place("fits", bytes).expect("one has gone");
        assert!(place("another", bytes).is_none(), "it is taken before it is kept");
        drop(held);
        assert!(place("another", bytes).is_some());
    }
}
