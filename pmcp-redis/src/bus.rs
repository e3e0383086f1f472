//! Changes over Redis pub/sub, which forgets a message once it is sent: whoever was away is told that anything may
//! have changed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use pmcp_core::{BusError, Change, ChangeBus, Changes, LocalBus, platform::BoxFuture, protocol::SubscriptionFilter};
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{Error, Redis, connection::PATIENCE};

/// How long things take.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How long streams stay open while Redis is away.
    hold_out: Duration,
    /// Between two attempts to reach Redis: at first, and at the most.
    pauses: (Duration, Duration),
    /// How often a silent connection is asked whether it still lives, and how long it may take to answer.
    ping: (Duration, Duration),
}

const PACE: Pace = Pace {
    hold_out: Duration::from_secs(30),
    pauses: (Duration::from_millis(100), Duration::from_secs(5)),
    ping: (Duration::from_secs(10), PATIENCE),
};

/// Tells every instance of a server what changed, through a Redis channel; cheap to clone.
///
/// The first listener connects, and the connection is then kept for all of them. What a client may rely on:
///
/// - A stream is acknowledged once Redis has confirmed that this instance hears the channel. While Redis is away,
///   requests to listen are refused with an error.
/// - Redis forgets what is published while an instance is away. When the connection comes back, every listener is
///   told that all it listens for changed ([`Change::Everything`]).
/// - Streams that are open when the connection breaks stay open for 30 s. If Redis is not back by then they are
///   ended with a result, so that no client takes silence for calm.
/// - Publishing while Redis is away is an error, and tells nobody.
#[derive(Clone, Debug)]
pub struct RedisBus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    redis: Redis,
    channel: String,
    local: LocalBus,
    pace: Pace,
    /// What follows the channel; `None` before the first listener.
    follower: Mutex<Option<Follower>>,
}

#[derive(Debug)]
struct Follower {
    task: JoinHandle<()>,
    link: watch::Receiver<Link>,
}

/// Whether the channel is heard.
#[derive(Clone, Debug)]
enum Link {
    /// The first attempt is not over.
    Connecting,
    Heard,
    Away(Error),
}

impl RedisBus {
    /// A bus on the channel `changes` of the server that `redis` is for.
    pub fn new(redis: &Redis) -> Self {
        Self::at_pace(redis, PACE)
    }

    fn at_pace(redis: &Redis, pace: Pace) -> Self {
        let (redis, channel) = (redis.clone(), redis.key("changes"));
        Self(Arc::new(Inner { redis, channel, local: LocalBus::default(), pace, follower: Mutex::default() }))
    }

    /// How many listen now at this instance.
    pub fn count(&self) -> usize {
        self.0.local.count()
    }
}

impl ChangeBus for RedisBus {
    fn publish(&self, change: Change) -> BoxFuture<Result<(), BusError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let message = serde_json::to_string(&change).map_err(BusError::new)?;
            let mut command = redis::cmd("PUBLISH");
            command.arg(&inner.channel).arg(message);
            // To this instance too it comes back through Redis, so that all hear the same in the same order.
            inner.redis.query::<()>(&command).await.map_err(BusError::new)
        })
    }

    fn subscribe(&self, filter: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let mut link = inner.link();
            let known = link.wait_for(|link| !matches!(link, Link::Connecting)).await;
            match known.as_deref() {
                Ok(Link::Away(error)) => Err(BusError::new(error)),
                Ok(_) => Ok(inner.local.listen(filter)),
                Err(_) => Err(BusError::new("the runtime that followed the channel of Redis is gone")),
            }
        })
    }
}

