//! The answer as its front takes it: in one piece, in the front's own JSON, or as it is made.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, response};
use http_body::{Body as _, Frame};
use serde::{Serialize, Serializer, ser::SerializeMap};
use tracing::Span;

use crate::{event::Front, log::Entry};

/// What Lambda is given.
pub(crate) enum Answer {
    /// In JSON.
    Whole(Vec<u8>),
    Streamed(Box<Chunks>),
}

/// The body of an answer.
pub(crate) enum Body {
    Mcp(pmcp_core::streamable_http::Body),
    Text(&'static str),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Mcp(body) => Pin::new(body).poll_frame(task),
            Self::Text("") => Poll::Ready(None),
            Self::Text(text) => {
                let bytes = Bytes::from_static(std::mem::take(text).as_bytes());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }
}

/// An answer in one piece, in the JSON that its front reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Whole {
    #[serde(serialize_with = "number")]
    status_code: StatusCode,
    /// `200 OK`, which load balancers ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Single>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<Multiple>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Vec<String>>,
    body: Text,
    is_base64_encoded: bool,
}

impl Whole {
    pub(crate) fn new(front: Front, parts: response::Parts, body: Bytes) -> Self {
        let (status, mut headers) = (parts.status, parts.headers);
        let is_text = std::str::from_utf8(&body).is_ok();
        let mut whole = Self {
            status_code: status,
            status_description: None,
            headers: None,
            multi_value_headers: None,
            cookies: None,
            body: Text(if is_text { body } else { BASE64_STANDARD.encode(body).into() }),
            is_base64_encoded: !is_text,
        };
        match front {
            Front::Rest => whole.multi_value_headers = Some(Multiple(headers)),
            Front::Http | Front::FunctionUrl => {
                whole.cookies = Some(take_cookies(&mut headers));
                whole.headers = Some(Single(headers));
            }
            Front::Alb { multi_value } => {
                let reason = status.canonical_reason().unwrap_or_default();
                whole.status_description = Some(format!("{} {reason}", status.as_u16()));
                match multi_value {
                    true => whole.multi_value_headers = Some(Multiple(headers)),
                    false => whole.headers = Some(Single(headers)),
                }
            }
        }
        whole
    }
}

/// Bytes that are known to be UTF-8.
struct Text(Bytes);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.0).map_err(serde::ser::Error::custom)?)
    }
}

fn number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// Headers with one value each: several are joined, as HTTP has it.
struct Single(HeaderMap);

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            let values: Vec<_> = self.0.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
            map.serialize_entry(name.as_str(), &values.join(", "))?;
        }
        map.end()
    }
}

/// Headers with all their values.
struct Multiple(HeaderMap);

impl Serialize for Multiple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            let values: Vec<_> = self.0.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
            map.serialize_entry(name.as_str(), &values)?;
        }
        map.end()
    }
}

fn take_cookies(headers: &mut HeaderMap) -> Vec<String> {
    match headers.entry(header::SET_COOKIE) {
        header::Entry::Vacant(_) => Vec::new(),
        header::Entry::Occupied(cookies) => {
            cookies.remove_entry_mult().1.filter_map(|cookie| cookie.to_str().ok().map(str::to_owned)).collect()
        }
    }
}

/// An answer as it is made: its handler runs while it is read.
pub(crate) struct Chunks {
    /// What is still to be sent before the body: status and headers, then what divides them from it.
    before: VecDeque<Bytes>,
    body: Body,
    span: Span,
    bytes: usize,
    /// Written when the answer is over, whichever way.
    entry: Option<Entry>,
}

/// Status and headers of a streamed answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Prelude {
    #[serde(serialize_with = "number")]
    status_code: StatusCode,
    headers: Single,
    cookies: Vec<String>,
}

/// Between the prelude and the body; emulators want it in a chunk of its own.
const SEPARATOR: Bytes = Bytes::from_static(&[0; 8]);

impl Chunks {
    pub(crate) fn new(parts: response::Parts, body: Body, entry: Option<Entry>) -> serde_json::Result<Self> {
        let mut headers = parts.headers;
        let cookies = take_cookies(&mut headers);
        let prelude = Prelude { status_code: parts.status, headers: Single(headers), cookies };
        let before = VecDeque::from([serde_json::to_vec(&prelude)?.into(), SEPARATOR]);
        Ok(Self { before, body, span: Span::current(), bytes: 0, entry })
    }

    /// The next bytes.
    pub(crate) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(bytes) = self.before.pop_front() {
            return Poll::Ready(Some(bytes));
        }
        let Self { body, span, bytes, .. } = self;
        let Some(Ok(frame)) = ready!(span.in_scope(|| Pin::new(body).poll_frame(task))) else {
            return Poll::Ready(None);
        };
        // There are no trailers, the only frames without data.
        let data = frame.into_data().unwrap_or_default();
        *bytes += data.len();
        Poll::Ready(Some(data))
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        let Self { body, span, bytes, entry, .. } = self;
        span.in_scope(|| {
            // A handler that is cancelled by this may have something to say.
            drop(std::mem::replace(body, Body::Text("")));
            entry.take().into_iter().for_each(|entry| entry.write(*bytes));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use pmcp_core::{Context, StreamableHttp, platform::Platform, prelude::*, testing::TestPlatform};
    use serde_json::json;
    use tracing::span::Id;

    use super::*;

    type Ends = Arc<Mutex<Vec<Option<Id>>>>;

    struct Waits(Ends);

    /// Notes the span in which it ends.
    struct Gone(Ends);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.lock().expect("a lock").push(Span::current().id());
        }
    }

    #[server(name = "waits", version = "1.0.0")]
    impl Waits {
        #[tool]
        async fn wait(&self, cx: &Context) {
            let _gone = Gone(Arc::clone(&self.0));
            cx.progress(0, 1.0, "waiting").await;
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn what_is_cancelled_ends_in_the_span_of_its_invocation() {
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
        let ends = Ends::default();
        let endpoint = StreamableHttp::new(Waits(Arc::clone(&ends))).expect("a server");
        let call = json!({ "name": "wait", "arguments": {}, "_meta": { "progressToken": 1 } });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
        let request = http::Request::post("/mcp")
            .header("host", "localhost")
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2025-11-25")
            .body(Bytes::from(message.to_string()))
            .expect("a request");
        let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
        let (parts, body) = endpoint.respond(request, &platform).await.into_parts();
        let span = tracing::info_span!("invocation");
        let chunks = span.in_scope(|| Chunks::new(parts, Body::Mcp(body), None)).expect("JSON");
        drop(chunks);
        assert_eq!(*ends.lock().expect("a lock"), [span.id()]);
    }
}
