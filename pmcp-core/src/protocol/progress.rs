//! Progress notifications (specification page `basic/patterns/progress`).

use serde::Serialize;

use crate::jsonrpc::RequestId;

/// The token under which a client wants to hear of a request's progress: a string or an integer.
pub type ProgressToken = RequestId;

/// The `params` of `notifications/progress`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress<'a> {
    pub(crate) progress_token: &'a ProgressToken,
    pub(crate) progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<&'a str>,
}
