//! Tasks: calls of tools that go on when their request is over (the extension `io.modelcontextprotocol/tasks`).
//!
//! A task is a record in a [`TaskStore`] and a handler that runs in one process, in [`Platform::background`]. The
//! record is all that requests see, so any instance can answer them. The process vouches for the task with a lease
//! that it renews; a task that nobody vouches for any more is reported as failed. Answers and cancellations are
//! written into the record by the instance that receives them; the process that runs the handler reads them there.

mod call;
mod changes;
mod desk;
mod pulse;
mod record;
mod runner;
mod store;

use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

pub use record::TaskRecord;
pub use store::{InMemoryTaskStore, TaskStore, TaskStoreError};

pub(crate) use changes::WatchesTasks;
pub(crate) use desk::Desk;

use self::{
    record::Change,
    runner::{LEASE, Runner},
};
use super::{Answer, AnswerBody, Context, Notifier, Outcome, Registry, Reply, Whose, at_work, beside, step};
use crate::{
    error::{Error, Result},
    jsonrpc::{ErrorCode, ErrorObject},
    platform::{BorrowingFuture, BoxFuture, MaybeSend, MaybeSync, Platform},
    protocol::{RequestParams, SubscriptionFilter, Task, TaskSupport, tasks_capability},
};

/// How many tasks one process runs at the most.
const MOST_RUNNING: usize = 10_000;
/// How long the requests that they were begun with may be in all, in bytes: handlers hold their arguments.
const MOST_RUNNING_BYTES: usize = 128 << 20;
/// How often a change is tried again when others change the same record at the same time.
const MOST_ATTEMPTS: usize = 64;

/// What the rest of the server asks of its tasks. Only [`ServerBuilder::tasks`](super::ServerBuilder::tasks) makes one, so
/// that a server without tasks is linked without them.
pub(crate) trait ServesTasks: MaybeSend + MaybeSync {
    /// `tools/call` of a tool that may be a task; `run` calls its handler, once.
    fn call(
        &self,
        support: TaskSupport,
        params: &RequestParams<'_>,
        cx: Context,
        run: &mut dyn FnMut(Context) -> Reply,
    ) -> Reply;

    /// Refuses a call that asks for a task of a tool that is none.
    fn refuse_plain(&self, params: &RequestParams<'_>, cx: &Context) -> Result<()>;

    /// `tasks/get`, `tasks/update` or `tasks/cancel`.
    fn handle(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply;

    /// The same of a client of revision 2025-11-25, with `tasks/result` and `tasks/list`.
    fn handle_older(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply;

    /// Watches those tasks of `filter` that belong to whoever asks, and takes the others out of it.
    fn watch<'a>(
        &'a self,
        filter: &'a mut SubscriptionFilter,
        cx: &'a Context,
    ) -> BorrowingFuture<'a, Result<Box<dyn WatchesTasks>>>;

    /// Through whom changes of tasks are told.
    fn notifier(&self) -> &Notifier;

    /// Whether they are kept in the memory of this process.
    fn is_local(&self) -> bool;
}

/// How the author wants tasks to be kept.
pub(crate) struct TaskSettings {
    /// Gives the server what serves them, where it has tools that may be tasks.
    pub(crate) install: Option<fn(Self, &mut Registry)>,
    pub(crate) store: Option<Arc<dyn TaskStore>>,
    pub(crate) ttl: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) listener: Option<Arc<dyn HearOfTask>>,
}

impl Default for TaskSettings {
    fn default() -> Self {
        let (ttl, poll_interval) = (Duration::from_secs(3600), Duration::from_secs(1));
        Self { install: None, store: None, ttl, poll_interval, listener: None }
    }
}

/// The tasks of one server; cheap to clone.
#[derive(Clone)]
pub(crate) struct Tasks {
    store: Arc<dyn TaskStore>,
    /// Whether the store is the one in memory, which nobody chose.
    pub(crate) is_local: bool,
    pub(crate) ttl: Duration,
    poll_interval: Duration,
    /// The tasks that this process runs.
    running: Arc<Mutex<HashMap<String, Running>>>,
    listener: Option<Arc<dyn HearOfTask>>,
    notifier: Notifier,
    /// Whether what other instances do to a task is told here.
    is_told: bool,
}

/// A task that this process runs.
struct Running {
    desk: Arc<Desk>,
    /// Of its request.
    bytes: usize,
}

/// Hears of every change of a task that its client can see.
pub(crate) trait HearOfTask: MaybeSend + MaybeSync {
    fn hear(&self, record: &TaskRecord);
}

impl<F: Fn(&TaskRecord) + MaybeSend + MaybeSync> HearOfTask for F {
    fn hear(&self, record: &TaskRecord) {
        self(record)
    }
}

/// What a change of a record came to.
pub(crate) enum Modified {
    /// The record as it is now.
    Now(TaskRecord),
    /// The task was over before; this is how.
    Over(TaskRecord),
    /// There is no such task.
    Unknown,
}

/// Fails unless the client knows tasks.
fn require(cx: &Context) -> Result<()> {
    cx.require(tasks_capability())
}

/// The answer that shows `task`.
fn encode(result_type: &'static str, task: &Task) -> Outcome {
    let json = serde_json::to_vec(task);
    let json = json.map_err(|error| Error::Internal(format!("The task cannot be written as JSON: {error}.")))?;
    Ok(Answer(AnswerBody::Object { result_type, json }))
}

impl Tasks {
    pub(crate) fn new(settings: TaskSettings, notifier: Option<&Notifier>) -> Self {
        let TaskSettings { store, ttl, poll_interval, listener, .. } = settings;
        Self {
            is_local: store.is_none(),
            store: store.unwrap_or_else(|| Arc::new(InMemoryTaskStore::new())),
            ttl,
            poll_interval,
            running: Arc::default(),
            listener,
            notifier: notifier.cloned().unwrap_or_else(Notifier::of_tasks),
            is_told: notifier.is_some(),
        }
    }