impl Inner {
    /// Whether the channel is heard; begins to follow it where nobody does.
    fn link(&self) -> watch::Receiver<Link> {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        match &*follower {
            Some(follower) if !follower.task.is_finished() => follower.link.clone(),
            _ => {
                let (tell, link) = watch::channel(Link::Connecting);
                let channel = Channel {
                    redis: self.redis.clone(),
                    name: self.channel.clone(),
                    local: self.local.clone(),
                    pace: self.pace,
                };
                let task = Handle::current().spawn(async move { channel.follow(tell).await });
                *follower = Some(Follower { task, link: link.clone() });
                link
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let follower = self.follower.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(follower) = follower {
            follower.task.abort();
        }
        self.local.end_all();
    }
}

/// What the follower follows, and hands on.
struct Channel {
    redis: Redis,
    name: String,
    local: LocalBus,
    pace: Pace,
}

impl Channel {
    /// Follows the channel until the bus is dropped, whatever happens to Redis.
    async fn follow(&self, link: watch::Sender<Link>) {
        let Self { redis, name, local, pace } = self;
        let mut pause = pace.pauses.0;
        let mut away_since = Instant::now();
        loop {
            let error = match redis.subscribe(std::slice::from_ref(name)).await {
                Ok(subscription) => {
                    tracing::info!("following {name} of Redis at {}", redis.address());
                    // Nobody knows what was published meanwhile. Before the first connection nobody listens.
                    local.tell(Change::Everything);
                    link.send_replace(Link::Heard);
                    let error = self.hear(subscription).await;
                    tracing::warn!(%error, "changes are not heard until Redis is back");
                    (pause, away_since) = (pace.pauses.0, Instant::now());
                    error
                }
                Err(error) => {
                    tracing::debug!(%error, "Redis is still away");
                    error
                }
            };
            link.send_replace(Link::Away(error));
            let left = pace.hold_out.saturating_sub(away_since.elapsed());
            if left.is_zero() && local.count() > 0 {
                tracing::warn!("Redis has been away for {} s; streams are ended", pace.hold_out.as_secs());
                local.end_all();
            }
            sleep(if left.is_zero() { pause } else { pause.min(left) }).await;
            pause = (pause * 2).min(pace.pauses.1);
        }
    }

    /// Hands on what is published, until the connection breaks or falls silent.
    async fn hear(&self, subscription: PubSub) -> Error {
        let (sink, messages) = subscription.split();
        tokio::select! {
            () = self.deliver(messages) => {
                let reason = "the connection was closed".to_owned();
                Error::Unreachable { address: self.redis.address().to_string(), reason }
            }
            error = self.probe(sink) => error,
        }
    }

    async fn deliver(&self, mut messages: PubSubStream) {
        while let Some(message) = messages.next().await {
            match serde_json::from_slice(message.get_payload_bytes()) {
                Ok(change) => self.local.tell(change),
                Err(error) => tracing::warn!(%error, "a message that is no change was passed over"),
            }
        }
    }

    /// Asks now and then whether Redis is still there: a host that vanished closes no connection.
    async fn probe(&self, mut sink: PubSubSink) -> Error {
        let (interval, patience) = self.pace.ping;
        loop {
            sleep(interval).await;
            match timeout(patience, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Error::of(&error, self.redis.address()),
                Err(_) => return Error::silent(self.redis.address()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pmcp_core::Notifier;
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::{TcpListener, TcpStream},
        sync::broadcast,
    };

    use super::*;

    /// As little of Redis as the bus uses, with a will of its own.
    struct Fake {
        port: u16,
        will: watch::Sender<Will>,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Will {
        Work,
        /// Answers nothing any more, and closes nothing.
        Hang,
        /// Closes every connection at once.
        Close,
    }

    impl Fake {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let port = listener.local_addr().expect("an address").port();
            let (will, follows) = watch::channel(Will::Work);
            tokio::spawn(async move {
                let published = broadcast::Sender::new(16);
                while let Ok((stream, _)) = listener.accept().await {
                    let (mut follows, published) = (follows.clone(), published.clone());
                    tokio::spawn(async move {
                        let mut closing = follows.clone();
                        tokio::select! {
                            () = serve(stream, &mut follows, published) => {}
                            _ = closing.wait_for(|will| *will == Will::Close) => {}
                        }
                    });
                }
            });
            Self { port, will }
        }

        fn bus(&self, hold_out: Duration) -> RedisBus {
            let redis = Redis::open(&format!("redis://127.0.0.1:{}", self.port)).expect("a URL");
            let short = Duration::from_millis(50);
            RedisBus::at_pace(&redis, Pace { hold_out, pauses: (short, short), ping: (short, short) })
        }

        fn wants(&self, will: Will) {
            self.will.send_replace(will);
        }
    }

    /// One connection: commands are arrays of strings, a string is a line with its length and a line.
    async fn serve(stream: TcpStream, will: &mut watch::Receiver<Will>, published: broadcast::Sender<String>) {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let mut heard = None;
        loop {
            let message = async {
                match &mut heard {
                    Some(heard) => broadcast::Receiver::<String>::recv(heard).await.expect("the sender lives"),
                    None => std::future::pending().await,
                }
            };
            let answer = tokio::select! {
                message = message => format!("*3\r\n$7\r\nmessage\r\n$12\r\npmcp:changes\r\n${}\r\n{message}\r\n", message.len()),
                line = lines.next_line() => {
                    let Ok(Some(line)) = line else { return };
                    let count: usize = line.trim_start_matches('*').parse().expect("an array");
                    let mut words = Vec::new();
                    for _ in 0..count {
                        lines.next_line().await.expect("a length");
                        words.push(lines.next_line().await.expect("a string").expect("a string"));
                    }
                    match words[0].as_str() {
                        "SUBSCRIBE" => {
                            heard = Some(published.subscribe());
                            assert_eq!(words[1], "pmcp:changes");
                            "*3\r\n$9\r\nsubscribe\r\n$12\r\npmcp:changes\r\n:1\r\n".to_owned()
                        }
                        "PING" => "*2\r\n$4\r\npong\r\n$0\r\n\r\n".to_owned(),
                        "PUBLISH" => format!(":{}\r\n", published.send(words[2].clone()).unwrap_or_default()),
                        _ => "+OK\r\n".to_owned(),
                    }
                }
            };
            will.wait_for(|will| *will != Will::Hang).await.expect("the fake lives");
            if writer.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    fn filter() -> SubscriptionFilter {
        SubscriptionFilter::default().with_tools().with_resource("a:1")
    }

    /// The next change, which must come soon.
    async fn next(changes: &mut Changes) -> Option<Change> {
        let next = timeout(Duration::from_secs(10), changes.next()).await.expect("nothing was heard for 10 s");
        next.map(|change| (*change).clone())
    }

    #[tokio::test]
    async fn hears_what_another_instance_tells_and_passes_over_what_is_no_change() {
        let fake = Fake::start().await;
        let (here, there) = (fake.bus(LONG), Notifier::new(fake.bus(LONG)));
        let mut changes = here.subscribe(filter()).await.expect("heard");
        let mut command = redis::cmd("PUBLISH");
        command.arg("pmcp:changes").arg("no JSON");
        here.0.redis.query::<()>(&command).await.expect("published");
        there.resource_updated("a:2").await.expect("told");
        there.resource_updated("a:1").await.expect("told");
        assert_eq!(next(&mut changes).await, Some(Change::ResourceUpdated { uri: "a:1".into() }));
    }

    #[tokio::test]
    async fn a_connection_that_breaks_or_hangs_is_made_anew_and_all_may_have_changed() {
        let fake = Fake::start().await;
        let bus = fake.bus(LONG);
        let mut changes = bus.subscribe(filter()).await.expect("heard");
        for trouble in [Will::Close, Will::Hang] {
            fake.wants(trouble);
            let error = async {
                loop {
                    if let Err(error) = bus.subscribe(filter()).await {
                        break error.to_string();
                    }
                    sleep(Duration::from_millis(10)).await;
                }
            };
            let error = timeout(Duration::from_secs(10), error).await.expect("the trouble is noticed");
            assert!(error.starts_with("cannot reach Redis at 127.0.0.1:"), "{error}");
            fake.wants(Will::Work);
            assert_eq!(next(&mut changes).await, Some(Change::Everything));
            bus.publish(Change::ToolsListChanged).await.expect("told");
            assert_eq!(next(&mut changes).await, Some(Change::ToolsListChanged));
        }
    }

    #[tokio::test]
    async fn streams_end_when_redis_stays_away() {
        let fake = Fake::start().await;
        let bus = fake.bus(Duration::from_millis(200));
        let mut changes = bus.subscribe(filter()).await.expect("heard");
        fake.wants(Will::Close);
        assert_eq!(next(&mut changes).await, None);
        drop(changes);
        assert_eq!(bus.count(), 0);
        assert!(bus.publish(Change::ToolsListChanged).await.is_err());
    }

    #[tokio::test]
    async fn a_bus_that_is_dropped_ends_its_streams_and_its_connection() {
        let fake = Fake::start().await;
        let bus = fake.bus(LONG);
        let mut changes = bus.subscribe(filter()).await.expect("heard");
        let follower = bus.0.follower.lock().expect("not poisoned").as_ref().expect("follows").link.clone();
        drop(bus);
        assert_eq!(next(&mut changes).await, None);
        let gone = async {
            while follower.has_changed().is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), gone).await.expect("the follower is gone");
    }
}
