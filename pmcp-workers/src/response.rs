//! A response of the core as the platform sends it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use http::Response;
use http_body::Body as _;
use pmcp_core::streamable_http::Body;
use worker::{Headers, ResponseBuilder};

use crate::home::Home;

/// A whole body goes out as bytes; one that is still being made as a stream, which the platform pulls as the client
/// reads, and cancels when the client is gone.
pub(crate) fn into_worker(response: Response<Body>) -> worker::Result<worker::Response> {
    let (head, body) = response.into_parts();
    let headers = Headers::new();
    for (name, value) in &head.headers {
        headers.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    let builder = ResponseBuilder::new().with_status(head.status.as_u16()).with_headers(headers);
    match body.as_full() {
        Some(bytes) if bytes.is_empty() => Ok(builder.empty()),
        Some(bytes) => Ok(builder.fixed(bytes.to_vec())),
        None => builder.from_stream(Pieces { body, home: Home::new() }),
    }
}

struct Pieces {
    body: Body,
    home: Home,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            tracing::debug!("a client went away before its answer was complete");
        }
    }
}

impl Stream for Pieces {
    type Item = worker::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { body, home } = &mut *self;
        let frame = ready!(home.poll(task, |task| Pin::new(body).poll_frame(task)));
        let Some(Ok(frame)) = frame else { return Poll::Ready(None) };
        Poll::Ready(frame.into_data().ok().map(|bytes| Ok(bytes.into())))
    }
}
