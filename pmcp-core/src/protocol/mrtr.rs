//! Results that ask for input first (specification page `basic/patterns/mrtr`).

use serde::Serialize;
use serde_json::{Map, Value};

/// In place of an answer: the client refused the question, for the reason under this key.
pub(crate) const REFUSED: &str = "pmcp/refused";

/// One question to the client: a request without an id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct InputRequest {
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub(crate) method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<Value>,
}

/// What a request is answered with that cannot go on without input.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InputRequiredResult {
    /// By keys that the server chose.
    pub(crate) input_requests: Map<String, Value>,
    /// Sealed; to be sent again with the answers.
    pub(crate) request_state: String,
}
