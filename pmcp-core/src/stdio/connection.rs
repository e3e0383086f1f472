//! One client from its first line to its last: lines are read, handlers run side by side, and what they say is
//! written, all in one task.

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_io::{AsyncBufRead, AsyncWrite};

use super::{
    Error, Stdio,
    batch::Batches,
    lines::{Line, Lines},
    outgoing::Outgoing,
    request::{Opened, Speaks, Started, Surroundings},
    running::Running,
};
use crate::{
    jsonrpc::{
        Body, ErrorCode, ErrorObject, Message, Notification, RawJson, Request, RequestId, Response, encode_error,
        encode_notification,
    },
    platform::{BoxFuture, Platform},
    protocol::Revision,
    server::cancelled_id,
};

/// The most messages that one batch may have.
const MOST_MESSAGES: usize = 100;

/// How long the last answers may take to be written once the reader has ended.
const LAST_WRITES: Duration = Duration::from_secs(1);

/// How often the connection goes around before others on its executor have their turn.
const MOST_TURNS: usize = 64;

pub(super) struct Connection<'a, R, W> {
    stdio: &'a Stdio,
    platform: Arc<dyn Platform>,
    lines: Lines<R>,
    out: Outgoing<W>,
    /// Since the handshake of an older revision.
    opened: Option<Opened>,
    running: Running,
    batches: Batches,
    /// Of the last request or batch.
    number: u64,
    /// A line that waits until there is room for its answer.
    held: Option<Line>,
    /// Once the reader has ended: until when what is left may be written.
    last_writes: Option<BoxFuture<()>>,
}

impl<'a, R: AsyncBufRead + Unpin, W: AsyncWrite + Unpin> Connection<'a, R, W> {
    pub(super) fn new(stdio: &'a Stdio, reader: R, writer: W, platform: Arc<dyn Platform>) -> Self {
        Self {
            stdio,
            platform,
            lines: Lines::new(reader, stdio.max_line_bytes),
            out: Outgoing::new(writer),
            opened: None,
            running: Running::default(),
            batches: Batches::default(),
            number: 0,
            held: None,
            last_writes: None,
        }
    }

