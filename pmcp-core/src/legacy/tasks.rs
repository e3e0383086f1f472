//! Tasks as revision 2025-11-25 has them, as an experiment (its specification page `basic/utilities/tasks`).
//!
//! The tasks are the same; what differs is that the client asks for one with `params.task`, how a task is written, and
//! that its result is fetched with a request of its own, which waits for it and asks what the task asks.

use std::{future::poll_fn, task::Poll, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::task_input::Input;
use crate::{
    error::Error,
    jsonrpc::{ErrorCode, ErrorObject},
    protocol::{CallToolResult, RequestParams, Revision, Task, TaskStatus, TaskSupport, Tool},
    server::{Answer, AnswerBody, Context, Outcome, Reply, Server},
};

/// The key that says which task a result belongs to.
pub(super) const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// How soon and how late somebody who waits for a result looks again.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

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

/// The capability of a server whose tools may be tasks. There is no list: who asks for it cannot be told from others.
pub(super) fn capability() -> Value {
    json!({ "cancel": {}, "requests": { "tools": { "call": {} } } })
}

/// `tasks/get`, `tasks/result` or `tasks/cancel`.
pub(super) fn handle(server: &Server, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
    let id = match RequestParams::required_str(params.task_id, "taskId") {
        Ok(id) => id.into_owned(),
        Err(error) => return Reply::Ready(Err(error.into())),
    };
    let tasks = server.registry().tasks.clone();
    match method {
        "tasks/get" => Reply::pending(async move { Ok(shown(tasks.find(&id, &cx).await?.task())) }),
        "tasks/cancel" => Reply::pending(async move {
            let record = tasks.cancel(&id, &cx).await?;
            let over = || Error::InvalidParams(format!("The task {id} is over and cannot be cancelled."));
            record.map(|record| shown(record.task())).ok_or_else(over)
        }),
        _ => Reply::pending(async move {
            let (mut pause, mut input) = (LOOKS.0, Input::default());
            loop {
                let task = tasks.find(&id, &cx).await?.task();
                if task.status.is_terminal() {
                    return result(task);
                }
                input.put(&task, &cx).await?;
                let mut timer = cx.sleep(pause);
                let answer = poll_fn(|task| match input.poll(task) {
                    Poll::Ready(answer) => Poll::Ready(Some(answer)),
                    Poll::Pending => timer.as_mut().poll(task).map(|()| None),
                });
                pause = match answer.await {
                    Some(answer) => {
                        tasks.answer(&id, &answer?, &cx).await?;
                        LOOKS.0
                    }
                    None => (pause * 2).min(LOOKS.1),
                };
            }
        }),
    }
}

fn shown(task: Task) -> Answer {
    Answer(AnswerBody::Task { result_type: "complete", task: Box::new(task) })
}

/// What the call would have come to.
fn result(task: Task) -> Outcome {
    if let Some(error) = task.error {
        return Err(error.into());
    }
    let Some(result) = task.result else {
        let text = "The task was cancelled before it was done, so it has no result.";
        return Err(ErrorObject::new(ErrorCode::INTERNAL_ERROR, text).into());
    };
    let unreadable = |error| Error::Internal(format!("The result of the task cannot be read again: {error}."));
    let mut result: CallToolResult = serde_json::from_str(result.get()).map_err(unreadable)?;
    let related = json!({ "taskId": task.task_id });
    result.meta.get_or_insert_default().insert(RELATED_TASK.to_owned(), related);
    Ok(result.into())
}

/// Writes `task` in the words of this revision, alone or as the answer to the call that it was made of.
pub(super) fn encode(out: &mut Vec<u8>, task: Task, is_created: bool) -> serde_json::Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed {
        #[serde(default)]
        is_error: bool,
    }
    let result = task.result.as_deref().map(|result| serde_json::from_str::<Failed>(result.get()));
    // Here a failure of the tool is a failure of the task.
    let has_failed = matches!(result, Some(Ok(Failed { is_error: true })));
    let status = if has_failed { TaskStatus::Failed } else { task.status };
    let mut shown = Map::new();
    shown.insert("taskId".to_owned(), json!(task.task_id));
    shown.insert("status".to_owned(), json!(status));
    shown.extend(task.status_message.map(|message| ("statusMessage".to_owned(), json!(message))));
    shown.insert("createdAt".to_owned(), json!(task.created_at));
    shown.insert("lastUpdatedAt".to_owned(), json!(task.last_updated_at));
    shown.insert("ttl".to_owned(), json!(task.ttl_ms));
    shown.extend(task.poll_interval_ms.map(|interval| ("pollInterval".to_owned(), json!(interval))));
    if is_created { serde_json::to_writer(out, &json!({ "task": shown })) } else { serde_json::to_writer(out, &shown) }
}

/// Whether a method is of tasks, in the revision that had them built in.
pub(super) fn serves(server: &Server, revision: Revision, method: &str) -> bool {
    revision == Revision::V2025_11_25
        && server.has_tasks()
        && matches!(method, "tasks/get" | "tasks/result" | "tasks/cancel")
}
