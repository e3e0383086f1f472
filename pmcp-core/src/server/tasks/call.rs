//! When a call of a tool becomes a task.

use std::{future::poll_fn, sync::Arc, task::Poll};

use super::{Desk, Tasks, encode, require};
use crate::{
    platform::BoxFuture,
    protocol::TaskSupport,
    server::{Context, Outcome, Reply},
};

impl Tasks {
    /// `tools/call` of a tool that may be a task; `run` calls its handler, once.
    pub(crate) fn call(&self, support: TaskSupport, cx: Context, run: &mut dyn FnMut(Context) -> Reply) -> Reply {
        if let Err(missing) = require(&cx) {
            return if support.required { Reply::Ready(Err(missing)) } else { run(cx) };
        }
        let desk = cx.open_desk();
        if !support.asks_first {
            desk.begin();
        }
        match run(cx.clone()) {
            Reply::Pending(handler) => Reply::pending(start(self.clone(), handler, desk, cx)),
            // Done at once, as it is with arguments that do not fit: there is nothing to wait for.
            done => done,
        }
    }
}

/// Runs the handler until it is done or is to be a task; then the answer is the task, and the handler goes on in the
/// background.
async fn start(tasks: Tasks, mut handler: BoxFuture<Outcome>, desk: Arc<Desk>, cx: Context) -> Outcome {
    let first = poll_fn(|task| match handler.as_mut().poll(task) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        // What is asked in a round of the request is answered in its next one.
        Poll::Pending if desk.is_wanted() && !cx.rounds().has_asked() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match first.await {
        Some(outcome) => outcome,
        None => encode("task", &tasks.begin(handler, desk, &cx).await?.handle()),
    }
}
