//! CORS (the Fetch standard): what lets a web page of an allowed origin read the answers.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::Body;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const EXPOSED: HeaderValue = HeaderValue::from_static("mcp-session-id, retry-after, www-authenticate");
const HEADERS: &str = "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, \
                       mcp-protocol-version, mcp-session-id, traceparent, tracestate, baggage";

/// Answers the question that a browser asks before it sends the request itself.
#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
pub(super) fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut response = Body::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    // The names of a tool's own headers are known to the tool alone.
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let params = asked.into_iter().flat_map(|names| names.split(',')).map(str::trim);
    let params = params.filter(|name| name.to_ascii_lowercase().starts_with("mcp-param-"));
    let allowed = params.fold(HEADERS.to_owned(), |allowed, name| allowed + ", " + name);
    let allowed = HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(HEADERS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    response
}

/// Lets pages of `origin`, which was found to be allowed, read `response`.
pub(super) fn allow(mut response: Response<Body>, origin: Option<HeaderValue>) -> Response<Body> {
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}
