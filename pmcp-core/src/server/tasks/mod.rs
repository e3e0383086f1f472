//! Tasks: calls of tools that go on when their request is over (the extension `io.modelcontextprotocol/tasks`).
//!
//! A task is a record in a [`TaskStore`] and a handler that runs in one process, in [`Platform::background`]. The
//! record is all that requests see, so any instance can answer them. The process vouches for the task with a lease
//! that it renews; a task that nobody vouches for any more is reported as failed. Answers and cancellations are
//! written into the record by the instance that receives them; the process that runs the handler reads them there.

mod call;
mod changes;
mod desk;
mod record;
mod runner;
mod store;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

pub use record::TaskRecord;
pub use store::{InMemoryTaskStore, TaskStore, TaskStoreError};

pub(super) use call::{call, refuse_plain};
pub(super) use changes::Watched;
pub(crate) use desk::Desk;

use self::{
    record::Change,
    runner::{LEASE, Runner},
};
use super::{Answer, AnswerBody, Context, Notifier, Outcome, Registry, Reply, ServerBuilder};
use crate::{
    error::{Error, Result},
    jsonrpc::{ErrorCode, ErrorObject},
    platform::{BoxFuture, MaybeSend, MaybeSync, Platform},
    protocol::{RequestParams, tasks_capability},
};

/// How many tasks one process runs at the most.
const MOST_RUNNING: usize = 10_000;
/// How often a change is tried again when others change the same record at the same time.
const MOST_ATTEMPTS: usize = 64;

/// The tasks of one server; cheap to clone.
#[derive(Clone)]
pub(crate) struct Tasks {
    store: Arc<dyn TaskStore>,
    /// Whether the store is the one in memory, which nobody chose.
    pub(super) is_local: bool,
    ttl: Duration,
    poll_interval: Duration,
    /// The tasks that this process runs.
    running: Arc<Mutex<HashMap<String, Arc<Desk>>>>,
    listener: Option<Arc<dyn HearOfTask>>,
    notifier: Notifier,
    /// Whether what other instances do to a task is told here.
    is_told: bool,
}

/// Hears of every change of a task that its client can see.
trait HearOfTask: MaybeSend + MaybeSync {
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

impl Default for Tasks {
    fn default() -> Self {
        Self {
            store: Arc::new(InMemoryTaskStore::new()),
            is_local: true,
            ttl: Duration::from_secs(3600),
            poll_interval: Duration::from_secs(1),
            running: Arc::default(),
            listener: None,
            notifier: Notifier::local(),
            is_told: false,
        }
    }
}

impl ServerBuilder {
    /// Keeps tasks in `store`. The default keeps them in the memory of the process, which does for one instance.
    ///
    /// Where several instances share a store, give them a [`Notifier`] that they share too: clients are then told of
    /// what happens at any of them, and answers and cancellations reach a task at once.
    #[must_use]
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.registry.tasks.store = Arc::new(store);
        self.registry.tasks.is_local = false;
        self
    }

    /// How long a task is kept, from its creation on; what still runs then is ended. The default is an hour.
    #[must_use]
    pub fn task_ttl(mut self, ttl: Duration) -> Self {
        self.registry.tasks.ttl = ttl.max(Duration::from_millis(1));
        self
    }

