//! Where tasks are kept: one record each, changed by whoever read its newest version.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::TaskRecord;
use crate::platform::{BoxFuture, MaybeSend, MaybeSync};

/// Why a task could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskStoreError {
    /// There are as many tasks as the store takes, and none has expired.
    #[error("there is no room for another task; those there are expire in time")]
    Full,
    /// The record is longer than the store keeps any: trying again is of no use.
    #[error("the record of a task is longer than the store keeps any")]
    TooLong,
    /// Whatever keeps the tasks does not answer, or not as it should.
    #[error("the store of tasks failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TaskStoreError {
    /// Whatever keeps the tasks failed with `error`.
    pub fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

/// Keeps the tasks of a server; several instances may share one.
///
/// A record is JSON to a store (it implements [`serde::Serialize`]). What the store has to know of it are
/// [its id](TaskRecord::id), [its version](TaskRecord::version) and [when it expires](TaskRecord::expires). `now` is
/// the time since 1970 by the clock of the caller.
///
/// A future that was polled may not be polled again for long, where a client does not read its stream. What makes others
/// wait meanwhile, such as a place in the line of a lock or of a pool, goes into a task of its own.
pub trait TaskStore: MaybeSend + MaybeSync + 'static {
    /// Keeps a new record. Whoever asks any instance for it once this is done must find it.
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>>;

    /// The first `most` records of `owner` that have not expired, by [their places](TaskRecord::place), from after the
    /// place `after` on.
    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>>;

    /// The newest version of a record; `None` where there is none, or it has expired.
    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>>;

    /// Replaces a record by its next version, in one step: `false`, and nothing is changed, unless the version that is
    /// kept is one less than that of `record`. It still expires when it did.
    fn update(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<bool, TaskStoreError>>;
}

/// Keeps tasks in the memory of this process: for one instance, and gone when it is.
#[derive(Clone, Debug)]
pub struct InMemoryTaskStore {
    most: usize,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: HashMap<String, TaskRecord>,
    expiring: BTreeSet<(Duration, String)>,
}

impl InMemoryTaskStore {
    /// Keeps 10,000 tasks at the most.
    pub fn new() -> Self {
        Self::with_room_for(10_000)
    }

    /// Keeps `most` tasks at the most. Those that are over count until they expire.
    pub fn with_room_for(most: usize) -> Self {
        Self { most, kept: Arc::default() }
    }

    /// How many tasks there are, those included that have expired since the last was created.
    pub fn len(&self) -> usize {
        self.kept().records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No code that can panic runs under the lock, and what is kept is whole at every step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InMemoryTaskStore {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskStore for InMemoryTaskStore {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        let mut kept = self.kept();
        while let Some((expires, _)) = kept.expiring.first()
            && *expires <= now
            && let Some((_, id)) = kept.expiring.pop_first()
        {
            kept.records.remove(&id);
        }
        let created = if kept.records.len() < self.most {
            kept.expiring.insert((record.expires(), record.id().to_owned()));
            kept.records.insert(record.id().to_owned(), record);
            Ok(())
        } else {
            Err(TaskStoreError::Full)
        };
        Box::pin(std::future::ready(created))
    }

    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        let kept = self.kept();
        let theirs = kept.records.values().filter(|record| record.owner() == Some(owner) && record.expires() > now);
        let mut places: Vec<_> = theirs.map(|record| (record.place(), record)).collect();
        places.retain(|(place, _)| place.as_str() > after);
        places.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let records = places.into_iter().take(most).map(|(_, record)| record.clone()).collect();
        Box::pin(std::future::ready(Ok(records)))
    }

    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        let record = self.kept().records.get(id).filter(|record| record.expires() > now).cloned();
        Box::pin(std::future::ready(Ok(record)))
    }

    fn update(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        let mut kept = self.kept();
        let current = kept.records.get_mut(record.id()).filter(|current| current.expires() > now);
        let current = current.filter(|current| current.version() + 1 == record.version());
        let updated = current.map(|current| *current = record).is_some();
        Box::pin(std::future::ready(Ok(updated)))
    }
}
