//! What is told of tasks: to clients that listen for them, and from one instance to the other.

use std::{
    collections::BTreeMap,
    task::{self, Poll},
    time::Duration,
};

use super::{TaskRecord, Tasks};
use crate::{
    error::{Error, Result},
    platform::{BorrowingFuture, BoxFuture, MaybeSend},
    protocol::{SubscriptionFilter, Task, TaskChanged, mark},
    server::{
        BusError, Change, Changes, Context, Notifier,
        subscriptions::{encode, meta},
    },
};

/// How soon a task whose process says nothing any more is looked after again.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// The tasks of one listen stream, as the stream sees them.
pub(crate) trait WatchesTasks: MaybeSend {
    /// The notification of the task, where its client has not seen it as it is now.
    fn look<'a>(&'a mut self, id: &'a str, cx: &'a Context) -> BorrowingFuture<'a, Result<Option<Vec<u8>>>>;

    /// A task that its process should have vouched for again: nobody else would tell that the process has ended.
    fn poll_due(&mut self, cx: &Context, task: &mut task::Context<'_>) -> Poll<Change>;
}

/// The tasks of one listen stream, until they are over.
struct Watched {
    tasks: Tasks,
    by_id: BTreeMap<String, Shown>,
    /// Until the first of them is to be looked after.
    timer: Option<BoxFuture<()>>,
}

/// What was told of a task.
#[derive(Default)]
struct Shown {
    changes: Option<u64>,
    leased: Duration,
}

impl Watched {
    /// The task, where its client has not seen it as it is now.
    async fn look(&mut self, id: &str, cx: &Context) -> Result<Option<Task>> {
        if !self.by_id.contains_key(id) {
            return Ok(None);
        }
        self.timer = None;
        let record = match self.tasks.find(id, cx).await {
            Ok(record) => record,
            // It has expired.
            Err(Error::InvalidParams(_)) => {
                self.by_id.remove(id);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(shown) = self.by_id.get_mut(id) else { return Ok(None) };
        let is_news = shown.changes.is_none_or(|changes| record.changes() > changes);
        *shown = Shown { changes: Some(record.changes()), leased: record.leased() };
        if record.status().is_terminal() {
            self.by_id.remove(id);
        }
        Ok(is_news.then(|| record.task()))
    }
}

impl WatchesTasks for Watched {
    fn look<'a>(&'a mut self, id: &'a str, cx: &'a Context) -> BorrowingFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async move {
            let task = self.look(id, cx).await?;
            task.map(|task| encode("notifications/tasks", &TaskChanged { task: &task, meta: meta(cx) })).transpose()
        })
    }

    fn poll_due(&mut self, cx: &Context, task: &mut task::Context<'_>) -> Poll<Change> {
        let Some((id, first)) = self.by_id.iter().min_by_key(|(_, shown)| shown.leased) else { return Poll::Pending };
        let wait = || first.leased.saturating_sub(cx.platform().now()).max(LEAST_WAIT);
        let timer = self.timer.get_or_insert_with(|| cx.platform().sleep(wait()));
        timer.as_mut().poll(task).map(|()| Change::Task { id: id.clone() })
    }
}

/// Hears what other instances write into the record of a task that runs here.
pub(super) enum Ear {
    Deaf,
    Opening(BoxFuture<Result<Changes, BusError>>),
    Open(Changes),
}

impl Ear {
    /// Opens it, where it is not: again after the bus was away.
    pub(super) fn open(&mut self, notifier: &Notifier, id: &str) {
        if matches!(self, Self::Deaf) {
            let (notifier, filter) = (notifier.clone(), SubscriptionFilter::default().with_task(id));
            *self = Self::Opening(Box::pin(async move { notifier.subscribe(filter).await }));
        }
    }

    /// Goes on to open it, also while nobody asks what was heard: who stands in line and does not look holds up others.
    pub(super) fn poll_opening(&mut self, task: &mut task::Context<'_>) {
        let Self::Opening(opening) = self else { return };
        *self = match opening.as_mut().poll(task) {
            Poll::Ready(Ok(changes)) => Self::Open(changes),
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "what other instances do to a task is seen a while later");
                Self::Deaf
            }
            Poll::Pending => return,
        };
    }

    /// Whether anything was heard.
    pub(super) fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<()> {
        self.poll_opening(task);
        let Self::Open(changes) = self else { return Poll::Pending };
        match changes.poll_next(task) {
            Poll::Ready(Some(_)) => Poll::Ready(()),
            Poll::Ready(None) => {
                *self = Self::Deaf;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Tasks {
    /// Through whom changes of tasks are told.
    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Watches those tasks of `filter` that belong to whoever asks, and takes the others out of it.
    pub(crate) fn watch<'a>(
        &'a self,
        filter: &'a mut SubscriptionFilter,
        cx: &'a Context,
    ) -> BorrowingFuture<'a, Result<Box<dyn WatchesTasks>>> {
        Box::pin(async move {
            let mut visible = Vec::new();
            for id in std::mem::take(&mut filter.task_ids) {
                match self.find(&id, cx).await {
                    Ok(_) => visible.push(id),
                    Err(Error::InvalidParams(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            let by_id = visible.iter().map(|id| (id.clone(), Shown::default())).collect();
            filter.task_ids = visible;
            let watched: Box<dyn WatchesTasks> = Box::new(Watched { tasks: self.clone(), by_id, timer: None });
            Ok(watched)
        })
    }

    /// Tells whoever listens that a task has changed. Every change that a client can see comes through here, once, in
    /// the process that wrote it.
    pub(super) async fn announce(&self, record: &TaskRecord) {
        if let Some(listener) = &self.listener {
            listener.hear(record);
        }
        if let Err(error) = self.notifier.publish(Change::Task { id: record.id().to_owned() }).await {
            tracing::warn!(%error, task = mark(record.id()), "a change of a task is not told; who asks for the task sees it");
        }
    }
}
