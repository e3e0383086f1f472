//! Tasks (the extension `io.modelcontextprotocol/tasks`, its specification page `tasks` of 2026-07-28).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use super::ClientCapabilities;
use crate::jsonrpc::ErrorObject;

/// The extension's identifier.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// The capability that a client must declare to be given a task.
pub(crate) fn tasks_capability() -> ClientCapabilities {
    let extensions = Some(Map::from_iter([(TASKS.to_owned(), json!({}))]));
    ClientCapabilities { extensions, ..ClientCapabilities::default() }
}

/// What stands for the task `id` in a log: enough to find its lines by, and too little to ask for it, as who knows the
/// whole may.
pub(crate) fn mark(id: &str) -> &str {
    const LENGTH: usize = 8;
    id.get(..id.floor_char_boundary(LENGTH)).unwrap_or_default()
}

/// How a tool runs as a task.
///
/// A client that declares the extension is given a task; others wait for the result as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskSupport {
    /// The tool runs in no other way: clients that know no tasks are refused.
    pub required: bool,
    /// The task does not begin at once, but where the handler says [`become_task`](crate::Context::become_task): what
    /// it asks before, it asks in rounds of the request.
    pub asks_first: bool,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// The handler runs.
    Working,
    /// The handler has asked something that is not answered yet.
    InputRequired,
    /// There is a result, a failure that the model should read included.
    Completed,
    /// There is an error of the protocol.
    Failed,
    /// The client wanted no more of it.
    Cancelled,
}

impl TaskStatus {
    /// Whether the task is over: its status never changes again.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A task as its client sees it: in `tasks/get` and `notifications/tasks` with what its status brings along, in the
/// answer to `tools/call` without.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Task {
    /// Unguessable.
    pub task_id: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// More about that, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub last_updated_at: String,
    /// How long it is kept from its creation on, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// How often to ask for it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval_ms: Option<u64>,
    /// What the client is asked, by key; with [`TaskStatus::InputRequired`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_requests: Option<Map<String, Value>>,
    /// With [`TaskStatus::Completed`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// With [`TaskStatus::Failed`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorObject>,
}
