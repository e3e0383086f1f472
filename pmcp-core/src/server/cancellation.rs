//! How others learn that a request is over (specification page `basic/patterns/cancellation`).
//!
//! A handler needs none of this: cancelling a request drops it.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{self, Poll, Waker},
};

use super::Context;
use crate::jsonrpc::{RawJson, RequestId};

/// The request that `notifications/cancelled` names; malformed ones are ignored, as the specification has it.
pub(crate) fn cancelled_id(params: Option<RawJson<'_>>) -> Option<RequestId> {
    let (_, id) = params?.members().find(|(name, _)| name == "requestId")?;
    RequestId::read(id)
}

/// Whether a request is over, and who waits for that.
#[derive(Default)]
pub(crate) struct Ending(Mutex<State>);

#[derive(Default)]
struct State {
    over: bool,
    count: u64,
    /// By the number of the future that waits.
    waiting: Vec<(u64, Waker)>,
}

impl Ending {
    /// The request is over.
    pub(crate) fn end(&self) {
        let waiting = {
            let mut state = self.state();
            state.over = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends its request when it is dropped, and so whichever way a handler goes.
pub(crate) struct EndsRequest(Context);

impl EndsRequest {
    pub(crate) fn new(cx: Context) -> Self {
        Self(cx)
    }
}

impl Drop for EndsRequest {
    fn drop(&mut self) {
        self.0.ending().end();
    }
}

/// Completes when a request is over; made by [`Context::cancelled`].
#[must_use = "nothing waits before it is awaited"]
pub struct Cancelled {
    cx: Context,
    /// Given when it first has to wait.
    number: Option<u64>,
}

impl Cancelled {
    pub(super) fn new(cx: Context) -> Self {
        Self { cx, number: None }
    }
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut waker = task.waker().clone();
        let mut state = this.cx.ending().state();
        if state.over {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            state.count += 1;
            state.count
        });
        match state.waiting.iter_mut().find(|(waiting, _)| *waiting == number) {
            Some((_, before)) => std::mem::swap(before, &mut waker),
            None => state.waiting.push((number, waker.clone())),
        }
        // The waker before may be the last that keeps a task alive, whose end may come back here.
        drop(state);
        drop(waker);
        Poll::Pending
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.cx.ending().state();
        let place = state.waiting.iter().position(|(waiting, _)| *waiting == number);
        let waker = place.map(|place| state.waiting.swap_remove(place));
        drop(state);
        drop(waker);
    }
}
