//! Sessions of older revisions (specification page `basic/transports` of 2025-11-25, "Session Management").
//!
//! A session is a record of what the client said in its handshake, and a set of streams: numbered messages that are
//! kept for a while, so that a connection that broke can be taken up where it ended. Both are in a [`SessionStore`],
//! which several instances may share.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    platform::{BoxFuture, MaybeSend, MaybeSync},
    protocol::{ClientCapabilities, Implementation, LogLevel, Revision},
};

/// What is known of a client from its handshake on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Session {
    /// What was negotiated.
    #[serde(with = "revision")]
    pub revision: Revision,
    /// What the client can do.
    #[serde(default)]
    pub capabilities: ClientCapabilities,
    /// Who the client says it is.
    #[serde(default)]
    pub client_info: Option<Implementation>,
    /// For whom the session was opened; nobody else may use it.
    #[serde(default)]
    pub principal: Option<String>,
    /// The least grave log message that the client wants.
    #[serde(default)]
    pub log_level: Option<LogLevel>,
    /// The resources whose changes the client wants to hear of.
    #[serde(default)]
    pub subscriptions: BTreeSet<String>,
    /// How often it was changed.
    #[serde(default)]
    version: u64,
}

impl Session {
    /// A session of which nothing is known but its revision.
    pub fn new(revision: Revision) -> Self {
        Self {
            revision,
            capabilities: ClientCapabilities::default(),
            client_info: None,
            principal: None,
            log_level: None,
            subscriptions: BTreeSet::new(),
            version: 0,
        }
    }

    /// How often it was changed: what [`SessionStore::save`] compares.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The next version, for [`SessionStore::save`].
    #[must_use]
    pub fn next_version(self) -> Self {
        Self { version: self.version + 1, ..self }
    }
}

mod revision {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::protocol::Revision;

    pub(super) fn serialize<S: Serializer>(revision: &Revision, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(revision.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Revision, D::Error> {
        let text = String::deserialize(deserializer)?;
        Revision::parse(&text).ok_or_else(|| D::Error::custom(format!("no revision {text}")))
    }
}

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// From 1, without gaps.
    pub number: u64,
    /// The message in JSON.
    pub message: Bytes,
    /// Nothing follows.
    pub is_last: bool,
}

/// The store cannot be reached, or does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store failed: {0}")]
pub struct SessionStoreError(pub String);

/// Where sessions are kept; several instances may share one.
///
/// A session is JSON to a store (it implements [`serde::Serialize`]). `now` is the time since 1970, so that a store
/// needs no clock. Sessions that nobody uses for long, and their streams, may be forgotten; whoever reads a stream calls
/// [`load`](Self::load) once a minute.
///
/// Streams have names of at most 256 bytes of text. What one instance has done, all others find once it is done: a message is read wherever somebody waits for it, and
/// a stream that ends does so for all its readers.
///
/// A future that was polled may not be polled again for long, where a client does not read its stream. What makes others
/// wait meanwhile, such as a place in the line of a lock or of a pool, goes into a task of its own.
pub trait SessionStore: MaybeSend + MaybeSync + 'static {
    /// Begins the session `id`.
    fn create(&self, id: &str, session: Session, now: Duration) -> BoxFuture<Result<(), SessionStoreError>>;

    /// The session `id`, which is in use from now on; `None` where there is none (any more).
    fn load(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>>;

    /// Replaces a session by its next version, in one step: `false`, and nothing is changed, unless the version that
    /// is kept is one less than that of `session`. Two instances may change a session at the same time.
    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>>;

    /// Ends the session `id` and all its streams; whether there was one.
    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>>;

    /// Opens a stream of the session, without messages. One that is open stays as it is, and is kept for longer; where
    /// there is no such session, nothing happens.
    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>>;

    /// Adds a message to a stream; whether there is such a stream and it had not ended.
    fn append(
        &self,
        id: &str,
        stream: &str,
        message: Bytes,
        is_last: bool,
    ) -> BoxFuture<Result<bool, SessionStoreError>>;

    /// The messages of a stream after the number `after`, as soon as there are any; not necessarily all of them, and
    /// without those of which the store keeps no more. `None` where there is no such stream, or nothing can follow.
    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>>;

    /// Forgets a stream; who waits for its messages learns that there are none.
    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>>;
}