    /// `tasks/get`, `tasks/update` or `tasks/cancel`
    pub(crate) fn handle(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
        if let Err(error) = require(&cx) {
            return Reply::Ready(Err(error));
        }
        let responses = match method {
            "tasks/update" => {
                RequestParams::required::<Map<String, Value>>(params.input_responses, "inputResponses").map(Some)
            }
            _ => Ok(None),
        };
        let id = RequestParams::required_str(params.task_id, "taskId");
        let (id, responses) = match responses.and_then(|responses| Ok((id?.into_owned(), responses))) {
            Ok(read) => read,
            Err(error) => return Reply::Ready(Err(error.into())),
        };
        let tasks = self.clone();
        match (method, responses) {
            (_, Some(responses)) => Reply::pending(async move {
                tasks.answer(&id, &responses, &cx).await?;
                Ok(Answer(AnswerBody::Acknowledged))
            }),
            // That it is over already is no mistake.
            ("tasks/cancel", None) => {
                Reply::pending(async move { tasks.cancel(&id, &cx).await.map(|_| Answer(AnswerBody::Acknowledged)) })
            }
            _ => Reply::pending(async move { encode("complete", &tasks.find(&id, &cx).await?.task()) }),
        }
    }

    /// Makes a task of `handler`: it can be asked for when this is done.
    pub(crate) async fn begin(
        &self,
        mut handler: BoxFuture<Outcome>,
        desk: Arc<Desk>,
        cx: &Context,
    ) -> Result<TaskRecord> {
        let platform = Arc::clone(cx.platform());
        let mut id = [0; 24];
        platform.random(&mut id);
        let id = BASE64_URL_SAFE_NO_PAD.encode(id);
        let now = platform.now();
        let owner = cx.principal().map(|principal| principal.0.to_string());
        let mut record = TaskRecord::new(id.clone(), owner, now, self.ttl, self.poll_interval);
        record.lease(now, LEASE);
        let expires = record.expires();
        desk.pulse.expect(now);
        // Before the handler does anything: what is refused can be called again.
        let place = self.place(&id, Running { desk: Arc::clone(&desk), bytes: cx.body().len() }, &*platform).await?;
        let whose = Whose::Task(cx.handler().into());
        let keep = self.store.create(record.clone(), now);
        let (created, ended) = beside(keep, |task| step(whose.clone(), &mut handler, task)).await;
        created?;
        if let Some(outcome) = ended {
            handler = Box::pin(ready(outcome));
        }
        desk.begin();
        desk.pulse.expect(platform.now());
        place.keep();
        let runner = Runner { tasks: self.clone(), id, whose, desk, platform: Arc::clone(&platform), expires };
        platform.run_task(Box::pin(runner.run(handler)));
        Ok(record)
    }

    /// The task that `id` names, where it belongs to whoever asks.
    pub(crate) async fn find(&self, id: &str, cx: &Context) -> Result<TaskRecord> {
        let platform = &**cx.platform();
        let record = self.store.read(id, platform.now()).await?.ok_or_else(|| unknown(id))?;
        if record.owner() != cx.principal().map(|principal| &*principal.0) {
            return Err(unknown(id));
        }
        self.feel(std::slice::from_ref(&record), platform).await;
        self.settle(record, platform).await?.ok_or_else(|| unknown(id))
    }

