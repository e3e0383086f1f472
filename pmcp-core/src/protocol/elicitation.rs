//! Asking the person (specification page `client/elicitation`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::Schema;

/// What the person said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elicitation<T> {
    /// Yes, with what was asked for. For a URL this is consent to open it, not that anything happened there.
    Accept(T),
    /// No.
    Decline,
    /// Nothing: the question was dismissed.
    Cancel,
}

/// The `params` of `elicitation/create`.
#[derive(Debug, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub(crate) enum ElicitParams<'a> {
    #[serde(rename_all = "camelCase")]
    Form {
        message: &'a str,
        requested_schema: &'a Schema,
    },
    Url {
        message: &'a str,
        url: &'a str,
    },
}

/// What a client answers to `elicitation/create`.
#[derive(Debug, Deserialize)]
pub(crate) struct ElicitResult {
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) content: Option<Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Accept,
    Decline,
    Cancel,
}
