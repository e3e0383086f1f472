//! What clients of revision 2025-11-25 ask about their tasks.

use std::{future::poll_fn, task::Poll, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{LIST, RELATED_TASK, input::Input};
use crate::{
    error::Error,
    jsonrpc::{ErrorCode, ErrorObject},
    protocol::{CallToolResult, RequestParams, Task, TaskStatus},
    server::{Answer, Context, Outcome, Reply, TaskRecord, Tasks},
};

/// How many tasks one page has at the most.
const MOST_LISTED: usize = 100;
/// How soon and how late somebody who waits for a result looks again.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// `tasks/list`
fn list(tasks: &Tasks, page_size: usize, params: &RequestParams<'_>, cx: Context) -> Reply {
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
    let (tasks, most) = (tasks.clone(), page_size.min(MOST_LISTED));
    Reply::pending(async move {
        // One more, to know whether there is a next page.
        let mut records = tasks.list(&after, most + 1, &cx).await?;
        let more = records.len() > most;
        records.truncate(most);
        let next = records.last().filter(|_| more).map(|last| ("nextCursor".to_owned(), json!(last.place())));
        let shown = records.iter().map(|record| members(record.task())).collect::<Vec<_>>();
        let page = Map::from_iter([("tasks".to_owned(), json!(shown))].into_iter().chain(next));
        Ok(encode(page))
    })
}

/// `tasks/get`, `tasks/result`, `tasks/cancel` or `tasks/list`.
pub(super) fn handle(tasks: &Tasks, page_size: usize, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
    if method == LIST {
        return list(tasks, page_size, params, cx);
    }
    let id = match RequestParams::required_str(params.task_id, "taskId") {
        Ok(id) => id.into_owned(),
        Err(error) => return Reply::Ready(Err(error.into())),
    };
    let tasks = tasks.clone();
    match method {
        "tasks/get" => Reply::pending(async move { Ok(encode(members(tasks.find(&id, &cx).await?.task()))) }),
        "tasks/cancel" => Reply::pending(async move {
            let record = tasks.cancel(&id, &cx).await?;
            let over = || Error::InvalidParams(format!("The task {id} is over and cannot be cancelled."));
            record.map(|record| encode(members(record.task()))).ok_or_else(over)
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

/// The answer to a call that a task was made of.
pub(super) fn created(task: Task) -> Outcome {
    Ok(encode(Map::from_iter([("task".to_owned(), Value::Object(members(task)))])))
}

fn encode(result: Map<String, Value>) -> Answer {
    Answer::prepared(Value::Object(result).to_string().into())
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

/// `task` in the words of this revision.
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
