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
        Box::pin(async move {
            // Rounded up: not before it expires.
            let left = record.expires().saturating_sub(now).as_millis() + 1;
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            let mut set = cmd("SET");
            set.arg(key).arg(encode(&record)?).arg("PX").arg(left);
            redis.query::<()>(&set).await.map_err(TaskStoreError::failed)
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
