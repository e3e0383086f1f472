//! Tasks in Redis: one string each, which Redis forgets when the task expires.

use std::time::Duration;

use pmcp_core::{TaskRecord, TaskStore, TaskStoreError, platform::BoxFuture};
use redis::cmd;

use crate::{Redis, record};

/// Keeps a record, and its place among those of its owner, where places of before are forgotten.
const CREATE: &str = "
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZREMRANGEBYLEX', KEYS[2], '-', '[' .. ARGV[4])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end";

/// Keeps the tasks of a server where all its instances find them; cheap to clone.
///
/// A task goes on only in the process that runs it. When that ends, the other instances report the task as failed.
///
/// Needs Redis 6 or newer, or Valkey. Set it to keep what it has on disk, and to evict nothing
/// (`maxmemory-policy noeviction`), if tasks are to outlive it.
#[derive(Clone, Debug)]
pub struct RedisTaskStore {
    redis: Redis,
}

impl RedisTaskStore {
    /// Keeps tasks under keys that begin with `task:`, after the prefix of the server that `redis` is for.
    pub fn new(redis: &Redis) -> Self {
        Self { redis: redis.clone() }
    }

    fn key(&self, id: &str) -> String {
        self.redis.key(&format!("task:{id}"))
    }

    fn places(&self, owner: &str) -> String {
        self.redis.key(&format!("tasks-of:{owner}"))
    }
}

impl TaskStore for RedisTaskStore {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        let (redis, key) = (self.redis.clone(), self.key(record.id()));
        let places = record.owner().map(|owner| self.places(owner));
        Box::pin(async move {
            // Rounded up: not before it expires.
            let left = record.expires().saturating_sub(now).as_millis() + 1;
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            let encoded = record::encode(record.version(), &record).map_err(TaskStoreError::failed)?;
            let mut create = cmd("EVAL");
            match places {
                Some(places) => {
                    create.arg(CREATE).arg(2).arg(key).arg(places).arg(encoded).arg(left);
                    create.arg(record.place()).arg(TaskRecord::places_until(now));
                }
                None => {
                    create = cmd("SET");
                    create.arg(key).arg(encoded).arg("PX").arg(left);
                }
            }
            redis.query::<()>(&create).await.map_err(TaskStoreError::failed)
        })
    }

    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        let (store, places) = (self.clone(), self.places(owner));
        // What has expired stands in front.
        let mut after = TaskRecord::places_until(now).max(after.to_owned());
        Box::pin(async move {
            let mut records = Vec::new();
            while records.len() < most {
                let mut range = cmd("ZRANGEBYLEX");
                range.arg(&places).arg(format!("({after}")).arg("+").arg("LIMIT").arg(0).arg(most - records.len());
                let found: Vec<String> = store.redis.query(&range).await.map_err(TaskStoreError::failed)?;
                let Some(last) = found.last() else { break };
                let mut get = cmd("MGET");
                get.arg(found.iter().map(|place| store.key(TaskRecord::id_at(place))).collect::<Vec<_>>());
                let kept: Vec<Option<String>> = store.redis.query(&get).await.map_err(TaskStoreError::failed)?;
                for kept in kept.into_iter().flatten() {
                    records.push(record::decode(&kept).map_err(TaskStoreError::failed)?);
                }
                after.clone_from(last);
            }
            Ok(records)
        })
    }

    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        let (redis, key) = (self.redis.clone(), self.key(id));
        Box::pin(async move {
            let mut get = cmd("GET");
            get.arg(key);
            let kept: Option<String> = redis.query(&get).await.map_err(TaskStoreError::failed)?;
            let record = kept.as_deref().map(record::decode::<TaskRecord>).transpose();
            Ok(record.map_err(TaskStoreError::failed)?.filter(|record| record.expires() > now))
        })
    }

    fn update(&self, record: TaskRecord, _now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        let (redis, key) = (self.redis.clone(), self.key(record.id()));
        Box::pin(async move {
            let encoded = record::encode(record.version(), &record).map_err(TaskStoreError::failed)?;
            redis.query(&record::replace(&key, record.version(), &encoded)).await.map_err(TaskStoreError::failed)
        })
    }
}
