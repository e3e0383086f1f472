//! Log messages to the client (specification page `server/utilities/logging`).

use serde::{Deserialize, Serialize};

/// How grave a log message is, as in RFC 5424, least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogLevel {
    /// For those who look for a fault.
    Debug,
    /// What happens.
    Info,
    /// What happens and matters.
    Notice,
    /// Looks wrong.
    Warning,
    /// Failed.
    Error,
    /// A part is unusable.
    Critical,
    /// Somebody must act now.
    Alert,
    /// All is unusable.
    Emergency,
}

/// The `params` of `notifications/message`.
#[derive(Debug, Serialize)]
pub(crate) struct LogMessage<'a, D> {
    pub(crate) level: LogLevel,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logger: Option<&'a str>,
    pub(crate) data: D,
}
