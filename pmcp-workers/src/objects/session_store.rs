//! Sessions of older revisions, each in an object of its own: the record, its streams, and who waits for them.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use pmcp_core::{Session, SessionStore, SessionStoreError, StreamEvent, platform::BoxFuture};

use super::{
    Objects,
    ask::{Ask, GONE, Life, MOST_NAME, is_id, parse, parse_events},
    asking::{Answer, Message},
};
use crate::{instance::Timer, platform::random_token};

/// How long a session lives that nobody uses, unless the server says otherwise.
const IDLE: Duration = Duration::from_secs(3_600);
/// After a socket that ended too early.
const PAUSE: Duration = Duration::from_millis(250);

/// Keeps the sessions of clients of older revisions where all isolates find them; cheap to clone.
///
/// What a client may rely on:
///
/// - Each request of a session may reach another isolate: an answer to a handler's question, a cancellation, the `DELETE`
///   that ends the streams everywhere, the `GET` that takes up a stream which began elsewhere.
/// - Sessions outlive isolates and deployments: they are in the object's storage, and forgotten by its alarm.
/// - A handler runs in the isolate where its request arrived, which the platform ends 30 s after its client has gone.
///
/// Of each session the last 64 streams are kept, and the last 1,000 messages of each, up to 16 MiB a message, as long as
/// the session is in use.
#[derive(Clone, Debug)]
pub struct ObjectSessionStore {
    objects: Objects,
    idle: Duration,
}

impl ObjectSessionStore {
    /// Keeps each session in the one of `objects` with the name `session:` and its id.
    pub fn new(objects: &Objects) -> Self {
        Self { objects: objects.clone(), idle: IDLE }
    }

    /// The same, forgetting a session that nobody used for `idle`. An hour, unless set; an open stream uses its session
    /// once a minute, so give it more than that.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Asks the object of the session `id`; `None` where it says no, and where there can be none.
    async fn ask(self, id: String, ask: Ask, payload: Option<Bytes>) -> Result<Option<Vec<u8>>, SessionStoreError> {
        if !is_id(&id) {
            return Ok(None);
        }
        self.objects.ask(&name(&id), ask, payload.as_deref()).await.map_err(failed)
    }

    fn asked(&self, id: &str, ask: Ask, payload: Option<Bytes>) -> BoxFuture<Result<bool, SessionStoreError>> {
        let asking = self.clone().ask(id.to_owned(), ask, payload);
        Box::pin(async move { asking.await.map(|answer| answer.is_some()) })
    }
}

fn name(id: &str) -> String {
    format!("session:{id}")
}

fn failed(error: impl std::fmt::Display) -> SessionStoreError {
    SessionStoreError(error.to_string())
}

impl SessionStore for ObjectSessionStore {
    fn create(&self, id: &str, session: Session, _now: Duration) -> BoxFuture<Result<(), SessionStoreError>> {
        let (store, id) = (self.clone(), id.to_owned());
        Box::pin(async move {
            let idle = u64::try_from(store.idle.as_millis()).unwrap_or(u64::MAX);
            let ask = Ask::Create { version: session.version(), life: Life::Idle(idle) };
            let record = serde_json::to_vec(&session).map_err(failed)?;
            match store.ask(id.clone(), ask, Some(record.into())).await? {
                Some(_) => Ok(()),
                None => Err(failed(format_args!("{id:?} cannot be the id of a session"))),
            }
        })
    }

    fn load(&self, id: &str, _now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>> {
        let asking = self.clone().ask(id.to_owned(), Ask::Load, None);
        Box::pin(async move {
            let record = asking.await?;
            record.map(|record| parse(&record)).transpose().map_err(failed)
        })
    }

    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>> {
        match serde_json::to_vec(&session) {
            Ok(record) => self.asked(id, Ask::Replace { version: session.version() }, Some(record.into())),
            Err(error) => Box::pin(std::future::ready(Err(failed(error)))),
        }
    }

    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.asked(id, Ask::Remove, None)
    }

    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        let (store, id, stream) = (self.clone(), id.to_owned(), stream.to_owned());
        Box::pin(async move {
            if stream.len() > MOST_NAME {
                return Err(failed(format_args!("the name of a stream has {} bytes of {MOST_NAME}", stream.len())));
            }
            // Where there is no such session, nothing happens.
            store.ask(id, Ask::Open { stream }, None).await.map(drop)
        })
    }

    fn append(
        &self,
        id: &str,
        stream: &str,
        message: Bytes,
        is_last: bool,
    ) -> BoxFuture<Result<bool, SessionStoreError>> {
        if stream.len() > MOST_NAME {
            // It cannot have been opened.
            return Box::pin(std::future::ready(Ok(false)));
        }
        let ask = Ask::Append { stream: stream.to_owned(), token: next_token(), is_last };
        self.asked(id, ask, Some(message))
    }

    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>> {
        if !is_id(id) || stream.len() > MOST_NAME {
            return Box::pin(std::future::ready(Ok(None)));
        }
        let (objects, name, ask) = (self.objects.clone(), name(id), Ask::Read { stream: stream.to_owned(), after });
        Box::pin(async move {
            loop {
                let socket = match objects.wait(&name, &ask).await.map_err(failed)? {
                    Answer::No => return Ok(None),
                    Answer::Yes(bytes) => return events(&bytes).map(Some),
                    Answer::Socket(socket) => socket,
                };
                let mut heard = None;
                let take = |message| {
                    heard = Some(message);
                    false
                };
                if !socket.listen(take).await {
                    // The object was moved, or its code replaced: it is there again in a moment.
                    Timer::of(PAUSE).await;
                }
                match heard {
                    Some(Message::Bytes(bytes)) => return events(&bytes).map(Some),
                    Some(Message::Text(text)) if text == GONE => return Ok(None),
                    _ => {}
                }
            }
        })
    }

    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        let closing = self.asked(id, Ask::Close { stream: stream.to_owned() }, None);
        Box::pin(async move { closing.await.map(drop) })
    }
}

fn events(bytes: &[u8]) -> Result<Vec<StreamEvent>, SessionStoreError> {
    let events = parse_events(bytes).filter(|events| !events.is_empty());
    events.ok_or_else(|| failed("an object of another version of pmcp-workers answers"))
}

thread_local! {
    /// Tells what this isolate appends from what others do.
    static WRITER: String = random_token();
    static APPENDED: Cell<u64> = const { Cell::new(0) };
}

fn next_token() -> String {
    let number = APPENDED.replace(APPENDED.get() + 1);
    WRITER.with(|writer| format!("{writer}.{number}"))
}
