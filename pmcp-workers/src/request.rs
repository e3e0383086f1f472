//! A request of the platform as the core knows it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::CONTENT_LENGTH, request::Parts};
use worker::{
    js_sys::{Array, Reflect, Uint8Array},
    wasm_bindgen::{JsCast, JsValue},
    wasm_bindgen_futures::JsFuture,
    web_sys::{self, ReadableStreamDefaultReader},
};

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
pub(crate) fn parse_head(request: &web_sys::Request) -> Option<Parts> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::from_bytes(request.method().as_bytes()).ok()?;
    head.uri = request.url().parse::<Uri>().ok()?;
    head.headers = parse_headers(&request.headers())?;
    Some(head)
}

/// All headers as one text, since each step between JavaScript and WebAssembly takes its time: a line for each, its name
/// to the first comma. Neither has a line break, and a name no comma.
fn parse_headers(from: &web_sys::Headers) -> Option<HeaderMap> {
    let lines = String::from(Array::from(from).join("\n"));
    let mut headers = HeaderMap::new();
    for line in lines.lines() {
        let (name, value) = line.split_once(',')?;
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(headers)
}

/// The whole body, of at most `limit` bytes: at once where `head` says how long it is, and else piece by piece.
pub(crate) async fn read_body(request: &web_sys::Request, head: &Parts, limit: usize) -> Result<Bytes, Unread> {
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(length) if length > limit => Err(Unread::TooLong(limit)),
        Some(_) => {
            let whole = request.array_buffer().map_err(|_| Unread::Broken)?;
            let whole = JsFuture::from(whole).await.map_err(|_| Unread::Broken)?;
            Ok(Uint8Array::new(&whole).to_vec().into())
        }
        None => read_pieces(request, limit).await,
    }
}

/// The whole body, read piece by piece and no further than `limit` bytes.
async fn read_pieces(request: &web_sys::Request, limit: usize) -> Result<Bytes, Unread> {
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
