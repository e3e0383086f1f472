//! A client that is given a task looks after it until it is over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value, json};

use super::{Client, read, unreadable};
use crate::{
    jsonrpc::{ErrorCode, ErrorObject},
    protocol::{TASKS, Task, TaskStatus},
};

const NO_BACKGROUND: &str = "The call became a task, which is work in the background, and this platform runs none: give \
    the client a TestPlatform (with_platform), and await the call inside its TestPlatform::run, as in the example of \
    Client::with_tasks.";

impl Client {
    /// The same client, declaring that it knows tasks.
    ///
    /// Where a call becomes a task, [`call_tool`](Self::call_tool) looks after it until it is over. Tasks are work in
    /// the background, so this needs a platform that does such work:
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use pmcp_core::{prelude::*, testing::{Client, TestPlatform}};
    /// # use serde_json::json;
    /// # struct Oven;
    /// # #[server(name = "oven", version = "1.0.0")]
    /// # impl Oven {
    /// /// Bake a loaf.
    /// #[tool(task)]
    /// async fn bake(&self, cx: &Context) -> &'static str {
    ///     cx.sleep(Duration::from_secs(2400)).await;
    ///     "a loaf"
    /// }
    /// # }
    /// # pollster::block_on(async {
    /// let platform = TestPlatform::default();
    /// let client = Client::new(Oven)?.with_platform(Arc::new(platform.clone())).with_tasks();
    /// let result = platform.run(client.call_tool("bake", json!({}))).await?;
    /// assert_eq!(result.content, [ContentBlock::text("a loaf")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn with_tasks(mut self) -> Self {
        let extensions = self.capabilities.extensions.get_or_insert_default();
        extensions.insert(TASKS.to_owned(), json!({}));
        self
    }

    /// The task as it is now.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn get_task(&self, id: &str) -> Result<Task, ErrorObject> {
        read(self.request("tasks/get", json!({ "taskId": id })).await.result?)
    }

    /// Answers what a task has asked.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn update_task(&self, id: &str, responses: Map<String, Value>) -> Result<(), ErrorObject> {
        let params = json!({ "taskId": id, "inputResponses": responses });
        self.request("tasks/update", params).await.result.map(drop)
    }

    /// Wants no more of a task.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn cancel_task(&self, id: &str) -> Result<(), ErrorObject> {
        self.request("tasks/cancel", json!({ "taskId": id })).await.result.map(drop)
    }

    /// Looks after a task until it is over, and answers what it asks.
    pub(super) async fn follow(&self, created: Value) -> Result<Value, ErrorObject> {
        if !self.has_background() {
            return Err(ErrorObject::new(ErrorCode::INTERNAL_ERROR, NO_BACKGROUND));
        }
        let mut task: Task = read(created)?;
        loop {
            if let Some(questions) = task.input_requests.take() {
                let Some(answer) = &self.answer else {
                    return Err(unreadable("the task asks the client, which needs Client::answering"));
                };
                let answers =
                    questions.into_iter().map(|(key, question)| (key.clone(), answer.answer(&key, &question)));
                self.update_task(&task.task_id, answers.collect()).await?;
            }
            match (task.status, task.result, task.error) {
                (TaskStatus::Completed, Some(result), _) => {
                    return serde_json::from_str(result.get()).map_err(unreadable);
                }
                (TaskStatus::Failed, _, Some(error)) => return Err(error),
                (TaskStatus::Cancelled, ..) => return Err(unreadable("the task was cancelled")),
                (status, ..) if status.is_terminal() => {
                    return Err(unreadable("the task is over without a result or an error"));
                }
                _ => {}
            }
            self.platform.sleep(Duration::from_millis(task.poll_interval_ms.unwrap_or(1000))).await;
            task = self.get_task(&task.task_id).await?;
        }
    }
    /// Whether the platform runs what it is given, or drops it.
    fn has_background(&self) -> bool {
        let ran = Arc::new(AtomicBool::new(false));
        let probe = Arc::clone(&ran);
        self.platform.background(Box::pin(async move { probe.store(true, Ordering::SeqCst) }));
        Arc::strong_count(&ran) > 1 || ran.load(Ordering::SeqCst)
    }
}
