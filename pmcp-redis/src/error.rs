//! What can go wrong with Redis, and what to do about it.

use std::fmt;

use redis::{ConnectionAddr, ErrorKind, RedisError, ServerErrorKind};

/// Why Redis did not do what it was asked. Its text names the address, and never a password.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none.
    #[error("the URL of Redis is wrong: {reason}; it looks like redis://user:password@host:6379/0")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there, or not any more.
    #[error("cannot reach Redis at {address}: {reason}; start it, or correct its URL")]
    Unreachable {
        /// Host and port, or the path of a socket.
        address: String,
        /// As the system says.
        reason: String,
    },
    /// Redis does not know who asks.
    #[error("Redis at {address} wants other credentials: {reason}; put them in its URL, redis://user:password@host")]
    Credentials {
        /// Host and port, or the path of a socket.
        address: String,
        /// As Redis says.
        reason: String,
    },
    /// Redis refused the command.
    #[error("Redis at {address} refused: {reason}")]
    Refused {
        /// Host and port, or the path of a socket.
        address: String,
        /// As Redis says.
        reason: String,
    },
}

/// A `main` prints its error by its `Debug`, and the person at the terminal wants the words.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    pub(crate) fn of(error: &RedisError, address: &ConnectionAddr) -> Self {
        let (address, reason) = (address.to_string(), error.to_string());
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
                Self::Credentials { address, reason }
            }
            _ if error.code().is_some_and(|code| matches!(code, "NOAUTH" | "WRONGPASS")) => {
                Self::Credentials { address, reason }
            }
            _ if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() => {
                Self::Unreachable { address, reason }
            }
            _ => Self::Refused { address, reason },
        }
    }

    pub(crate) fn silent(address: &ConnectionAddr) -> Self {
        Self::unreachable(address, &"it does not answer")
    }

    pub(crate) fn unreachable(address: &ConnectionAddr, reason: &dyn fmt::Display) -> Self {
        Self::Unreachable { address: address.to_string(), reason: reason.to_string() }
    }
}