    pub(super) async fn run(mut self) -> Result<(), Error> {
        poll_fn(|task| self.poll(task)).await
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.running.listen(task.waker());
        for _ in 0..MOST_TURNS {
            let written = match self.out.poll_write(task) {
                Poll::Ready(Err(error)) => return Poll::Ready(gone(error)),
                written => written.is_ready(),
            };
            if let Some(last_writes) = &mut self.last_writes {
                let is_over = written || last_writes.as_mut().poll(task).is_ready();
                return if is_over { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            // A client that does not read is not written for: its handlers wait, and so do its requests.
            let ran = self.out.has_room() && self.run_woken();
            let read = match self.poll_read(task) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::Read(error))),
                Poll::Pending => false,
            };
            if !ran && !read {
                return Poll::Pending;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// Runs every handler that can go on one step.
    fn run_woken(&mut self) -> bool {
        let mut ran = false;
        for number in self.running.woken() {
            let Some(step) = self.running.step(number) else { continue };
            ran = true;
            for notification in step.notifications {
                self.out.push(Some(number), notification);
            }
            if let Some((request, outcome)) = step.finished {
                let has_ended = outcome.is_ok() && matches!(request.speaks, Speaks::Subscription);
                let response = self.stdio.encode(request.speaks, &request.id, outcome);
                self.answer(Some(number), request.batch, response);
                self.leave(request.batch);
                if has_ended {
                    self.tear_down(&request.id);
                }
            }
        }
        ran
    }

    /// Says that a subscription is over: where there is no stream to close, a notification says so besides the result.
    fn tear_down(&mut self, id: &RequestId) {
        match encode_notification("notifications/cancelled", &serde_json::json!({ "requestId": id })) {
            Ok(notification) => self.out.push(None, notification),
            Err(error) => tracing::error!(%error, "the end of a subscription cannot be written as JSON"),
        }
    }

    /// Reads a line and does what it says.
    fn poll_read(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = match self.held.take() {
            Some(line) => line,
            None => match std::task::ready!(self.lines.poll_next(task))? {
                Some(line) => line,
                None => {
                    self.end();
                    return Poll::Ready(Ok(()));
                }
            },
        };
        // A notification needs no answer, and may say that others are not wanted any more.
        if !self.out.has_room() && !is_notification(&line) {
            self.held = Some(line);
            return Poll::Pending;
        }
        match line {
            Line::Whole(json) => self.handle_line(&json),
            Line::TooLong => {
                let limit = self.stdio.max_line_bytes;
                self.refuse(None, format!("The line is longer than {limit} bytes, the limit of this server."));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The client wants the process to end: only what is already answered is still written.
    fn end(&mut self) {
        self.running.cancel_all();
        self.batches.clear();
        self.last_writes = Some(self.platform.sleep(LAST_WRITES));
    }

    fn handle_line(&mut self, line: &Bytes) {
        let limit = self.stdio.max_depth;
        match Body::parse(line, limit) {
            Body::Message(message) => self.handle(message, line, None),
            Body::Batch(json) => self.handle_batch(line, json),
            Body::TooDeep => {
                self.refuse(None, format!("The line nests deeper than {limit} levels, the limit of this server."));
            }
        }
    }

    fn handle_batch(&mut self, line: &Bytes, json: RawJson<'_>) {
        if self.opened.as_ref().is_none_or(|opened| opened.revision != Revision::V2025_03_26) {
            return self.refuse(None, "A line must be one message: only revision 2025-03-26 has batches.".to_owned());
        }
        let messages: Vec<_> =
            json.elements().take(MOST_MESSAGES + 1).map(|element| (element, Message::read(element))).collect();
        if messages.is_empty() || messages.len() > MOST_MESSAGES {
            return self.refuse(None, format!("A batch must have 1 to {MOST_MESSAGES} messages."));
        }
        let opens = |message: &Result<Message<'_>, _>| matches!(message, Ok(Message::Request(request)) if request.method == "initialize");
        if messages.iter().any(|(_, message)| opens(message)) {
            return self.refuse(None, "initialize must stand alone, not in a batch.".to_owned());
        }
        self.number += 1;
        let batch = self.number;
        self.batches.open(batch);
        for (element, message) in messages {
            self.handle(message, &line.slice_ref(element.get().as_bytes()), Some(batch));
        }
        self.leave(Some(batch));
    }

    fn handle(
        &mut self,
        message: Result<Message<'_>, (Option<RequestId>, ErrorObject)>,
        json: &Bytes,
        batch: Option<u64>,
    ) {
        match message {
            Ok(Message::Request(request)) => self.handle_request(&request, json, batch),
            Ok(Message::Notification(notification)) => self.handle_notification(&notification),
            Ok(Message::Response(response)) => self.handle_response(&response),
            Err((id, error)) => self.answer(None, batch, encode_error(id.as_ref(), &error)),
        }
    }

    fn handle_request(&mut self, request: &Request<'_>, json: &Bytes, batch: Option<u64>) {
        let limit = self.stdio.max_requests;
        if self.running.contains(&request.id) {
            let message = format!("The request with the id {} is still running; give each its own id.", request.id);
            let error = ErrorObject::new(ErrorCode::INVALID_REQUEST, message);
            return self.answer(None, batch, encode_error(Some(&request.id), &error));
        }
        if self.running.len() >= limit {
            let message = format!("{limit} requests are running, the limit of this server; cancel one or wait for it.");
            let error = ErrorObject::new(ErrorCode::INTERNAL_ERROR, message);
            return self.answer(None, batch, encode_error(Some(&request.id), &error));
        }
        // The notifications of a batch would come before the array that they belong to.
        let around = Surroundings { json, platform: &self.platform, streams: batch.is_none() };
        match self.stdio.start(&mut self.opened, request, &around) {
            Started::Answered(response) => self.answer(None, batch, response),
            Started::Running(speaks, exchange) => {
                self.number += 1;
                self.running.insert(self.number, request.id.clone(), speaks, batch, exchange);
                if let Some(batch) = batch {
                    self.batches.enter(batch);
                }
            }
        }
    }

    /// Of all that a client notifies of, only a cancellation concerns what runs.
    fn handle_notification(&mut self, notification: &Notification<'_>) {
        if notification.method == "notifications/cancelled"
            && let Some(id) = cancelled_id(notification.params)
            // Otherwise it is answered already, or was never asked for: either is none of the client's faults.
            && let Some(mut cancelled) = self.running.cancel(&id)
        {
            cancelled.unsent.extend(self.out.take_back(cancelled.number));
            // The client need not hear that a question is withdrawn which it never heard.
            for withdrawal in cancelled.withdrawals {
                if !cancelled.unsent.iter().any(|message| withdraws(&withdrawal, message)) {
                    self.out.push(None, withdrawal);
                }
            }
            self.leave(cancelled.batch);
        }
    }

    /// An answer to a question of a handler, which clients of older revisions are asked.
    fn handle_response(&mut self, response: &Response<'_>) {
        if !self.opened.as_ref().is_some_and(|opened| opened.client.take_answer(response)) {
            tracing::warn!(id = %response.id, "the client answered a request that is not waiting for it");
        }
    }

    fn refuse(&mut self, id: Option<&RequestId>, message: String) {
        self.out.push(None, encode_error(id, &ErrorObject::new(ErrorCode::INVALID_REQUEST, message)));
    }

    fn answer(&mut self, request: Option<u64>, batch: Option<u64>, response: Vec<u8>) {
        match batch {
            Some(batch) => self.batches.add(batch, &response),
            None => self.out.push(request, response),
        }
    }

    /// One message of `batch` less is to be answered.
    fn leave(&mut self, batch: Option<u64>) {
        if let Some(batch) = batch
            && let Some(array) = self.batches.leave(batch)
        {
            self.out.push(None, array);
        }
    }
}

fn is_notification(line: &Line) -> bool {
    matches!(line, Line::Whole(json) if matches!(Message::parse(json), Ok(Message::Notification(_))))
}

/// Whether `withdrawal` is of the question that `message` asks.
fn withdraws(withdrawal: &[u8], message: &[u8]) -> bool {
    match (Message::parse(withdrawal), Message::parse(message)) {
        (Ok(Message::Notification(withdrawal)), Ok(Message::Request(question))) => {
            cancelled_id(withdrawal.params) == Some(question.id)
        }
        _ => false,
    }
}

/// A client that takes no more is gone, which is how it may end a connection.
fn gone(error: io::Error) -> Result<(), Error> {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(()),
        _ => Err(Error::Write(error)),
    }
}
