//! Requests that are refused before a handler sees them: a status and, where the protocol has one, an error.

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use super::Body;
use crate::{
    jsonrpc::{ErrorCode, ErrorObject, RequestId, encode_error},
    server::SUPPORTED_VERSIONS,
};

/// What a request is refused with; boxed, as it passes through all that can refuse.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Inner>);

/// A status, an error, and the id of the request where it could be read.
#[derive(Debug)]
struct Inner {
    status: StatusCode,
    id: Option<RequestId>,
    error: ErrorObject,
    /// Where its verb is not served: those that are.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::of(status, ErrorObject::new(code, message))
    }

    fn of(status: StatusCode, error: ErrorObject) -> Self {
        Self(Box::new(Inner { status, id: None, error, allow: None }))
    }

    pub(super) fn with_id(mut self, id: &RequestId) -> Self {
        self.0.id = Some(id.clone());
        self
    }

    /// The body could not be parsed as a message.
    pub(super) fn unparsed((id, error): (Option<RequestId>, ErrorObject)) -> Self {
        let mut refusal = Self::malformed(error);
        refusal.0.id = id;
        refusal
    }

    /// The request is malformed: a parameter that the protocol itself needs is missing or wrong.
    pub(crate) fn malformed(error: ErrorObject) -> Self {
        Self::of(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, message)
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_PARAMS, message)
    }

    pub(super) fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::HEADER_MISMATCH, message)
    }

    pub(crate) fn unsupported_version(requested: &str) -> Self {
        let message = format!("The protocol version {requested:?} is not served; use one of data.supported.");
        let data = json!({ "supported": SUPPORTED_VERSIONS, "requested": requested });
        Self::malformed(ErrorObject::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, message).with_data(data))
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        let message = format!("This server does not serve the method {method}.");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::METHOD_NOT_FOUND, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::INVALID_REQUEST, message)
    }

    /// The verb is none of those in `allow`, for which `instead` is a few words.
    pub(super) fn method_not_allowed(method: &Method, instead: &str, allow: &'static str) -> Self {
        let message = format!("{method} is not served here: {instead}");
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::INVALID_REQUEST, message);
        refusal.0.allow = Some(allow);
        refusal
    }

    /// A stream is asked for that the client does not take.
    pub(super) fn not_acceptable() -> Self {
        let message = "The answer to this method is a stream of events: send the header Accept: application/json, \
                       text/event-stream.";
        Self::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::INVALID_REQUEST, message)
    }

    pub(super) fn unsupported_media_type(message: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::INVALID_REQUEST, message)
    }

    pub(super) fn payload_too_large(limit: usize) -> Self {
        let message = format!("The body is longer than {limit} bytes, the limit of this server.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::INVALID_REQUEST, message)
    }

    pub(super) fn too_deep(limit: usize) -> Self {
        Self::invalid_request(format!("The body nests deeper than {limit} levels, the limit of this server."))
    }

    pub(super) fn unexpected_response(id: &RequestId) -> Self {
        Self::invalid_request(format!("The server has sent no request with the id {id}, so there is none to answer."))
    }

    pub(super) fn unknown_session() -> Self {
        let message = "There is no session with this Mcp-Session-Id (any more): open one with initialize.";
        Self::new(StatusCode::NOT_FOUND, ErrorCode::INVALID_REQUEST, message)
    }

    pub(super) fn unknown_event() -> Self {
        Self::invalid_request("The Last-Event-ID is none that this server gave out.")
    }

    /// The error alone, for a transport without statuses.
    pub(crate) fn into_error(self) -> ErrorObject {
        self.0.error
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let Inner { status, id, error, allow } = &*self.0;
        let mut response = Body::json(*status, encode_error(id.as_ref(), error));
        if let Some(allow) = *allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}
