//! Tasks in Redis: one string each, which Redis forgets when the task expires.

use std::time::Duration;

use pmcp_core::{TaskRecord, TaskStore, TaskStoreError, platform::BoxFuture};
use redis::cmd;

use crate::Redis;

/// Replaces a record by its next version. A second time with the same record it says again what it did, since a command
/// may be sent again when a connection broke.
const REPLACE: &str = "
local kept = redis.call('GET', KEYS[1])
if not kept then return 0 end
if kept == ARGV[2] then return 1 end
if string.match(kept, '^%d+') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1";

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

/// The version in front, so that it is compared without reading the rest.
fn encode(record: &TaskRecord) -> Result<String, TaskStoreError> {
    let json = serde_json::to_string(record).map_err(TaskStoreError::failed)?;
    Ok(format!("{}\n{json}", record.version()))
}

fn decode(kept: &str) -> Result<TaskRecord, TaskStoreError> {
    let json = kept.split_once('\n').map_or(kept, |(_, json)| json);
    serde_json::from_str(json).map_err(TaskStoreError::failed)
}

impl TaskStore for RedisTaskStore {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        let (redis, key) = (self.redis.clone(), self.key(record.id()));
        let places = record.owner().map(|owner| self.places(owner));
        Box::pin(async move {
            // Rounded up: not before it expires.
            let left = record.expires().saturating_sub(now).as_millis() + 1;
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            let mut create = cmd("EVAL");
            match places {
                Some(places) => {
                    create.arg(CREATE).arg(2).arg(key).arg(places).arg(encode(&record)?).arg(left);
                    create.arg(record.place()).arg(TaskRecord::places_until(now));
                }
                None => {
                    create = cmd("SET");
                    create.arg(key).arg(encode(&record)?).arg("PX").arg(left);
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
                    records.push(decode(&kept)?);
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
            let record = kept.as_deref().map(decode).transpose()?;
            Ok(record.filter(|record| record.expires() > now))
        })
    }

    fn update(&self, record: TaskRecord, _now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        let (redis, key) = (self.redis.clone(), self.key(record.id()));
        Box::pin(async move {
            let mut replace = cmd("EVAL");
            replace.arg(REPLACE).arg(1).arg(key).arg(record.version().saturating_sub(1)).arg(encode(&record)?);
            redis.query(&replace).await.map_err(TaskStoreError::failed)
        })
    }
}
