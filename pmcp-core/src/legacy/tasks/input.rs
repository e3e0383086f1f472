//! What a task asks a client of revision 2025-11-25: over the stream of its `tasks/result`, which waits meanwhile
//! (specification page `basic/utilities/tasks`, "Input Required Status").

use std::{
    collections::BTreeMap,
    task::{self, Poll},
};

use serde_json::{Map, Value, json};

use super::RELATED_TASK;
use crate::{
    error::{Error, Result},
    jsonrpc::encode_request,
    platform::BoxFuture,
    protocol::{REFUSED, Task},
    server::{ClientAnswer, Context},
};

/// The questions that one request has put to its client, by their keys in the task.
#[derive(Default)]
pub(super) struct Input(BTreeMap<String, BoxFuture<Result<ClientAnswer>>>);

impl Input {
    /// Puts what the task asks and was not put before; what is answered already, perhaps elsewhere, is let be.
    pub(super) async fn put(&mut self, task: &Task, cx: &Context) -> Result<()> {
        let Some(link) = cx.link().filter(|_| cx.streams()) else { return Ok(()) };
        let nothing = Map::new();
        let requests = task.input_requests.as_ref().unwrap_or(&nothing);
        self.0.retain(|key, _| requests.contains_key(key));
        for (key, request) in requests.iter().filter(|(key, _)| !self.0.contains_key(*key)).collect::<Vec<_>>() {
            let id = link.expect().await?;
            let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
            let mut params = link.question(&id, request.get("params").cloned().unwrap_or_else(|| json!({})));
            if let Value::Object(params) = &mut params {
                params.insert("_meta".to_owned(), json!({ RELATED_TASK: { "taskId": task.task_id } }));
            }
            let question = encode_request(&id, method, Some(&params)).map_err(|error| {
                Error::Internal(format!("A question to the client cannot be written as JSON: {error}."))
            })?;
            cx.outbox().send(question).await;
            self.0.insert(key.clone(), link.answer(id));
        }
        Ok(())
    }

    /// The next answer, as the task takes it.
    pub(super) fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Result<Map<String, Value>>> {
        for (key, answer) in &mut self.0 {
            if let Poll::Ready(answer) = answer.as_mut().poll(task) {
                let key = key.clone();
                self.0.remove(&key);
                let taken = |answer: ClientAnswer| answer.unwrap_or_else(|error| json!({ REFUSED: error.to_string() }));
                return Poll::Ready(answer.map(|answer| Map::from_iter([(key, taken(answer))])));
            }
        }
        Poll::Pending
    }
}
