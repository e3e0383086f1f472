//! A response of the core as the platform sends it.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use pmcp_core::streamable_http::Body;
use worker::{
    Headers, ResponseBuilder,
    wasm_bindgen::{self, JsValue, prelude::*},
    web_sys::Response,
};

use crate::home::Home;

// As with requests, one step: a line for each header, its name to the first comma, and the body. Most answers have the
// headers of the one before, and bring none: text costs more on its way than bytes.
#[wasm_bindgen(inline_js = "
let headers = new Headers();
export function respond(status, lines, body) {
  if (lines !== undefined) {
    headers = new Headers();
    for (const line of lines.split('\\n')) {
      const comma = line.indexOf(',');
      if (comma > 0) headers.append(line.slice(0, comma), line.slice(comma + 1));
    }
  }
  return new Response(body.length > 0 ? body.slice() : null, { status, headers });
}
")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn respond(status: u16, lines: Option<&str>, body: &[u8]) -> Result<Response, JsValue>;
}

thread_local! {
    /// The headers of the answer before, where there was one and it was made.
    static BEFORE: Cell<Option<String>> = const { Cell::new(None) };
}

/// A whole body goes out as bytes; one that is still being made as a stream, which the platform pulls as the client
/// reads, and cancels when the client is gone.
pub(crate) fn into_worker(response: http::Response<Body>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    match body.as_full() {
        Some(bytes) => whole(head.status, &head.headers, bytes),
        None => in_pieces(&head, body),
    }
}

#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
fn in_pieces(head: &http::response::Parts, body: Body) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in &head.headers {
        headers.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    let builder = ResponseBuilder::new().with_status(head.status.as_u16()).with_headers(headers);
    Ok(builder.from_stream(Pieces { body, home: Home::new() })?.into())
}

/// A response whose body is all there.
pub(crate) fn whole(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> worker::Result<Response> {
    let mut lines = String::new();
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(name.as_str());
        lines.push(',');
        lines.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    let is_known = BEFORE.take().is_some_and(|before| before == lines);
    let response = respond(status.as_u16(), (!is_known).then_some(&lines), body)?;
    BEFORE.set(Some(lines));
    Ok(response)
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
