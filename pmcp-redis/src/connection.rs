//! One Redis: where it is, what the keys of this server begin with, and a connection that is made when it is needed.

use std::{fmt, sync::Arc, time::Duration};

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo};
use tokio::{sync::Mutex, time::timeout};

use crate::Error;

/// How long Redis may take to accept a connection, and to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A Redis that the instances of a server share; cheap to clone.
///
/// Nothing is connected before something is asked of it, and a connection that broke is made anew.
#[derive(Clone)]
pub struct Redis {
    connector: Arc<Connector>,
    prefix: Arc<str>,
}

struct Connector {
    client: Client,
    address: ConnectionAddr,
    /// Shared by all commands; `None` before the first, and after it broke.
    connection: Mutex<Option<Numbered>>,
}

/// A connection, and the how many-th it is.
type Numbered = (u64, MultiplexedConnection);

impl Redis {
    /// The Redis at `url`: `redis://user:password@host:6379/0`, `redis+unix:///path/to/socket`, and `rediss://…` with
    /// the feature `rustls`.
    ///
    /// # Errors
    /// When that is no such URL. Whether Redis is there shows later.
    pub fn open(url: &str) -> Result<Self, Error> {
        let wrong = |error: redis::RedisError| Error::Url { reason: error.to_string() };
        if url.trim_start().starts_with("rediss") && !cfg!(feature = "rustls") {
            return Err(Error::Url { reason: "rediss:// needs the feature `rustls` of pmcp-redis".to_owned() });
        }
        let info = url.trim().into_connection_info().map_err(wrong)?;
        let address = info.addr().clone();
        let client = Client::open(info).map_err(wrong)?;
        let connector = Connector { client, address, connection: Mutex::default() };
        Ok(Self { connector: Arc::new(connector), prefix: "pmcp".into() })
    }

    /// The same Redis, for a server whose keys and channels begin with `prefix` and a colon. The default is `pmcp`.
    ///
    /// Servers that share a Redis need prefixes of their own, and all instances of one server the same.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The key or channel `name` of this server.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// Sends a command. It is sent again where the connection turns out to be broken, so it must not matter whether
    /// Redis has seen it already.
    ///
    /// It goes in a task of its own: whoever asks may not look again for long, as a stream does not whose client does
    /// not read, and one who stands in line for the connection and does not look holds up all others.
    pub(crate) async fn query<T: FromRedisValue + Send + 'static>(&self, command: &Cmd) -> Result<T, Error> {
        let (connector, command) = (Arc::clone(&self.connector), command.clone());
        let sent = tokio::spawn(async move { connector.query(&command).await });
        sent.await.map_err(|error| Error::unreachable(&self.connector.address, &error))?
    }

    /// A connection of its own, which hears what is published on `channels`, of which there is at least one.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> Result<PubSub, Error> {
        let Connector { client, address, .. } = &*self.connector;
        let subscribed = timeout(PATIENCE, async {
            let mut subscription = client.get_async_pubsub().await?;
            subscription.subscribe(channels).await?;
            Ok(subscription)
        });
        let subscribed = subscribed.await.map_err(|_| Error::silent(address))?;
        subscribed.map_err(|error| Error::of(&error, address))
    }

    pub(crate) fn address(&self) -> &ConnectionAddr {
        &self.connector.address
    }
}

impl Connector {
    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let (number, mut connection) = self.connection(None).await?;
        let mut answer = command.query_async(&mut connection).await;
        if answer.as_ref().is_err_and(redis::RedisError::is_unrecoverable_error) {
            (_, connection) = self.connection(Some(number)).await?;
            answer = command.query_async(&mut connection).await;
        }
        answer.map_err(|error| Error::of(&error, &self.address))
    }

    /// The connection, made where there is none or `broken` is its number.
    async fn connection(&self, broken: Option<u64>) -> Result<Numbered, Error> {
        // Whoever has it may be connecting, in vain for as long as that; to go on after each other would take all longer.
        let kept = timeout(PATIENCE, self.connection.lock()).await;
        let mut kept = kept.map_err(|_| Error::silent(&self.address))?;
        if let Some((number, connection)) = kept.as_ref().filter(|(number, _)| Some(*number) != broken) {
            return Ok((*number, connection.clone()));
        }
        *kept = None;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = made.map_err(|error| Error::of(&error, &self.address))?;
        let numbered = (broken.unwrap_or_default() + 1, connection);
        *kept = Some(numbered.clone());
        Ok(numbered)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address().to_string();
        f.debug_struct("Redis").field("address", &address).field("prefix", &self.prefix).finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn nothing_tells_the_password() {
        let redis = Redis::open("redis://ada:secret@127.0.0.1:1/0").expect("a URL");
        assert_eq!(format!("{redis:?}"), r#"Redis { address: "127.0.0.1:1", prefix: "pmcp" }"#);
        for wrong in ["ada:secret@127.0.0.1", "http://ada:secret@127.0.0.1", "redis://ada:secret@127.0.0.1/zero", ""] {
            let error = Redis::open(wrong).expect_err(wrong);
            assert!(matches!(error, Error::Url { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[cfg(not(feature = "rustls"))]
    #[test]
    fn without_the_feature_there_is_no_tls() {
        let error = Redis::open("rediss://127.0.0.1").expect_err("no TLS").to_string();
        assert!(error.contains("feature `rustls`"), "{error}");
    }

    #[test]
    fn servers_are_kept_apart() {
        let redis = Redis::open("redis://127.0.0.1").expect("a URL").with_prefix("crm");
        assert_eq!(redis.key("changes"), "crm:changes");
    }

    #[tokio::test]
    async fn who_does_not_look_holds_up_nobody() {
        let Some(server) = pmcp_tests::Redis::start("who_does_not_look_holds_up_nobody") else { return };
        let redis = Redis::open(&server.url()).expect("a URL");
        let ping = redis::cmd("PING");
        // Each is looked at once, in this order, and stands in line from then on.
        let mut asked: Vec<_> = (0..200).map(|_| Box::pin(redis.query::<String>(&ping))).collect();
        for asked in &mut asked {
            assert!(asked.now_or_never().is_none());
        }
        let answer = timeout(PATIENCE / 2, redis.query::<String>(&ping)).await.expect("not held up");
        assert_eq!(answer.expect("an answer"), "PONG");
    }

    #[tokio::test]
    async fn says_where_nobody_answers() {
        let redis = Redis::open("redis://ada:secret@127.0.0.1:1").expect("a URL");
        for error in [
            redis.query::<()>(&redis::cmd("PING")).await.expect_err("nobody there"),
            redis.subscribe(&["c".to_owned()]).await.map(drop).expect_err("nobody there"),
        ] {
            let text = error.to_string();
            assert!(text.starts_with("cannot reach Redis at 127.0.0.1:1: "), "{text}");
            assert!(text.ends_with("; start it, or correct its URL"), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
