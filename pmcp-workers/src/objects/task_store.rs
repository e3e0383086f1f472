//! Tasks, each in an object of its own, and the list of each principal's tasks in another.

use std::time::Duration;

use futures_util::future::try_join_all;
use pmcp_core::{TaskRecord, TaskStore, TaskStoreError, platform::BoxFuture};

use super::{
    Objects,
    ask::{Ask, Life, is_id, parse},
    asking::ObjectError,
    shelf::MOST_BYTES,
};

/// Keeps the tasks of a server where all its isolates find them; cheap to clone.
///
/// A task goes on only in the isolate that runs it, which the platform ends 30 s after the answer that the task was begun
/// with has been sent: what takes longer is reported as failed. Give the server an [`ObjectBus`](super::ObjectBus) too,
/// so that answers and cancellations reach a task at once.
#[derive(Clone, Debug)]
pub struct ObjectTaskStore {
    objects: Objects,
}

impl ObjectTaskStore {
    /// Keeps each task in the one of `objects` with the name `task:` and its id.
    pub fn new(objects: &Objects) -> Self {
        Self { objects: objects.clone() }
    }

    async fn load(&self, id: &str, now: Duration) -> Result<Option<TaskRecord>, TaskStoreError> {
        if !is_id(id) {
            return Ok(None);
        }
        let Some(record) = self.objects.ask(&name(id), Ask::Load, None).await? else { return Ok(None) };
        let record: TaskRecord = parse(&record).map_err(TaskStoreError::failed)?;
        Ok((record.expires() > now).then_some(record))
    }
}

/// What the object of a task is called; changes of the task are told there too.
pub(super) fn name(id: &str) -> String {
    format!("task:{id}")
}

impl From<ObjectError> for TaskStoreError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Full { .. } => Self::Full,
            error => Self::failed(error),
        }
    }
}

fn encode(record: &TaskRecord) -> Result<Vec<u8>, TaskStoreError> {
    let encoded = serde_json::to_vec(record).map_err(TaskStoreError::failed)?;
    if encoded.len() > MOST_BYTES { Err(TaskStoreError::TooLong) } else { Ok(encoded) }
}

fn millis(time: Duration) -> u64 {
    // Rounded up: not before it expires.
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl TaskStore for ObjectTaskStore {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        let objects = self.objects.clone();
        Box::pin(async move {
            let until = millis(record.expires());
            if let Some(owner) = record.owner() {
                // First: a place without a record is passed over.
                let note = Ask::Note { place: record.place(), until, forget: TaskRecord::places_until(now) };
                objects.ask(&list(owner), note, None).await?;
            }
            let ask = Ask::Create { version: record.version(), life: Life::Until(until) };
            let encoded = encode(&record)?;
            objects.ask(&name(record.id()), ask, Some(&encoded)).await?;
            Ok(())
        })
    }

    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        let (store, list) = (self.clone(), list(owner));
        // What has expired stands in front.
        let mut after = TaskRecord::places_until(now).max(after.to_owned());
        Box::pin(async move {
            let mut records = Vec::new();
            while records.len() < most {
                let ask = Ask::Places { after: after.clone(), most: most - records.len() };
                let Some(places) = store.objects.ask(&list, ask, None).await? else { break };
                let places: Vec<String> = parse(&places).map_err(TaskStoreError::failed)?;
                let Some(last) = places.last() else { break };
                let found = try_join_all(places.iter().map(|place| store.load(TaskRecord::id_at(place), now)));
                records.extend(found.await?.into_iter().flatten());
                after.clone_from(last);
            }
            Ok(records)
        })
    }

    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        let (store, id) = (self.clone(), id.to_owned());
        Box::pin(async move { store.load(&id, now).await })
    }

    fn update(&self, record: TaskRecord, _now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        let objects = self.objects.clone();
        Box::pin(async move {
            let encoded = encode(&record)?;
            let ask = Ask::Replace { version: record.version() };
            Ok(objects.ask(&name(record.id()), ask, Some(&encoded)).await?.is_some())
        })
    }
}

/// What the object with the list of a principal's tasks is called.
fn list(owner: &str) -> String {
    format!("tasks-of:{owner}")
}
