//! Wakes whoever waits for a key to change, over Redis pub/sub: one connection for all who wait at this instance,
//! where a blocking read would take one each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use redis::aio::{PubSub, PubSubSink};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, interval_at, sleep, timeout},
};

use crate::{Error, Redis, connection::PATIENCE};

/// How long those who wait are left in peace while Redis is away. Later they are woken, and find out for themselves.
const HOLD_OUT: Duration = Duration::from_secs(30);
/// Between two attempts to reach Redis: at first, and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often a silent connection is asked whether it lives, and what nobody waits for is given up.
const TICK: Duration = Duration::from_secs(10);

/// Tells those who wait when something was published under the name they wait for; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Wakeups(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    redis: Redis,
    /// By channel, who waits.
    waiting: Arc<Waiting>,
    tick: Duration,
    /// What follows the channels; `None` before somebody waits.
    follower: Mutex<Option<Follower>>,
}

type Waiting = Mutex<HashMap<String, watch::Sender<()>>>;

#[derive(Debug)]
struct Follower {
    task: JoinHandle<()>,
    /// Channels that somebody waits for now.
    wanted: mpsc::UnboundedSender<String>,
}

impl Wakeups {
    pub(crate) fn new(redis: &Redis) -> Self {
        Self::at_tick(redis, TICK)
    }

    fn at_tick(redis: &Redis, tick: Duration) -> Self {
        Self(Arc::new(Inner { redis: redis.clone(), waiting: Arc::default(), tick, follower: Mutex::default() }))
    }

    /// Changes whenever `channel` may have been published to. Once Redis confirms that it is heard, it changes too: so
    /// look first, wait then, and nothing is missed.
    pub(crate) fn of(&self, channel: &str) -> watch::Receiver<()> {
        let mut waiting = lock(&self.0.waiting);
        let known = waiting.get(channel).map(watch::Sender::subscribe);
        let is_known = known.is_some();
        let receiver = known.unwrap_or_else(|| waiting.entry(channel.to_owned()).or_default().subscribe());
        drop(waiting);
        self.0.follow(channel, is_known);
        receiver
    }
}

