//! The body of a response, which keeps its place among the requests in flight until it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing::Span;

use crate::{activity::Reading, limits::Permit};

/// The body of a response.
pub(crate) struct ResponseBody {
    body: Kind,
    /// Free again when the body is gone.
    _permit: Option<Permit>,
    reading: Option<Reading>,
}

enum Kind {
    /// With the span of its request: a handler that streams runs while its body is read, and ends with it.
    Mcp(pmcp_core::streamable_http::Body, Span),
    Text(&'static str),
}

impl ResponseBody {
    pub(crate) fn mcp(body: pmcp_core::streamable_http::Body, permit: Option<Permit>, span: Span) -> Self {
        Self { body: Kind::Mcp(body, span), _permit: permit, reading: None }
    }

    pub(crate) fn text(text: &'static str) -> Self {
        Self { body: Kind::Text(text), _permit: None, reading: None }
    }

    /// The same body, watched by its connection.
    pub(crate) fn watched(mut self, reading: Reading) -> Self {
        self.reading = Some(reading);
        self
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // What a handler says that is cancelled by this is part of its request.
        if let Kind::Mcp(body, span) = std::mem::replace(&mut self.body, Kind::Text("")) {
            span.in_scope(|| drop(body));
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = match &mut self.body {
            Kind::Mcp(body, span) => span.in_scope(|| Pin::new(body).poll_frame(task)),
            Kind::Text("") => Poll::Ready(None),
            Kind::Text(text) => {
                let bytes = Bytes::from_static(std::mem::take(text).as_bytes());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        };
        if let Some(reading) = &self.reading {
            reading.polled(polled.is_pending());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Mcp(body, _) => body.is_end_stream(),
            Kind::Text(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kind::Mcp(body, _) => body.size_hint(),
            Kind::Text(text) => SizeHint::with_exact(text.len() as u64),
        }
    }
}
