//! Sessions of older revisions in Redis: a record, a list of the names of its streams, and a Redis stream for each.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use pmcp_core::{Session, SessionStore, SessionStoreError, StreamEvent, platform::BoxFuture};
use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::{Instant, sleep, timeout};

use crate::{Error, Redis, record, wakeups::Wakeups};

/// How long a session lives that nobody uses, unless the server says otherwise.
const IDLE: Duration = Duration::from_secs(3_600);
/// As long as nobody will look: Redis refuses what it cannot add to its clock.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);
/// How many streams of one session are kept; beyond that the oldest that has ended is forgotten.
const MOST_STREAMS: usize = 64;
/// How many streams of one session there are at the most; those that have not ended cannot be forgotten.
const MOST_OPEN_STREAMS: usize = 256;
/// How many messages of one stream are kept; beyond that the oldest is forgotten.
const MOST_MESSAGES: usize = 1_000;
/// How many messages are read at once.
const MOST_READ: usize = 100;
/// How long what is under way waits for a Redis that is away, and how long between two attempts.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(250));

// In the scripts, an entry of a stream has the id `number-0` and the fields `last`, `token` and `message`, in this
// order; the entry `0-1` stands for the stream itself. A script may be sent again when a connection broke, and then
// changes nothing more.

const LOAD: &str = "
local kept = redis.call('GET', KEYS[1])
if kept then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
return kept";

const REMOVE: &str = "
for _, name in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    redis.call('DEL', ARGV[1] .. name)
    redis.call('PUBLISH', ARGV[1] .. name, '')
end
redis.call('DEL', KEYS[2])
return redis.call('DEL', KEYS[1])";

const OPEN: &str = "
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('LREM', KEYS[2], 0, ARGV[2])
    if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[4]) then
        for _, name in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
            local last = redis.call('XREVRANGE', ARGV[3] .. name, '+', '-', 'COUNT', 1)[1]
            if not last or last[2][2] == '1' then
                redis.call('DEL', ARGV[3] .. name)
                redis.call('LREM', KEYS[2], 0, name)
                break
            end
        end
        if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[5]) then return -1 end
    end
    redis.call('RPUSH', KEYS[2], ARGV[2])
    redis.call('XADD', KEYS[3], '0-1', 'last', '0')
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return redis.call('PEXPIRE', KEYS[3], ARGV[1])";

const APPEND: &str = "
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return 0 end
if last[2][4] == ARGV[2] then return 1 end
if last[2][2] == '1' then return 0 end
local number = tonumber(string.match(last[1], '^%d+')) + 1
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[5], number .. '-0', 'last', ARGV[3], 'token', ARGV[2], 'message', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PUBLISH', KEYS[1], '')
return 1";

const READ: &str = "
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return false end
local found = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1] .. '-2', '+', 'COUNT', ARGV[2])) do
    local number = string.match(entry[1], '^%d+')
    table.insert(found, { tonumber(number), tonumber(entry[2][2]), entry[2][6] })
end
if #found == 0 and last[2][2] == '1' then return false end
return found";

const CLOSE: &str = "
redis.call('LREM', KEYS[1], 0, ARGV[1])
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', KEYS[2], '')
return 1";

/// Keeps the sessions of clients of older revisions where all instances of a server find them; cheap to clone.
///
/// What a client may rely on:
///
/// - Each request of a session may reach another instance: an answer to a handler's question, a cancellation, the
///   `DELETE` that ends the streams everywhere, the `GET` that takes up a stream which began elsewhere.
/// - While Redis is away, requests of a session are answered 503. Handlers and streams that are under way wait some
///   seconds for it to come back.
/// - A handler runs in the process where its request arrived. When that dies, its stream has no more messages.
///
/// Of each session the last 64 streams are kept, and the last 1,000 messages of each, as long as the session is in use.
/// Whoever waits for a message hears of it by pub/sub, over one connection an instance.
///
/// Needs Redis 6 or newer, or Valkey. Set it to evict nothing (`maxmemory-policy noeviction`), or sessions end when
/// its memory does.
#[derive(Clone, Debug)]
pub struct RedisSessionStore {
    redis: Redis,
    wakeups: Wakeups,
    idle: Duration,
    /// Tells what this store appends from what others do.
    writer: u64,
    appended: Arc<AtomicU64>,
}

impl RedisSessionStore {
    /// Keeps sessions under keys that begin with `session:`, `session-streams:` and `session-stream:`, after the prefix
    /// of the server that `redis` is for.
    pub fn new(redis: &Redis) -> Self {
        Self {
            redis: redis.clone(),
            wakeups: Wakeups::new(redis),
            idle: IDLE,
            // Seeded by the system, which is as much chance as is needed here.
            writer: RandomState::new().hash_one(std::process::id()),
            appended: Arc::default(),
        }
    }

    /// The same, forgetting a session that nobody used for `idle`. An hour, unless set; an open stream uses its session
    /// once a minute, so give it more than that.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    fn keys(&self, id: &str) -> Keys {
        let key = |kind: &str| self.redis.key(&format!("{kind}:{id}"));
        Keys { record: key("session"), streams: key("session-streams"), stream: key("session-stream") + ":" }
    }

    fn idle_millis(&self) -> u64 {
        u64::try_from(self.idle.min(FOREVER).as_millis()).unwrap_or(1).max(1)
    }
}

