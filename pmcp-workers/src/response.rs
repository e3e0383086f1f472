//! A response of the core as the platform sends it.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
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

use crate::{home::Home, instance::Ticker};

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
/// reads, and cancels when the client is gone. A client that reads nothing for `patience` is given up.
pub(crate) fn into_worker(response: http::Response<Body>, patience: Option<Duration>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    match body.as_full() {
        Some(bytes) => whole(head.status, &head.headers, bytes),
        None => in_pieces(&head, body, patience),
    }
}

#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
fn in_pieces(head: &http::response::Parts, body: Body, patience: Option<Duration>) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in &head.headers {
        headers.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    let builder = ResponseBuilder::new().with_status(head.status.as_u16()).with_headers(headers);
    Ok(builder.from_stream(Pieces::new(body, patience))?.into())
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
    shared: Rc<Shared>,
    home: Home,
    _patience: Option<Ticker>,
}

/// What the stream has in common with the timer that gives up its reader.
struct Shared {
    /// None where the reader was given up.
    body: RefCell<Option<Body>>,
    reader: Cell<Reader>,
}

/// What the reader does: nothing is made of a body, nor any time limit of its handler's noticed, but when it wants more.
#[derive(Clone, Copy, PartialEq)]
enum Reader {
    /// It has all that there was, and wants more.
    Waits,
    /// It was given something.
    Reads,
    /// It has not wanted more since, for as long as the timer takes.
    Rests,
}

impl Pieces {
    fn new(body: Body, patience: Option<Duration>) -> Self {
        let shared = Rc::new(Shared { body: RefCell::new(Some(body)), reader: Cell::new(Reader::Reads) });
        let watched = Rc::clone(&shared);
        let patience = patience.map(|patience| {
            Ticker::of(patience, move || {
                match watched.reader.get() {
                    Reader::Waits => {}
                    Reader::Reads => watched.reader.set(Reader::Rests),
                    Reader::Rests => {
                        let given_up = watched.body.take();
                        if given_up.is_some() {
                            tracing::debug!("a client that reads nothing was given up");
                        }
                        return false;
                    }
                }
                true
            })
        });
        Self { shared, home: Home::new(), _patience: patience }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if self.shared.body.take().is_some_and(|body| !body.is_end_stream()) {
            tracing::debug!("a client went away before its answer was complete");
        }
    }
}

impl Stream for Pieces {
    type Item = worker::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { shared, home, .. } = &mut *self;
        let mut body = shared.body.borrow_mut();
        let Some(body) = &mut *body else {
            // It must not take what it has for the whole answer.
            return Poll::Ready(Some(Err(worker::Error::RustError(
                "The client read nothing for too long.".to_owned(),
            ))));
        };
        shared.reader.set(Reader::Waits);
        let frame = ready!(home.poll(task, |task| Pin::new(body).poll_frame(task)));
        shared.reader.set(Reader::Reads);
        let Some(Ok(frame)) = frame else { return Poll::Ready(None) };
        Poll::Ready(frame.into_data().ok().map(|bytes| Ok(bytes.into())))
    }
}
