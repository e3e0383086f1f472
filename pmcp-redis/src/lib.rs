//! What the instances of a [`pmcp_core`] server share, in Redis (or Valkey), so that any of them can answer any
//! request.
//!
//! [`RedisBus`] tells every instance what changed, so that a client that listens at one hears of a change made at
//! another:
//!
//! ```
//! use pmcp_core::Notifier;
//! use pmcp_redis::{Redis, RedisBus};
//!
//! // Nothing is connected yet; `crm` keeps this server apart from others in the same Redis.
//! let redis = Redis::open("redis://127.0.0.1:6379")?.with_prefix("crm");
//! let notifier = Notifier::new(RedisBus::new(&redis));
//! # Ok::<(), pmcp_redis::Error>(())
//! ```
//!
//! [`RedisTaskStore`] keeps tasks where every instance finds them, also when the one that began them is gone.
//!
//! [`RedisSessionStore`] keeps the sessions of clients of older revisions, so that each of their requests may reach
//! another instance.
//!
//! It runs on tokio. Feature `rustls`: TLS, for URLs that begin with `rediss://`.

mod bus;
mod connection;
mod error;
mod record;
mod session_store;
mod task_store;
mod wakeups;

pub use bus::RedisBus;
pub use connection::Redis;
pub use error::Error;
pub use session_store::RedisSessionStore;
pub use task_store::RedisTaskStore;
