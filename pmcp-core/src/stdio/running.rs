//! The requests whose handlers take their time.

use std::{
    collections::BTreeMap,
    task::{Context, Poll, Waker},
};

use super::{request::Speaks, wakeups::Wakeups};
use crate::{jsonrpc::RequestId, server::Outcome, streamable_http::Exchange};

/// All that run now, by their number.
#[derive(Default)]
pub(super) struct Running {
    requests: BTreeMap<u64, Request>,
    wakeups: Wakeups,
}

pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) speaks: Speaks,
    /// The batch that its response belongs to.
    pub(super) batch: Option<u64>,
    exchange: Exchange,
    waker: Waker,
}

/// What a request came to in one step.
pub(super) struct Step {
    pub(super) notifications: Vec<Vec<u8>>,
    pub(super) finished: Option<(Request, Outcome)>,
}

/// What a request leaves behind that was cancelled.
pub(super) struct Cancelled {
    pub(super) number: u64,
    pub(super) batch: Option<u64>,
    /// What it had not sent yet, and is not to send any more.
    pub(super) unsent: Vec<Vec<u8>>,
    /// That its own questions to the client want no answer.
    pub(super) withdrawals: Vec<Vec<u8>>,
}

impl Running {
    /// Wakes the task that serves the connection when any of them can go on.
    pub(super) fn listen(&self, connection: &Waker) {
        self.wakeups.listen(connection);
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn contains(&self, id: &RequestId) -> bool {
        self.requests.values().any(|request| request.id == *id)
    }

    pub(super) fn insert(
        &mut self,
        number: u64,
        id: RequestId,
        speaks: Speaks,
        batch: Option<u64>,
        exchange: Exchange,
    ) {
        let waker = self.wakeups.waker(number);
        self.requests.insert(number, Request { id, speaks, batch, exchange, waker });
        self.wakeups.wake(number);
    }

    /// Drops the handler of the request with this id.
    pub(super) fn cancel(&mut self, id: &RequestId) -> Option<Cancelled> {
        let number = self.requests.iter().find(|(_, request)| request.id == *id).map(|(number, _)| *number)?;
        let mut request = self.requests.remove(&number)?;
        let unsent = request.exchange.cx.outbox().take().into();
        request.exchange.cancel();
        let withdrawals = request.exchange.cx.outbox().take().into();
        Some(Cancelled { number, batch: request.batch, unsent, withdrawals })
    }

    pub(super) fn cancel_all(&mut self) {
        self.requests.clear();
    }

    /// The numbers of those that can go on.
    pub(super) fn woken(&self) -> impl Iterator<Item = u64> + use<> {
        self.wakeups.take().into_iter()
    }

    /// Runs a handler one step.
    pub(super) fn step(&mut self, number: u64) -> Option<Step> {
        // It may have been cancelled since it was woken.
        let request = self.requests.get_mut(&number)?;
        let waker = request.waker.clone();
        let polled = request.exchange.poll(&mut Context::from_waker(&waker));
        let notifications = request.exchange.cx.outbox().take().into();
        let finished = match polled {
            Poll::Ready(outcome) => self.requests.remove(&number).map(|request| (request, outcome)),
            Poll::Pending => None,
        };
        Some(Step { notifications, finished })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // Of whatever revision: here it is never the network that is gone, but the client that wants no more.
        self.exchange.cancel();
    }
}
