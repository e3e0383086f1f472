//! The body of a response: whole, or a stream of server-sent events.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Frame, SizeHint};

use super::events::write_event;
use crate::platform::MaybeSend;

/// How much of a whole body is given away at once: what was given away waits in memory that nobody counts.
const MOST_AT_ONCE: usize = 16 << 10;

/// The body of a response.
///
/// Dropping it before its end is how an adapter says that the client is gone: a handler that is still running is then
/// cancelled (revision 2026-07-28) or finished in the background (older revisions).
pub struct Body(Kind);

enum Kind {
    Full(Bytes),
    Stream(Box<dyn EventStream>),
}

/// Server-sent events, made as they are read.
pub(super) trait EventStream: MaybeSend {
    /// The next bytes: all events that wait, or a comment when there was none for long.
    fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// Whether there is nothing more to come.
    fn is_finished(&self) -> bool;
}

impl Body {
    pub(super) fn empty(status: StatusCode) -> Response<Self> {
        let mut response = Response::new(Self(Kind::Full(Bytes::new())));
        *response.status_mut() = status;
        response
    }

    pub(super) fn json(status: StatusCode, json: Vec<u8>) -> Response<Self> {
        let mut response = Response::new(Self(Kind::Full(Bytes::from(json))));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    pub(super) fn events(events: impl EventStream + 'static) -> Response<Self> {
        Self::stream(Kind::Stream(Box::new(events)))
    }

    /// The same answer as the one event of a stream, where it is a message and the request went well.
    pub(super) fn in_events(response: Response<Self>) -> Response<Self> {
        match response.body() {
            Self(Kind::Full(json)) if !json.is_empty() && response.status() == StatusCode::OK => {
                let mut event = Vec::with_capacity(json.len() + 32);
                write_event(&mut event, json);
                Self::stream(Kind::Full(event.into()))
            }
            _ => response,
        }
    }

    fn stream(kind: Kind) -> Response<Self> {
        let mut response = Response::new(Self(kind));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    /// The whole body, where it is not a stream.
    pub fn as_full(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Full(bytes) => Some(bytes),
            Kind::Stream(_) => None,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Kind::Full(bytes) if bytes.is_empty() => None,
            Kind::Full(bytes) => Some(bytes.split_to(bytes.len().min(MOST_AT_ONCE))),
            Kind::Stream(events) => std::task::ready!(events.poll_next(task)),
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream(events) => events.is_finished(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}
