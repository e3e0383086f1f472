//! What clients and servers say they can do (specification page `basic/versioning`, and each feature's page).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The capabilities that a client declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientCapabilities {
    /// Non-standard capabilities by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Map<String, Value>>,
    /// The client lists its roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<Value>,
    /// The client samples from a model; `tools` and `context` inside say with what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Value>,
    /// The client asks its user; `form` and `url` inside say how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elicitation: Option<Value>,
    /// Extensions by identifier, with their settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

/// The capabilities that a server declares: derived from what is registered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerCapabilities {
    /// Completes arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<Value>,
    /// Sends log messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Value>,
    /// Has prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Value>,
    /// Has resources or resource templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
    /// Has tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
    /// Runs tools as tasks, as revision 2025-11-25 had it. Newer revisions have an extension for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Value>,
    /// Extensions by identifier, with their settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
    /// Non-standard capabilities by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Map<String, Value>>,
}

impl ServerCapabilities {
    /// A capability that is there, without settings.
    pub(crate) fn declared(is_there: bool) -> Option<Value> {
        is_there.then(|| json!({}))
    }
}
