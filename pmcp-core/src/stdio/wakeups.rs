//! Which of the running requests can go on, so that none is polled for another's sake.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Wake, Waker},
};

#[derive(Clone, Default)]
pub(super) struct Wakeups(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    woken: BTreeSet<u64>,
    /// Of the task that serves the connection.
    connection: Option<Waker>,
}

impl Wakeups {
    /// Wakes `connection` from now on.
    pub(super) fn listen(&self, connection: &Waker) {
        let mut state = self.state();
        if !state.connection.as_ref().is_some_and(|waker| waker.will_wake(connection)) {
            let before = state.connection.replace(connection.clone());
            drop(state);
            drop(before);
        }
    }

    /// What a request is polled with.
    pub(super) fn waker(&self, request: u64) -> Waker {
        Waker::from(Arc::new(Wakeup { request, wakeups: self.clone() }))
    }

    /// The requests that can go on.
    pub(super) fn take(&self) -> BTreeSet<u64> {
        std::mem::take(&mut self.state().woken)
    }

    pub(super) fn wake(&self, request: u64) {
        let mut state = self.state();
        state.woken.insert(request);
        let connection = state.connection.clone();
        drop(state);
        if let Some(connection) = connection {
            connection.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Wakeup {
    request: u64,
    wakeups: Wakeups,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wakeups.wake(self.request);
    }
}
