//! The stream of a session's request: read from where it is kept, so that it can be taken up again after a connection
//! broke (specification page `basic/transports` of 2025-11-25, "Resumability and Redelivery").

use std::{
    sync::Arc,
    task::{self, Poll, ready},
    time::Duration,
};

use bytes::Bytes;

use super::{
    body::EventStream,
    events::{KEEP_ALIVE, write_data},
};
use crate::{
    legacy::{SessionStore, SessionStoreError, StreamEvent},
    platform::{BoxFuture, Platform},
};

/// What stands in a stream where the server lets the client go, to come back after a number of milliseconds.
pub(super) const RETRY: &[u8] = b"retry:";

/// How often a session whose stream is read is used.
const USE: Duration = Duration::from_secs(60);

/// Uses a session as long as it is polled, so that it lives while a stream of it is read; and keeps `stream`, which
/// nobody may write to for long.
pub(super) fn stay_in_use(
    store: &Arc<dyn SessionStore>,
    platform: &Arc<dyn Platform>,
    session: &str,
    stream: Option<&'static str>,
) -> BoxFuture<()> {
    let (store, platform, session) = (Arc::clone(store), Arc::clone(platform), session.to_owned());
    Box::pin(async move {
        loop {
            platform.sleep(USE).await;
            let mut used = store.load(&session, platform.now()).await.map(drop);
            if let Some(stream) = stream {
                used = used.and(store.open(&session, stream).await);
            }
            if let Err(error) = used {
                tracing::warn!(%error, "a session that is in use may be forgotten");
            }
        }
    })
}

/// The messages of one stream, from some number on.
pub(super) struct Replay {
    store: Arc<dyn SessionStore>,
    platform: Arc<dyn Platform>,
    session: String,
    stream: String,
    after: u64,
    /// Whether the first event only tells its id.
    primes: bool,
    reading: Option<BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>>>,
    keep_alive: Option<BoxFuture<()>>,
    in_use: BoxFuture<()>,
    finished: bool,
}

impl Replay {
    pub(super) fn new(
        store: Arc<dyn SessionStore>,
        platform: Arc<dyn Platform>,
        session: String,
        stream: String,
        after: u64,
    ) -> Self {
        let in_use = stay_in_use(&store, &platform, &session, None);
        Self {
            store,
            platform,
            session,
            stream,
            after,
            primes: false,
            reading: None,
            keep_alive: None,
            in_use,
            finished: false,
        }
    }

    /// The same, beginning with an event without data, so that a client knows an id from the start.
    pub(super) fn priming(mut self) -> Self {
        self.primes = true;
        self
    }

    fn write(&mut self, bytes: &mut Vec<u8>, event: &StreamEvent) {
        if self.finished {
            return;
        }
        self.after = event.number;
        self.finished = event.is_last;
        if event.message.is_empty() {
            return;
        }
        self.write_id(bytes, event.number);
        if let Some(millis) = event.message.strip_prefix(RETRY) {
            // With an id, so that the client comes back behind it.
            self.finished = true;
            bytes.extend_from_slice(b"retry: ");
            bytes.extend_from_slice(millis);
            bytes.extend_from_slice(b"\ndata: \n\n");
        } else {
            bytes.extend_from_slice(b"event: message\n");
            write_data(bytes, &event.message);
        }
    }

    fn write_id(&self, bytes: &mut Vec<u8>, number: u64) {
        bytes.extend_from_slice(format!("id: {}.{number}\n", self.stream).as_bytes());
    }
}

impl EventStream for Replay {
    fn poll_next(&mut self, task: &mut task::Context<'_>) -> Poll<Option<Bytes>> {
        if self.finished {
            return Poll::Ready(None);
        }
        let mut bytes = Vec::new();
        if std::mem::take(&mut self.primes) {
            self.write_id(&mut bytes, 0);
            bytes.extend_from_slice(b"data: \n\n");
            return Poll::Ready(Some(bytes.into()));
        }
        let reading = self.reading.get_or_insert_with(|| self.store.read(&self.session, &self.stream, self.after));
        if let Poll::Ready(read) = reading.as_mut().poll(task) {
            self.reading = None;
            self.keep_alive = None;
            match read {
                Ok(Some(events)) => events.into_iter().for_each(|event| self.write(&mut bytes, &event)),
                Ok(None) => self.finished = true,
                Err(error) => {
                    tracing::error!(%error, "a stream ends early");
                    self.finished = true;
                }
            }
            return Poll::Ready((!bytes.is_empty()).then(|| bytes.into()));
        }
        let _ = self.in_use.as_mut().poll(task);
        let platform = &self.platform;
        ready!(self.keep_alive.get_or_insert_with(|| platform.sleep(KEEP_ALIVE)).as_mut().poll(task));
        self.keep_alive = None;
        Poll::Ready(Some(Bytes::from_static(b":\n\n")))
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}
