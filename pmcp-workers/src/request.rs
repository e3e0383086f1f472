//! A request of the platform as the core knows it.

use std::cell::Cell;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Uri,
    header::{self, CONTENT_LENGTH},
    request::Parts,
};
use worker::{
    Cf, Context,
    js_sys::{Promise, Reflect, Uint8Array},
    send::SendWrapper,
    wasm_bindgen::{self, JsCast, JsValue, prelude::*},
    wasm_bindgen_futures::JsFuture,
    web_sys::{ReadableStreamDefaultReader, Request},
    worker_sys::ext::RequestExt,
};

use crate::instance::unless_gone;

// Each step between JavaScript and WebAssembly takes its time, so what makes up a request comes in one: a line for its
// method, one for its URL and one for each header, its name to the first comma. None of them has a line break, and a
// name no comma.
//
// Where the client goes, the platform lets a read be that will never end: it is told by a listener, which costs as much as
// a tenth of a request. So it is done without while few bodies are being read, and short ones: what can be left of those
// is not much. An instance that has panicked is not left with any: they are counted in its own memory.
#[wasm_bindgen(inline_js = "
export function readHead(request) {
  let lines = request.method + '\\n' + request.url;
  request.headers.forEach((value, name) => { lines += '\\n' + name + ',' + value; });
  return lines;
}
export function readBody(request, listens) {
  if (!listens) return request.arrayBuffer();
  return new Promise((resolve, reject) => {
    request.signal?.addEventListener('abort', reject, { once: true });
    request.arrayBuffer().then(resolve, reject);
  });
}
export function copyBody(buffer, into) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length !== into.length) return false;
  into.set(bytes);
  return true;
}
")]
extern "C" {
    #[wasm_bindgen(js_name = readHead)]
    fn read_head(request: &Request) -> String;

    /// Fails where the client goes, if it `listens` for that.
    #[wasm_bindgen(js_name = readBody)]
    fn whole_body(request: &Request, listens: bool) -> Promise;

    /// Whether it is as long as was said.
    #[wasm_bindgen(js_name = copyBody)]
    fn copy_body(buffer: &JsValue, into: &mut [u8]) -> bool;
}

/// The request as the platform gave it, beside the one that handlers see: `cx.extension::<Incoming>()`. Its body has been
/// read.
#[derive(Clone, Debug)]
pub struct Incoming(SendWrapper<Request>);

impl Incoming {
    pub(crate) fn new(request: &Request) -> Self {
        // Not its own `clone`, which has JavaScript split the body.
        Self(SendWrapper::new(Clone::clone(request)))
    }

    /// What Cloudflare knows of the client, such as its country; nothing where no edge of Cloudflare's was passed.
    pub fn cf(&self) -> Option<Cf> {
        self.0.cf().map(Cf::from)
    }

    /// What is there of it, as JavaScript has it.
    pub fn request(&self) -> &Request {
        &self.0
    }
}

/// What clients of MCP, and Cloudflare, send in nearly every request. What finds any other name is a function of 12 KB, a
/// tenth of what V8 would compile for an isolate's first request.
static USUAL: [HeaderName; 24] = [
    header::HOST,
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
    HeaderName::from_static("mcp-session-id"),
    header::AUTHORIZATION,
    header::USER_AGENT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONNECTION,
    header::ORIGIN,
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("cf-ipcountry"),
    HeaderName::from_static("cf-ray"),
    HeaderName::from_static("cf-visitor"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

fn parse_name(name: &[u8]) -> Option<HeaderName> {
    let usual = USUAL.iter().find(|usual| usual.as_str().as_bytes() == name);
    usual.cloned().or_else(|| HeaderName::from_bytes(name).ok())
}

/// How long a body is, in bytes, and how many are being read, where nobody listens for the client to go.
const MOST_UNHEARD: (usize, usize) = (64 << 10, 32);

thread_local! {
    /// How many bodies of this instance are being read, those included that the platform has let go of.
    static READING: Cell<usize> = const { Cell::new(0) };
}

/// A body that is being read.
struct Reading;

impl Reading {
    fn begin() -> Self {
        READING.set(READING.get() + 1);
        Self
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READING.set(READING.get() - 1);
    }
}

/// As many as there is room for at once; most requests have fewer.
const USUAL_HEADERS: usize = 24;

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// The body is longer than allowed.
    #[error("The body is longer than {0} bytes, the limit of this server.")]
    TooLong(usize),
    /// It ended before it was complete.
    #[error("The body ended before it was complete.")]
    Broken,
}

/// What stands before the body. Headers that occur twice are one by now, joined with a comma.
pub(crate) fn parse_head(request: &Request) -> Option<Parts> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    // What is of them is a part of this memory, and has none of its own.
    let all = Bytes::from(read_head(request));
    let mut lines = all.split(|byte| *byte == b'\n');
    head.method = Method::from_bytes(lines.next()?).ok()?;
    head.uri = Uri::from_maybe_shared(all.slice_ref(lines.next()?)).ok()?;
    head.headers.reserve(USUAL_HEADERS);
    for line in lines {
        let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b',')?)?;
        let value = HeaderValue::from_maybe_shared(all.slice_ref(value.get(1..)?)).ok()?;
        head.headers.append(parse_name(name)?, value);
    }
    Some(head)
}

/// The whole body, of at most `limit` bytes: at once where `head` says how long it is, and else piece by piece.
pub(crate) async fn read_body(
    request: &Request,
    context: &Context,
    head: &Parts,
    limit: usize,
) -> Result<Bytes, Unread> {
    // Longer than what has room here, too.
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length.map(usize::try_from) {
        Some(Ok(length)) if length <= limit => {
            let (longest, most) = MOST_UNHEARD;
            let reading = Reading::begin();
            let whole = JsFuture::from(whole_body(request, length >= longest || READING.get() >= most)).await;
            drop(reading);
            let whole = whole.map_err(|_| Unread::Broken)?;
            let mut body = vec![0; length];
            if copy_body(&whole, &mut body) {
                return Ok(body.into());
            }
            // Another Worker that passed the request on may have changed the body alone.
            let whole = Uint8Array::new(&whole);
            if whole.length() as usize > limit { Err(Unread::TooLong(limit)) } else { Ok(whole.to_vec().into()) }
        }
        Some(_) => Err(Unread::TooLong(limit)),
        None => {
            // In a box it is apart: most requests do not need it.
            let pieces = Box::pin(read_pieces(request, limit));
            unless_gone(request, context, pieces).await.unwrap_or(Err(Unread::Broken))
        }
    }
}

/// The whole body, read piece by piece and no further than `limit` bytes.
async fn read_pieces(request: &Request, limit: usize) -> Result<Bytes, Unread> {
    let Some(stream) = request.body() else { return Ok(Bytes::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut body = Vec::new();
    loop {
        let piece = JsFuture::from(reader.read()).await.and_then(|read| piece(&read)).map_err(|_| Unread::Broken)?;
        let Some(piece) = piece else { return Ok(body.into()) };
        let begin = body.len();
        let end = begin + piece.length() as usize;
        if end > limit {
            // Nobody waits for what the platform says to that.
            drop(reader.cancel());
            return Err(Unread::TooLong(limit));
        }
        body.resize(end, 0);
        if let Some(place) = body.get_mut(begin..) {
            piece.copy_to(place);
        }
    }
}

/// The bytes in what a reader has read; `None` at the end.
fn piece(read: &JsValue) -> Result<Option<Uint8Array>, JsValue> {
    if Reflect::get(read, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    Reflect::get(read, &"value".into())?.dyn_into().map(Some)
}
