//! Where a handler's notifications wait for the transport: bounded, so that a slow reader slows its handler down.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// How many notifications wait at the most before a handler does.
const MOST_WAITING: usize = 16;
/// And after how many bytes of them it does: one message more may be there, as long as it likes to be.
const MOST_BYTES: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Outbox(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// Of the transport.
    reader: Option<Waker>,
    /// Of handlers that found the outbox full.
    writers: Vec<Waker>,
    closed: bool,
    progress: Option<f64>,
}

impl State {
    fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_WAITING || self.waiting.iter().map(Vec::len).sum::<usize>() >= MOST_BYTES
    }
}

impl Outbox {
    /// Puts an encoded notification in, as soon as there is room; drops it once nobody reads any more.
    pub(crate) async fn send(&self, notification: Vec<u8>) {
        let mut notification = Some(notification);
        poll_fn(|task| {
            let mut state = self.state();
            if state.closed {
                return Poll::Ready(());
            }
            if state.is_full() {
                if !state.writers.iter().any(|waker| waker.will_wake(task.waker())) {
                    state.writers.push(task.waker().clone());
                }
                return Poll::Pending;
            }
            state.waiting.extend(notification.take());
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Puts an encoded notification in, room or not, unless nobody reads any more: for what is said when a future is
    /// dropped and cannot wait. There is at most one for each question that was sent.
    pub(crate) fn push(&self, notification: Vec<u8>) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.waiting.push_back(notification);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Whether `progress` is beyond what was reported before; the specification wants it to increase.
    pub(crate) fn advances(&self, progress: f64) -> bool {
        let mut state = self.state();
        let advances = progress.is_finite() && state.progress.is_none_or(|before| progress > before);
        if advances {
            state.progress = Some(progress);
        }
        advances
    }

    /// Takes what waits, and makes room.
    pub(crate) fn take(&self) -> VecDeque<Vec<u8>> {
        let mut state = self.state();
        state.writers.drain(..).for_each(Waker::wake);
        std::mem::take(&mut state.waiting)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().waiting.is_empty()
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Wakes `reader` at the next notification.
    pub(crate) fn wake_reader(&self, reader: &Waker) {
        let mut state = self.state();
        if !state.reader.as_ref().is_some_and(|waker| waker.will_wake(reader)) {
            state.reader = Some(reader.clone());
        }
    }

    /// Drops what waits and all that follows: nobody reads any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        state.writers.drain(..).for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    #[test]
    fn a_handler_waits_behind_many_messages_and_behind_long_ones() {
        let task = &mut Context::from_waker(Waker::noop());
        for (length, most) in [(1, MOST_WAITING), (MOST_BYTES / 2, 2), (3 * MOST_BYTES, 1)] {
            let outbox = Outbox::default();
            for _ in 0..most {
                assert!(pin!(outbox.send(vec![b'x'; length])).poll(task).is_ready(), "{length}");
            }
            let mut waits = pin!(outbox.send(vec![b'x'; length]));
            assert!(waits.as_mut().poll(task).is_pending(), "{length}");
            assert_eq!(outbox.take().len(), most);
            assert!(waits.as_mut().poll(task).is_ready(), "{length}");
        }
    }
}
