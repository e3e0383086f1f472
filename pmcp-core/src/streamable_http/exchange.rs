//! A request whose handler takes its time: polled until it is done, ended at the time limit, and, for clients of older
//! revisions, run to its end although they are gone.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use crate::{
    error::Error,
    jsonrpc::ErrorObject,
    platform::{BoxFuture, Platform},
    server::{Context, EndsRequest, Outcome, Sealer, Whose, beside, step},
};

pub(crate) struct Exchange {
    pub(crate) cx: Context,
    running: Option<Running>,
    sealer: Arc<Sealer>,
    /// Completes when the client cancels the request by a message.
    cancelled: Option<BoxFuture<()>>,
}

struct Running {
    handler: BoxFuture<Outcome>,
    limit: Option<Duration>,
    /// The time limit and the platform's end: asked for when the handler first had to wait.
    endings: Option<Endings>,
    platform: Arc<dyn Platform>,
    /// Last, so that the handler is gone when others learn that the request is over.
    _over: EndsRequest,
}

struct Endings {
    timer: Option<BoxFuture<()>>,
    stopping: BoxFuture<()>,
}

/// What comes first of a handler: its end, or something to send before.
pub(super) enum First {
    Finished(Outcome),
    Notified,
}

impl Exchange {
    pub(crate) fn new(cx: Context, handler: BoxFuture<Outcome>, limit: Option<Duration>, sealer: &Arc<Sealer>) -> Self {
        let (platform, over) = (Arc::clone(cx.platform()), EndsRequest::new(cx.clone()));
        let running = Some(Running { handler, limit, endings: None, platform, _over: over });
        Self { cx, running, sealer: Arc::clone(sealer), cancelled: None }
    }

    /// Ends the handler when `cancelled` completes.
    pub(super) fn cancelled_by(&mut self, cancelled: BoxFuture<()>) {
        self.cancelled = Some(cancelled);
    }

    /// Runs the handler until it is done or sends something.
    pub(super) async fn first(&mut self) -> First {
        poll_fn(|task| {
            let polled = self.poll(task);
            match (polled, self.cx.outbox().is_empty()) {
                (Poll::Ready(outcome), true) => Poll::Ready(First::Finished(outcome)),
                (Poll::Ready(outcome), false) => {
                    self.running = Some(Running::finished(outcome, &self.cx));
                    Poll::Ready(First::Notified)
                }
                (Poll::Pending, false) => Poll::Ready(First::Notified),
                (Poll::Pending, true) => Poll::Pending,
            }
        })
        .await
    }

    /// Waits for `work`, and runs the handler meanwhile.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let (done, ended) = beside(work, |task| self.poll(task)).await;
        if let Some(outcome) = ended {
            self.running = Some(Running::finished(outcome, &self.cx));
        }
        done
    }

    /// Runs the handler one step. Not to be called again once it is done.
    pub(crate) fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Outcome> {
        // A notification from another task must wake this one.
        self.cx.outbox().wake_reader(task.waker());
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        let polled = running.poll(&self.cx, task);
        // A handler that waits and has asked something waits for the client, which this request will not bring.
        let outcome = match (polled, self.cx.rounds().asked()) {
            (Poll::Ready(outcome), _) => outcome,
            (Poll::Pending, Some(asked)) => asked.and_then(|asked| self.sealer.answer(asked, &self.cx)),
            (Poll::Pending, None) => {
                let cancelled = self.cancelled.as_mut().map(|cancelled| cancelled.as_mut().poll(task));
                if cancelled.is_none_or(|cancelled| cancelled.is_pending()) {
                    return Poll::Pending;
                }
                Err(Error::Cancelled)
            }
        };
        // Nobody polls what waits for a cancellation any more: it must not stand in line somewhere.
        (self.running, self.cancelled) = (None, None);
        Poll::Ready(outcome)
    }

    /// Drops the handler, of whatever revision.
    pub(crate) fn cancel(&mut self) {
        self.running = None;
    }
}

impl Running {
    fn finished(outcome: Outcome, cx: &Context) -> Self {
        let (platform, over) = (Arc::clone(cx.platform()), EndsRequest::new(cx.clone()));
        Self { handler: Box::pin(std::future::ready(outcome)), limit: None, endings: None, platform, _over: over }
    }

    fn poll(&mut self, cx: &Context, task: &mut task::Context<'_>) -> Poll<Outcome> {
        let polled = step(Whose::Request(cx.clone()), &mut self.handler, task);
        if polled.is_ready() {
            return polled;
        }
        let platform = &self.platform;
        let endings = self.endings.get_or_insert_with(|| Endings {
            timer: self.limit.map(|limit| platform.sleep(limit)),
            stopping: platform.stopping(),
        });
        if let (Some(timer), Some(limit)) = (&mut endings.timer, self.limit)
            && timer.as_mut().poll(task).is_ready()
        {
            return Poll::Ready(Err(Error::TimedOut { limit }));
        }
        endings.stopping.as_mut().poll(task).map(|()| {
            let is_out_of_time = platform.deadline().is_some_and(|deadline| deadline <= platform.now());
            Err(if is_out_of_time { Error::OutOfTime } else { Error::Stopping })
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.cx.outbox().close();
        let Some(mut running) = self.running.take() else {
            return;
        };
        // In older revisions a lost connection is no cancellation: what was asked for is still done.
        if self.cx.revision().is_legacy() {
            let (platform, cx) = (Arc::clone(&running.platform), self.cx.clone());
            platform.background(Box::pin(async move {
                if let Err(error) = poll_fn(|task| running.poll(&cx, task)).await {
                    let error = ErrorObject::from(error).message;
                    tracing::warn!(handler = cx.handler(), error, "a handler failed after its client had gone");
                }
            }));
        }
    }
}
