//! Tasks as revision 2025-11-25 has them, as an experiment (its specification page `basic/utilities/tasks`).
//!
//! The tasks are the same; what differs is that the client asks for one with `params.task`, how a task is written, and
//! that its result is fetched with a request of its own, which waits for it and asks what the task asks.

mod input;
mod requests;
mod served;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    protocol::{Revision, TaskSupport, Tool},
    server::{Server, ServesTasks},
};

const LIST: &str = "tasks/list";
/// The key that says which task a result belongs to.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// A tool with what it says of tasks.
#[derive(Serialize)]
pub(super) struct ListedTool {
    #[serde(flatten)]
    tool: Tool,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Value>,
}

impl ListedTool {
    pub(super) fn new(tool: Tool, revision: Revision) -> Self {
        let support = tool.task.filter(|_| revision == Revision::V2025_11_25);
        let execution = support.map(
            |TaskSupport { required, .. }| json!({ "taskSupport": if required { "required" } else { "optional" } }),
        );
        Self { tool, execution }
    }
}

/// The capability of a server whose tools may be tasks. There is a list only where it is known who asks for it.
pub(super) fn capability(lists: bool) -> Value {
    let requests = json!({ "tools": { "call": {} } });
    if lists {
        json!({ "list": {}, "cancel": {}, "requests": requests })
    } else {
        json!({ "cancel": {}, "requests": requests })
    }
}

/// What serves a method of tasks, in the revision that had them built in.
pub(super) fn serving<'s>(server: &'s Server, revision: Revision, method: &str) -> Option<&'s dyn ServesTasks> {
    let is_known = matches!(method, "tasks/get" | "tasks/result" | "tasks/cancel" | LIST);
    server.registry().tasks.as_deref().filter(|_| is_known && revision == Revision::V2025_11_25)
}
