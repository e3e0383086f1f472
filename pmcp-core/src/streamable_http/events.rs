//! Server-sent events (the HTML standard, "Server-sent events"): a request's notifications and then its response.

use std::{
    sync::Arc,
    task::{self, Poll, ready},
    time::Duration,
};

use bytes::Bytes;

use super::{body::EventStream, exchange::Exchange};
use crate::{
    platform::{BoxFuture, MaybeSend, MaybeSync},
    server::Outcome,
};

/// How long a stream may be silent before a comment shows that it lives.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Turns what a handler came to into the response's JSON.
pub(super) trait EncodeOutcome: MaybeSend + MaybeSync {
    fn encode(&self, outcome: Outcome) -> Vec<u8>;
}

impl<F: Fn(Outcome) -> Vec<u8> + MaybeSend + MaybeSync> EncodeOutcome for F {
    fn encode(&self, outcome: Outcome) -> Vec<u8> {
        self(outcome)
    }
}

/// The events of one request, made as they are read.
pub(super) struct Events {
    exchange: Exchange,
    encode: Box<dyn EncodeOutcome>,
    keep_alive: Option<BoxFuture<()>>,
    finished: bool,
}

impl Events {
    pub(super) fn new(exchange: Exchange, encode: impl EncodeOutcome + 'static) -> Self {
        Self { exchange, encode: Box::new(encode), keep_alive: None, finished: false }
    }

    fn write_waiting(&mut self, bytes: &mut Vec<u8>) {
        for notification in self.exchange.cx.outbox().take() {
            write_event(bytes, &notification);
        }
    }
}

impl EventStream for Events {
    fn poll_next(&mut self, task: &mut task::Context<'_>) -> Poll<Option<Bytes>> {
        if self.finished {
            return Poll::Ready(None);
        }
        let mut bytes = Vec::new();
        // What waits goes out before the handler runs on, so that a slow reader slows it down.
        if self.exchange.cx.outbox().is_empty()
            && let Poll::Ready(outcome) = self.exchange.poll(task)
        {
            self.finished = true;
            self.write_waiting(&mut bytes);
            write_event(&mut bytes, &self.encode.encode(outcome));
            return Poll::Ready(Some(bytes.into()));
        }
        self.write_waiting(&mut bytes);
        if bytes.is_empty() {
            let platform = Arc::clone(self.exchange.cx.platform());
            let timer = self.keep_alive.get_or_insert_with(|| platform.sleep(KEEP_ALIVE));
            ready!(timer.as_mut().poll(task));
            bytes.extend_from_slice(b":\n\n");
        }
        self.keep_alive = None;
        Poll::Ready(Some(bytes.into()))
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

pub(super) fn write_event(bytes: &mut Vec<u8>, json: &[u8]) {
    bytes.extend_from_slice(b"event: message\n");
    write_data(bytes, json);
}

/// JSON that the server writes is one line; what an author passes through may have more, each a `data` line.
pub(super) fn write_data(bytes: &mut Vec<u8>, json: &[u8]) {
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
}
