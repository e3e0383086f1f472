//! The body of a response, which keeps its place among the requests in flight until it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing::Span;

/// The requests in flight, as far as they are bounded.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    count: Arc<AtomicUsize>,
    most: usize,
}

impl InFlight {
    pub(crate) fn new(most: usize) -> Self {
        Self { count: Arc::default(), most }
    }

    /// A place, if there is one.
    pub(crate) fn enter(&self) -> Option<Place> {
        let place = Place(Arc::clone(&self.count));
        (self.count.fetch_add(1, Ordering::Relaxed) < self.most).then_some(place)
    }
}

/// A place among the requests in flight, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of a response.
pub(crate) struct ResponseBody {
    body: Kind,
    _place: Option<Place>,
}

enum Kind {
    /// With the span of its request: a handler that streams runs while its body is read.
    Mcp(pmcp_core::streamable_http::Body, Span),
    Text(&'static str),
}

impl ResponseBody {
    pub(crate) fn mcp(body: pmcp_core::streamable_http::Body, place: Place, span: Span) -> Self {
        Self { body: Kind::Mcp(body, span), _place: Some(place) }
    }

    pub(crate) fn text(text: &'static str) -> Self {
        Self { body: Kind::Text(text), _place: None }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.body {
            Kind::Mcp(body, span) => span.in_scope(|| Pin::new(body).poll_frame(task)),
            Kind::Text("") => Poll::Ready(None),
            Kind::Text(text) => {
                let bytes = Bytes::from_static(std::mem::take(text).as_bytes());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
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
