//! Wakes a future in the request that it belongs to.
//!
//! Timers, connections and whatever else does IO belong to the request that made them, and end with it. A future that is
//! woken by another request of the isolate (which cancels its task, or tells it of a change) would go on in that
//! request, and lose what it makes there. So a wake here is a promise kept: the platform goes on with what waits for a
//! promise in the request where it was made.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use worker::{
    js_sys::{Function, Promise},
    send::SendWrapper,
    wasm_bindgen::{JsCast, JsValue},
    wasm_bindgen_futures::JsFuture,
};

/// Where something is polled that others may wake.
pub(crate) struct Home {
    bell: Arc<Bell>,
    /// Resolved by the bell; made where there is something to wait for.
    rung: Option<JsFuture>,
}

#[derive(Default)]
struct Bell(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Silent,
    /// Before there was anybody to hear it.
    Rung,
    /// Resolves the promise.
    Armed(SendWrapper<Function>),
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { bell: Arc::default(), rung: None }
    }

    /// Polls, so that whoever wakes what is polled wakes `task` here.
    pub(crate) fn poll<T>(
        &mut self,
        task: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.bell));
        let polled = poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            self.listen(task);
        }
        polled
    }

    fn listen(&mut self, task: &mut Context<'_>) {
        let mut state = self.bell.state();
        match *state {
            State::Rung => {
                *state = State::Silent;
                task.waker().wake_by_ref();
            }
            State::Silent => {
                let promise = Promise::new(&mut |resolve, _reject| {
                    *state = State::Armed(SendWrapper::new(resolve.unchecked_into()));
                });
                let mut rung = JsFuture::from(promise);
                // It waits: nobody can have rung.
                let _ = Pin::new(&mut rung).poll(task);
                self.rung = Some(rung);
            }
            State::Armed(_) => {
                if let Some(rung) = &mut self.rung {
                    let _ = Pin::new(rung).poll(task);
                }
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What JavaScript holds for the promise is let go once it is resolved.
        Arc::clone(&self.bell).wake();
    }
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let before = std::mem::take(&mut *self.state());
        match before {
            State::Armed(resolve) => {
                // A function of the platform's that does not fail.
                let _ = resolve.call0(&JsValue::UNDEFINED);
            }
            State::Silent | State::Rung => *self.state() = State::Rung,
        }
    }
}

/// A future at home where it is first polled.
pub(crate) async fn at_home<T>(future: impl Future<Output = T>) -> T {
    let mut home = Home::new();
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|task| home.poll(task, |task| future.as_mut().poll(task))).await
}
