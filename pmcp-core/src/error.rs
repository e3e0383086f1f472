//! What can go wrong in a handler, and the one place that turns it into a JSON-RPC code.

use std::{fmt, time::Duration};

use serde_json::json;

use crate::{
    jsonrpc::{ErrorCode, ErrorObject, RequestId},
    protocol::ClientCapabilities,
};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request has no result.
///
/// A handler may return any error that implements [`fmt::Display`]: its text becomes [`Error::Failed`]. This type is
/// for handlers that mean something more definite by it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The handler could not do what it was asked. Tools answer it as a result with `isError`, in which the model
    /// reads it; everything else as an internal error.
    #[error("{0}")]
    Failed(String),

    /// The arguments of a tool are not what its schema says. Answered as a result with `isError`, so that the model
    /// can do better.
    #[error("{0}")]
    InvalidArguments(String),

    /// A parameter of the request is missing or wrong.
    #[error("{0}")]
    InvalidParams(String),

    /// There is no resource at `uri`.
    #[error("There is no resource at {uri}.")]
    ResourceNotFound {
        /// As the client asked for it.
        uri: String,
    },

    /// The client must declare a capability first.
    #[error("This needs a capability that the client has not declared; declare those in requiredCapabilities.")]
    MissingClientCapability(Box<ClientCapabilities>),

    /// The client cannot be asked: it speaks an older revision, and no stream of a session leads back to it. There is no
    /// session, or the request came in a batch, takes no events, or is over.
    #[error(
        "This needs an answer from the client, which cannot be asked: it speaks a revision of the protocol before \
         2026-07-28, and no stream of a session leads back to it."
    )]
    CannotAsk,

    /// The server has no such method, or has nothing registered that it serves.
    #[error("This server does not serve the method {method}.")]
    MethodNotFound {
        /// As the client wrote it.
        method: String,
    },

    /// The server is at fault, and the client learns no more than this text.
    #[error("{0}")]
    Internal(String),

    /// The handler took longer than the server's time limit, and was ended.
    #[error("The handler took longer than {} ms, the time limit of this server.", .limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },

    /// The time that the platform gives a request was up before the handler was done.
    #[error(
        "The handler was ended shortly before the platform would have stopped it: the time for one request is up. Ask \
         for less at a time, or let the platform give requests more time."
    )]
    OutOfTime,

    /// The client cancelled the request.
    #[error("The client cancelled this request.")]
    Cancelled,

    /// The server was shutting down before the handler was done.
    #[error("The server is shutting down before it could finish this request; send it again.")]
    Stopping,

    /// Any other error, with a code of the author's own outside -32768..-32000; or -32603 where something behind the server
    /// failed, such as a store, and the log says so already.
    #[error("{}", .0.message)]
    Protocol(Box<ErrorObject>),
}

impl Error {
    /// The handler could not do what it was asked, in words that help the model to do better.
    pub fn failed(text: impl fmt::Display) -> Self {
        Self::Failed(text.to_string())
    }

    /// The server is at fault, and the log says why already, in other words than the client is told.
    pub(crate) fn logged(told: impl Into<String>) -> Self {
        ErrorObject::new(ErrorCode::INTERNAL_ERROR, told).into()
    }

    /// What the client of the request `id` is told; the log has it too, where the server is at fault.
    pub(crate) fn into_told(self, id: &RequestId) -> ErrorObject {
        let is_ours = matches!(self, Self::Internal(_) | Self::TimedOut { .. } | Self::OutOfTime);
        let object = ErrorObject::from(self);
        if is_ours {
            // Its message is cut to what anybody reads.
            tracing::error!(error = object.message, request = %id, "a request failed");
        }
        object
    }
}

impl From<Error> for ErrorObject {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Failed(_)
            | Error::Internal(_)
            | Error::CannotAsk
            | Error::TimedOut { .. }
            | Error::OutOfTime
            | Error::Stopping
            | Error::Cancelled => Self::new(ErrorCode::INTERNAL_ERROR, message),
            Error::InvalidArguments(_) | Error::InvalidParams(_) => Self::new(ErrorCode::INVALID_PARAMS, message),
            Error::ResourceNotFound { uri } => {
                Self::new(ErrorCode::INVALID_PARAMS, message).with_data(json!({ "uri": uri }))
            }
            Error::MissingClientCapability(required) => {
                Self::new(ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY, message)
                    .with_data(json!({ "requiredCapabilities": required }))
            }
            Error::MethodNotFound { .. } => Self::new(ErrorCode::METHOD_NOT_FOUND, message),
            Error::Protocol(object) => *object,
        }
    }
}

impl From<ErrorObject> for Error {
    fn from(object: ErrorObject) -> Self {
        Self::Protocol(Box::new(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_resource_carries_its_uri() {
        let object = ErrorObject::from(Error::ResourceNotFound { uri: "x:y".into() });
        assert_eq!((object.code, object.data), (ErrorCode::INVALID_PARAMS, Some(Box::new(json!({"uri": "x:y"})))));
    }
}
