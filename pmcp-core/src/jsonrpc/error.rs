//! Error objects and their codes (specification page `basic/index`, "Error Codes").

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cut;

/// The `error` member of a JSON-RPC response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({})", code.0)]
pub struct ErrorObject {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// One sentence for the person who meets it.
    pub message: String,
    /// What a program may want to know besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Value>>,
}

impl ErrorObject {
    /// An error without data.
    ///
    /// A message that is very long, because it repeats what a client sent, is cut.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: cut(message.into()), data: None }
    }

    /// The same error with `data`.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }
}

/// A JSON-RPC error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub i32);

impl ErrorCode {
    /// The body is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// JSON, but no request of this protocol.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// The method is unknown, removed, or of a capability that is not declared.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// A parameter is missing or wrong.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// A request header is missing, malformed or not what the body says.
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// The request needs a capability that the client has not declared.
    pub const MISSING_REQUIRED_CLIENT_CAPABILITY: Self = Self(-32021);
    /// The protocol version of the request is not served.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(-32022);
}