/// What a session is kept under.
struct Keys {
    record: String,
    /// The names of its streams, oldest first.
    streams: String,
    /// What the key of each stream begins with.
    stream: String,
}

fn eval(script: &str, keys: &[&str]) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(script).arg(keys.len()).arg(keys);
    eval
}

fn failed(error: impl std::fmt::Display) -> SessionStoreError {
    SessionStoreError(error.to_string())
}

/// Sends a command of something under way, for which a Redis that is away for a moment is worth waiting for.
async fn patiently<T: FromRedisValue + Send + 'static>(redis: &Redis, command: &Cmd) -> Result<T, Error> {
    let (patience, pause) = PATIENCE;
    let end = Instant::now() + patience;
    loop {
        match redis.query(command).await {
            Err(Error::Unreachable { .. }) if Instant::now() < end => sleep(pause).await,
            done => return done,
        }
    }
}

impl SessionStore for RedisSessionStore {
    fn create(&self, id: &str, session: Session, _now: Duration) -> BoxFuture<Result<(), SessionStoreError>> {
        let (redis, key, idle) = (self.redis.clone(), self.keys(id).record, self.idle_millis());
        Box::pin(async move {
            let encoded = record::encode(session.version(), &session).map_err(failed)?;
            let mut set = cmd("SET");
            set.arg(key).arg(encoded).arg("PX").arg(idle);
            redis.query(&set).await.map_err(failed)
        })
    }

    fn load(&self, id: &str, _now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>> {
        let (redis, keys, idle) = (self.redis.clone(), self.keys(id), self.idle_millis());
        Box::pin(async move {
            let mut load = eval(LOAD, &[&keys.record, &keys.streams]);
            load.arg(idle);
            let kept: Option<String> = redis.query(&load).await.map_err(failed)?;
            kept.as_deref().map(record::decode).transpose().map_err(failed)
        })
    }

    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>> {
        let (redis, key) = (self.redis.clone(), self.keys(id).record);
        Box::pin(async move {
            let encoded = record::encode(session.version(), &session).map_err(failed)?;
            redis.query(&record::replace(&key, session.version(), &encoded)).await.map_err(failed)
        })
    }

    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>> {
        let (redis, keys) = (self.redis.clone(), self.keys(id));
        Box::pin(async move {
            let mut remove = eval(REMOVE, &[&keys.record, &keys.streams]);
            remove.arg(keys.stream);
            redis.query(&remove).await.map_err(failed)
        })
    }

    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        let (redis, keys, idle, name) = (self.redis.clone(), self.keys(id), self.idle_millis(), stream.to_owned());
        Box::pin(async move {
            let key = format!("{}{name}", keys.stream);
            let mut open = eval(OPEN, &[&keys.record, &keys.streams, &key]);
            open.arg(idle).arg(name).arg(keys.stream).arg(MOST_STREAMS).arg(MOST_OPEN_STREAMS);
            match redis.query::<i64>(&open).await.map_err(failed)? {
                -1 => Err(failed(format_args!("a session has {MOST_OPEN_STREAMS} streams that have not ended"))),
                _ => Ok(()),
            }
        })
    }

    fn append(
        &self,
        id: &str,
        stream: &str,
        message: Bytes,
        is_last: bool,
    ) -> BoxFuture<Result<bool, SessionStoreError>> {
        let (redis, key, idle) = (self.redis.clone(), self.keys(id).stream + stream, self.idle_millis());
        let token = format!("{:x}.{}", self.writer, self.appended.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move {
            let mut append = eval(APPEND, &[&key]);
            append.arg(idle).arg(token).arg(u8::from(is_last)).arg(&*message).arg(MOST_MESSAGES);
            patiently(&redis, &append).await.map_err(failed)
        })
    }

    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>> {
        let (redis, wakeups, key) = (self.redis.clone(), self.wakeups.clone(), self.keys(id).stream + stream);
        // What expires says nothing, so it is looked for now and then.
        let look_again = self.idle / 2;
        Box::pin(async move {
            let mut read = eval(READ, &[&key]);
            read.arg(after).arg(MOST_READ);
            let mut woken = wakeups.of(&key);
            let mut found: Option<Vec<(u64, bool, Vec<u8>)>> = redis.query(&read).await.map_err(failed)?;
            while found.as_ref().is_some_and(Vec::is_empty) {
                if let Ok(Err(error)) = timeout(look_again, woken.changed()).await {
                    return Err(failed(error));
                }
                found = patiently(&redis, &read).await.map_err(failed)?;
            }
            let event = |(number, is_last, message): (u64, bool, Vec<u8>)| StreamEvent {
                number,
                message: message.into(),
                is_last,
            };
            Ok(found.map(|found| found.into_iter().map(event).collect()))
        })
    }

    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        let (redis, keys, name) = (self.redis.clone(), self.keys(id), stream.to_owned());
        Box::pin(async move {
            let mut close = eval(CLOSE, &[&keys.streams, &format!("{}{name}", keys.stream)]);
            close.arg(name);
            redis.query(&close).await.map_err(failed)
        })
    }
}