impl Inner {
    /// Sees to it that `channel` is heard, where it is not known to be already.
    fn follow(&self, channel: &str, is_known: bool) {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Follower { task, wanted }) = &*follower
            && !task.is_finished()
            && (is_known || wanted.send(channel.to_owned()).is_ok())
        {
            return;
        }
        let (wanted, wishes) = mpsc::unbounded_channel();
        let channels = Channels { redis: self.redis.clone(), waiting: Arc::clone(&self.waiting), tick: self.tick };
        let task = Handle::current().spawn(async move { channels.follow(wishes).await });
        *follower = Some(Follower { task, wanted });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get_mut().unwrap_or_else(PoisonError::into_inner) {
            follower.task.abort();
        }
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Channels {
    redis: Redis,
    waiting: Arc<Waiting>,
    tick: Duration,
}

impl Channels {
    /// Follows all channels that somebody waits for, whatever happens to Redis.
    async fn follow(&self, mut wishes: mpsc::UnboundedReceiver<String>) {
        let (mut pause, mut away_since) = (PAUSES.0, Instant::now());
        loop {
            // All that is wanted so far is in here; what is wanted from now on comes as a wish.
            while wishes.try_recv().is_ok() {}
            let channels = self.channels();
            match self.redis.subscribe(&channels).await {
                Ok(subscription) => {
                    // Nobody knows what was published meanwhile.
                    self.wake_all();
                    let error = self.hear(subscription, &mut wishes).await;
                    tracing::warn!(%error, "streams of sessions wait until Redis is back");
                    (pause, away_since) = (PAUSES.0, Instant::now());
                }
                Err(error) => tracing::debug!(%error, "Redis is still away"),
            }
            if away_since.elapsed() >= HOLD_OUT {
                self.wake_all();
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Hands on what is published, until the connection breaks or falls silent.
    async fn hear(&self, subscription: PubSub, wishes: &mut mpsc::UnboundedReceiver<String>) -> Error {
        let (mut sink, mut messages) = subscription.split();
        let mut tick = interval_at(Instant::now() + self.tick, self.tick);
        loop {
            let done = tokio::select! {
                message = messages.next() => match message {
                    Some(message) => {
                        self.wake(message.get_channel_name());
                        Ok(())
                    }
                    None => Err(self.closed()),
                },
                wish = wishes.recv() => match wish {
                    Some(channel) => self.add(&mut sink, channel, wishes).await,
                    // The store is gone, and this with it.
                    None => std::future::pending().await,
                },
                _ = tick.tick() => self.sweep(&mut sink).await,
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    /// Hears more channels: `channel`, and those that are wanted by now.
    async fn add(
        &self,
        sink: &mut PubSubSink,
        channel: String,
        wishes: &mut mpsc::UnboundedReceiver<String>,
    ) -> Result<(), Error> {
        let mut channels = vec![channel];
        channels.extend(std::iter::from_fn(|| wishes.try_recv().ok()));
        self.answered(sink.subscribe(&channels)).await?;
        channels.iter().for_each(|channel| self.wake(channel));
        Ok(())
    }

    /// Gives up the channels that nobody waits for, and finds out whether Redis is still there: a host that vanished
    /// closes no connection.
    async fn sweep(&self, sink: &mut PubSubSink) -> Result<(), Error> {
        let mut unwanted = Vec::new();
        lock(&self.waiting).retain(|channel, tell| {
            let is_wanted = tell.receiver_count() > 0;
            if !is_wanted {
                unwanted.push(channel.clone());
            }
            is_wanted
        });
        if !unwanted.is_empty() {
            self.answered(sink.unsubscribe(&unwanted)).await?;
        }
        self.answered(sink.ping::<redis::Value>()).await.map(drop)
    }

    async fn answered<T>(&self, answer: impl Future<Output = redis::RedisResult<T>>) -> Result<T, Error> {
        match timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|error| Error::of(&error, self.redis.address())),
            Err(_) => Err(Error::silent(self.redis.address())),
        }
    }

    fn closed(&self) -> Error {
        let reason = "the connection was closed".to_owned();
        Error::Unreachable { address: self.redis.address().to_string(), reason }
    }

    /// The channels to hear. Never none, since Redis takes no empty list.
    fn channels(&self) -> Vec<String> {
        let always = self.redis.key("session");
        lock(&self.waiting).keys().cloned().chain([always]).collect()
    }

    fn wake(&self, channel: &str) {
        if let Some(tell) = lock(&self.waiting).get(channel) {
            tell.send_replace(());
        }
    }

    fn wake_all(&self) {
        lock(&self.waiting).values().for_each(|tell| {
            tell.send_replace(());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn publish(redis: &Redis, channel: &str) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(channel).arg("");
        redis.query::<()>(&publish).await.expect("published");
    }

    async fn woken(waiting: &mut watch::Receiver<()>) -> bool {
        timeout(Duration::from_secs(10), waiting.changed()).await.is_ok_and(|changed| changed.is_ok())
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_nobody_else() {
        let Some(server) = pmcp_tests::Redis::start("who_waits_is_woken_and_nobody_else") else { return };
        let redis = Redis::open(&server.url()).expect("a URL");
        let wakeups = Wakeups::at_tick(&redis, Duration::from_millis(50));
        let (mut one, mut other) = (wakeups.of("one"), wakeups.of("other"));
        assert!(woken(&mut one).await && woken(&mut other).await, "once they are heard");
        one.mark_unchanged();
        other.mark_unchanged();
        publish(&redis, "one").await;
        assert!(woken(&mut one).await);
        assert!(!other.has_changed().expect("heard"));
        // What nobody waits for is given up, and heard again when somebody does.
        drop(other);
        let given_up = async {
            while lock(&wakeups.0.waiting).len() > 1 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), given_up).await.expect("given up");
        assert!(woken(&mut wakeups.of("other")).await);
    }

    #[tokio::test]
    async fn a_connection_that_broke_is_made_anew_and_all_are_woken() {
        let Some(server) = pmcp_tests::Redis::start("a_connection_that_broke_is_made_anew_and_all_are_woken") else {
            return;
        };
        let redis = Redis::open(&server.url()).expect("a URL");
        let wakeups = Wakeups::new(&redis);
        let mut waiting = wakeups.of("one");
        assert!(woken(&mut waiting).await);
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("pubsub");
        assert_eq!(redis.query::<u32>(&kill).await.expect("killed"), 1);
        assert!(woken(&mut waiting).await);
        publish(&redis, "one").await;
        assert!(woken(&mut waiting).await);
        let follower = wakeups.0.follower.lock().expect("a lock").take().expect("it follows").task;
        follower.abort();
        let mut known = wakeups.of("one");
        assert!(woken(&mut known).await, "another follower");
    }
}
