//! The answer as its front takes it: in one piece, in the front's own JSON, or as it is made.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, StatusCode, header, response};
use http_body::{Body as _, Frame};
use lambda_runtime::{MetadataPrelude, StreamResponse};
use serde::{Serialize, Serializer, ser::SerializeMap};
use tracing::Span;

use crate::{event::Front, log::Entry};

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

    /// The length of its body in JSON, in which some characters take more than one.
    pub(crate) fn body_len(&self) -> usize {
        let escaped = |byte: &u8| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
            0x00..0x20 => 6,
            _ => 1,
        };
        self.body.0.iter().map(escaped).sum()
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
    body: Body,
    span: Span,
    bytes: usize,
    /// Written when the answer is over, whichever way.
    entry: Option<Entry>,
}

impl Chunks {
    /// The answer, streamed.
    pub(crate) fn response(
        mut parts: response::Parts,
        body: Body,
        span: Span,
        entry: Option<Entry>,
    ) -> StreamResponse<Self> {
        let cookies = take_cookies(&mut parts.headers);
        StreamResponse {
            metadata_prelude: MetadataPrelude { status_code: parts.status, headers: parts.headers, cookies },
            stream: Self { body, span, bytes: 0, entry },
        }
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { body, span, bytes, .. } = &mut *self;
        loop {
            let Some(frame) = ready!(span.in_scope(|| Pin::new(&mut *body).poll_frame(task))) else {
                return Poll::Ready(None);
            };
            // There are no trailers, the only other frames.
            if let Ok(data) = frame.map(Frame::into_data)?.map_err(drop) {
                *bytes += data.len();
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.span.in_scope(|| entry.write(self.bytes));
        }
    }
}
