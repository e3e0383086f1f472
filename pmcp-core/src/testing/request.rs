//! A request as a well-behaved client of any revision writes it, headers included.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Map, Value, json};

use crate::{
    protocol::{ClientCapabilities, LogLevel, RequestParams, Revision},
    server::Server,
};

/// Writes the request `id`, with a progress token and the wish for every log message.
pub(super) fn encode(
    server: &Server,
    revision: Revision,
    capabilities: &ClientCapabilities,
    id: i64,
    method: &str,
    mut params: Value,
) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("mcp-protocol-version", HeaderValue::from_static(revision.as_str()));
    let mut meta = Map::new();
    meta.insert("progressToken".to_owned(), json!(id));
    if !revision.is_legacy() {
        meta.insert("io.modelcontextprotocol/protocolVersion".to_owned(), json!(revision.as_str()));
        meta.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json!(capabilities));
        meta.insert("io.modelcontextprotocol/logLevel".to_owned(), json!(LogLevel::Debug));
        repeat_in_headers(headers, server, method, &params);
    }
    if let Value::Object(params) = &mut params {
        params.entry("_meta").or_insert(Value::Object(meta));
    }
    let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    *request.body_mut() = Bytes::from(message.to_string());
    request
}

/// What revision 2026-07-28 wants in headers: the method, the name, and the arguments that the tool asks for.
fn repeat_in_headers(headers: &mut HeaderMap, server: &Server, method: &str, params: &Value) {
    insert(headers, HeaderName::from_static("mcp-method"), method);
    let named = RequestParams::naming(method).and_then(|member| params.get(member));
    let Some(name) = named.and_then(Value::as_str) else { return };
    insert(headers, HeaderName::from_static("mcp-name"), name);
    for param in server.header_params(name) {
        let arguments = params.get("arguments");
        let argument = param.path.iter().fold(arguments, |value, name| value.and_then(|value| value.get(name)));
        match argument {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => insert(headers, param.header.clone(), text),
            Some(value) => insert(headers, param.header.clone(), &value.to_string()),
        }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let value = in_header(value);
    if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
        headers.insert(name, value);
    }
}

/// `value` as it stands, or in base64 where a header could not hold it or it looks like base64 itself.
fn in_header(value: &str) -> Cow<'_, str> {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~')) && value.trim() == value;
    if is_plain && !value.starts_with("=?base64?") {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("=?base64?{}?=", BASE64_STANDARD.encode(value)))
}