    /// Up to `most` tasks of whoever asks, those after the place `after`; nobody has any where nobody is known.
    pub(crate) async fn list(&self, after: &str, most: usize, cx: &Context) -> Result<Vec<TaskRecord>> {
        let platform = &**cx.platform();
        let Some(principal) = cx.principal() else { return Ok(Vec::new()) };
        let listed = self.store.list(&principal.0, after, most, platform.now()).await?;
        self.feel(&listed, platform).await;
        let mut records = Vec::new();
        for record in listed {
            records.extend(self.settle(record, platform).await?);
        }
        Ok(records)
    }

    /// The record, failed where nobody vouches for it any more; `None` where it has expired meanwhile.
    async fn settle(&self, record: TaskRecord, platform: &dyn Platform) -> Result<Option<TaskRecord>> {
        let id = record.id();
        // Its process may be frozen between requests, and is alive all the same.
        if !record.lease_ended(platform.now()) || self.running().contains_key(id) {
            return Ok(Some(record));
        }
        let text = "The process that ran this task has ended before the task was done; call the tool again.";
        let modified = self.modify(id, platform, |record| match record.lease_ended(platform.now()) {
            true => record.fail(ErrorObject::new(ErrorCode::INTERNAL_ERROR, text)),
            false => Change::None,
        });
        Ok(match modified.await? {
            Modified::Now(record) | Modified::Over(record) => Some(record),
            Modified::Unknown => None,
        })
    }

    /// Answers what the task that `id` names has asked, where it belongs to whoever asks.
    pub(crate) async fn answer(&self, id: &str, responses: &Map<String, Value>, cx: &Context) -> Result<()> {
        self.find(id, cx).await?;
        self.modify(id, &**cx.platform(), |record| record.answer(responses)).await?;
        self.nudge(id);
        Ok(())
    }

    /// Ends the task that `id` names, where it belongs to whoever asks; `None` where it was over before.
    pub(crate) async fn cancel(&self, id: &str, cx: &Context) -> Result<Option<TaskRecord>> {
        self.find(id, cx).await?;
        let modified = self.modify(id, &**cx.platform(), TaskRecord::cancel).await?;
        self.nudge(id);
        match modified {
            Modified::Now(record) => Ok(Some(record)),
            Modified::Over(_) => Ok(None),
            Modified::Unknown => Err(unknown(id)),
        }
    }

    /// Changes the newest version of a record, unless the task is over. `change` is called again when somebody else
    /// was faster.
    async fn modify(
        &self,
        id: &str,
        platform: &dyn Platform,
        mut change: impl FnMut(&mut TaskRecord) -> Change + MaybeSend,
    ) -> Result<Modified, TaskStoreError> {
        for _ in 0..MOST_ATTEMPTS {
            let now = platform.now();
            let Some(mut record) = self.store.read(id, now).await? else { return Ok(Modified::Unknown) };
            if record.status().is_terminal() {
                return Ok(Modified::Over(record));
            }
            let change = change(&mut record);
            if change == Change::None {
                return Ok(Modified::Now(record));
            }
            record.advance(change, now);
            if self.store.update(record.clone(), now).await? {
                if change == Change::Seen {
                    self.announce(&record).await;
                }
                return Ok(Modified::Now(record));
            }
        }
        Err(TaskStoreError::failed("too many others change the same task at the same time"))
    }

    /// Makes the process that runs the task read its record now and not in a while, where it is this one.
    pub(crate) fn nudge(&self, id: &str) {
        if let Some(running) = self.running().get(id) {
            running.desk.nudge();
        }
    }

    /// The task runs no longer.
    fn forget(&self, id: &str) {
        let running = self.running().remove(id);
        // Not under the lock: what wakes and drops with it is not known here.
        drop(running);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        // No code that can panic runs under the lock, and the map is whole at every step.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TaskStoreError> for Error {
    fn from(error: TaskStoreError) -> Self {
        tracing::error!(handler = at_work().as_deref(), %error, "a task cannot be kept or read");
        // What the store says may be about the inside of the server.
        Self::logged(match error {
            TaskStoreError::Full => "The server keeps as many tasks as it can; try again later.",
            TaskStoreError::TooLong => "This is longer than the server keeps of one task; ask for less.",
            TaskStoreError::Failed(_) => "The server cannot reach its tasks; try again later.",
        })
    }
}

fn unknown(id: &str) -> Error {
    Error::InvalidParams(format!("There is no task {id}: it never was, or it has expired."))
}