    /// How often clients should look after a task. The default is every second.
    #[must_use]
    pub fn task_poll_interval(mut self, interval: Duration) -> Self {
        self.registry.tasks.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Calls `listener` whenever a task has changed in a way that its client can see, in the process that wrote the
    /// change: with the task as `tasks/get` shows it from then on.
    #[must_use]
    pub fn on_task_change(mut self, listener: impl Fn(&TaskRecord) + MaybeSend + MaybeSync + 'static) -> Self {
        self.registry.tasks.listener = Some(Arc::new(listener));
        self
    }
}

/// Fails unless the client knows tasks.
fn require(cx: &Context) -> Result<()> {
    cx.require(tasks_capability())
}

/// `tasks/get`
pub(super) fn get(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    on_task(registry, params, cx, |tasks, id, cx| async move {
        let task = Box::new(tasks.find(&id, &cx).await?.task());
        Ok(Answer(AnswerBody::Task { result_type: "complete", task }))
    })
}

/// `tasks/update`
pub(super) fn update(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    let responses = RequestParams::required::<Map<String, Value>>(params.input_responses, "inputResponses");
    let responses = match responses {
        Ok(responses) => responses,
        Err(error) => return Reply::Ready(require(&cx).and(Err(error.into()))),
    };
    on_task(registry, params, cx, |tasks, id, cx| async move {
        tasks.answer(&id, &responses, &cx).await?;
        Ok(Answer(AnswerBody::Acknowledged))
    })
}

/// `tasks/cancel`
pub(super) fn cancel(registry: &Registry, params: &RequestParams<'_>, cx: Context) -> Reply {
    on_task(registry, params, cx, |tasks, id, cx| async move {
        // That it is over already is no mistake.
        tasks.cancel(&id, &cx).await.map(|_| Answer(AnswerBody::Acknowledged))
    })
}

/// Hands a request about a task to `handle`, if its client knows tasks.
fn on_task<Fut>(
    registry: &Registry,
    params: &RequestParams<'_>,
    cx: Context,
    handle: impl FnOnce(Tasks, String, Context) -> Fut,
) -> Reply
where
    Fut: Future<Output = Outcome> + MaybeSend + 'static,
{
    let id = require(&cx).and_then(|()| Ok(RequestParams::required_str(params.task_id, "taskId")?.into_owned()));
    match id {
        Ok(id) => Reply::pending(handle(registry.tasks.clone(), id, cx)),
        Err(error) => Reply::Ready(Err(error)),
    }
}

impl Tasks {
    /// Makes a task of `handler`: it can be asked for when this is done.
    async fn begin(&self, handler: BoxFuture<Outcome>, desk: Arc<Desk>, cx: &Context) -> Result<TaskRecord> {
        if self.running().len() >= MOST_RUNNING {
            tracing::warn!("{MOST_RUNNING} tasks are running; another was refused");
            let text = "The server runs as many tasks as it can; try again later.";
            return Err(Error::Internal(text.to_owned()));
        }
        let platform = Arc::clone(cx.platform());
        let mut id = [0; 24];
        platform.random(&mut id);
        let id = BASE64_URL_SAFE_NO_PAD.encode(id);
        let now = platform.now();
        let owner = cx.principal().map(|principal| principal.0.to_string());
        let mut record = TaskRecord::new(id.clone(), owner, now, self.ttl, self.poll_interval);
        record.lease(now, LEASE);
        let expires = record.expires();
        self.store.create(record.clone(), now).await?;
        desk.begin();
        self.running().insert(id.clone(), Arc::clone(&desk));
        let runner = Runner { tasks: self.clone(), id, desk, platform: Arc::clone(&platform), expires };
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
        self.settle(record, platform).await?.ok_or_else(|| unknown(id))
    }

    /// Up to `most` tasks of whoever asks, those after the place `after`; nobody has any where nobody is known.
    pub(crate) async fn list(&self, after: &str, most: usize, cx: &Context) -> Result<Vec<TaskRecord>> {
        let platform = &**cx.platform();
        let Some(principal) = cx.principal() else { return Ok(Vec::new()) };
        let mut records = Vec::new();
        for record in self.store.list(&principal.0, after, most, platform.now()).await? {
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
        if let Some(desk) = self.running().get(id) {
            desk.nudge();
        }
    }

    /// The task runs no longer.
    fn forget(&self, id: &str) {
        let desk = self.running().remove(id);
        // Not under the lock: what wakes and drops with it is not known here.
        drop(desk);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Arc<Desk>>> {
        // No code that can panic runs under the lock, and the map is whole at every step.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TaskStoreError> for Error {
    fn from(error: TaskStoreError) -> Self {
        tracing::error!(%error, "a task cannot be kept or read");
        // What the store says may be about the inside of the server.
        Self::Internal(match error {
            TaskStoreError::Full => "The server keeps as many tasks as it can; try again later.".to_owned(),
            TaskStoreError::Failed(_) => "The server cannot reach its tasks; try again later.".to_owned(),
        })
    }
}

fn unknown(id: &str) -> Error {
    Error::InvalidParams(format!("There is no task {id}: it never was, or it has expired."))
}
