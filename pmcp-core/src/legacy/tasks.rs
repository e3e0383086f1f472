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
    server::{Answer, AnswerBody, Context, Outcome, Reply, Server, TaskRecord},
};

const LIST: &str = "tasks/list";
/// How many tasks one page has at the most.
const MOST_LISTED: usize = 100;
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

/// The capability of a server whose tools may be tasks. There is a list only where it is known who asks for it.
pub(super) fn capability(lists: bool) -> Value {
    let requests = json!({ "tools": { "call": {} } });
    if lists {
        json!({ "list": {}, "cancel": {}, "requests": requests })
    } else {
        json!({ "cancel": {}, "requests": requests })
    }
}

/// `tasks/list`
fn list(server: &Server, params: &RequestParams<'_>, cx: Context) -> Reply {
    if cx.principal().is_none() {
        return Reply::Ready(Err(Error::MethodNotFound { method: LIST.to_owned() }));
    }
    let after = match RequestParams::optional_str(params.cursor, "cursor") {
        Ok(cursor) => cursor.map(std::borrow::Cow::into_owned).unwrap_or_default(),
        Err(error) => return Reply::Ready(Err(error.into())),
    };
    if !after.is_empty() && TaskRecord::id_at(&after).is_empty() {
        let text = "params.cursor is none that this server gave; begin again without one.";
        return Reply::Ready(Err(Error::InvalidParams(text.to_owned())));
    }
    let (tasks, most) = (server.registry().tasks.clone(), server.registry().page_size.min(MOST_LISTED));
    Reply::pending(async move {
        // One more, to know whether there is a next page.
        let mut records = tasks.list(&after, most + 1, &cx).await?;
        let more = records.len() > most;
        records.truncate(most);
        let next = records.last().filter(|_| more).map(|last| ("nextCursor".to_owned(), json!(last.place())));
        let shown = records.iter().map(|record| members(record.task())).collect::<Vec<_>>();
        let page = Map::from_iter([("tasks".to_owned(), json!(shown))].into_iter().chain(next));
        Ok(Answer::prepared(Value::Object(page).to_string().into()))
    })
}

/// `tasks/get`, `tasks/result`, `tasks/cancel` or `tasks/list`.
pub(super) fn handle(server: &Server, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
    if method == LIST {
        return list(server, params, cx);
    }
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
    let shown = members(task);
    if is_created { serde_json::to_writer(out, &json!({ "task": shown })) } else { serde_json::to_writer(out, &shown) }
}

fn members(task: Task) -> Map<String, Value> {
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
    shown
}

/// Whether a method is of tasks, in the revision that had them built in.
pub(super) fn serves(server: &Server, revision: Revision, method: &str) -> bool {
    revision == Revision::V2025_11_25
        && server.has_tasks()
        && matches!(method, "tasks/get" | "tasks/result" | "tasks/cancel" | LIST)
}
