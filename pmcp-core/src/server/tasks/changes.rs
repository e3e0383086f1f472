//! What is told of tasks: to clients that listen for them, and from one instance to the other.

use std::{
    collections::BTreeMap,
    task::{self, Poll},
    time::Duration,
};

use super::{TaskRecord, Tasks};
use crate::{
    error::{Error, Result},
    platform::BoxFuture,
    protocol::{SubscriptionFilter, Task},
    server::{BusError, Change, Changes, Context, Notifier},
};

/// How soon a task whose process says nothing any more is looked after again.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// The tasks of one listen stream, until they are over.
pub(in crate::server) struct Watched {
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
    pub(in crate::server) fn new(tasks: &Tasks, filter: &SubscriptionFilter) -> Self {
        let by_id = filter.task_ids.iter().map(|id| (id.clone(), Shown::default())).collect();
        Self { tasks: tasks.clone(), by_id, timer: None }
    }

    /// The task, where its client has not seen it as it is now.
    pub(in crate::server) async fn look(&mut self, id: &str, cx: &Context) -> Result<Option<Task>> {
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

    /// A task that its process should have vouched for again: nobody else would tell that the process has ended.
    pub(in crate::server) fn poll_due(&mut self, cx: &Context, task: &mut task::Context<'_>) -> Poll<Change> {
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

    /// Whether anything was heard.
    pub(super) fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<()> {
        loop {
            *self = match self {
                Self::Deaf => return Poll::Pending,
                Self::Opening(opening) => match opening.as_mut().poll(task) {
                    Poll::Ready(Ok(changes)) => Self::Open(changes),
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%error, "what other instances do to a task is seen a while later");
                        Self::Deaf
                    }
                    Poll::Pending => return Poll::Pending,
                },
                Self::Open(changes) => match changes.poll_next(task) {
                    Poll::Ready(Some(_)) => return Poll::Ready(()),
                    Poll::Ready(None) => Self::Deaf,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

impl Tasks {
    /// Tells through `notifier`, which other instances hear too.
    pub(in crate::server) fn tell_through(&mut self, notifier: &Notifier) {
        self.notifier = notifier.clone();
        self.is_told = true;
    }

    /// Through whom changes of tasks are told.
    pub(in crate::server) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Those of `ids` that belong to whoever asks.
    pub(in crate::server) async fn visible(&self, ids: Vec<String>, cx: &Context) -> Result<Vec<String>> {
        let mut visible = Vec::with_capacity(ids.len());
        for id in ids {
            match self.find(&id, cx).await {
                Ok(_) => visible.push(id),
                Err(Error::InvalidParams(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(visible)
    }

    /// Tells whoever listens that a task has changed. Every change that a client can see comes through here, once, in
    /// the process that wrote it.
    pub(super) async fn announce(&self, record: &TaskRecord) {
        if let Some(listener) = &self.listener {
            listener.hear(record);
        }
        if let Err(error) = self.notifier.publish(Change::Task { id: record.id().to_owned() }).await {
            tracing::warn!(%error, task = record.id(), "a change of a task is not told; who asks for the task sees it");
        }
    }
}
