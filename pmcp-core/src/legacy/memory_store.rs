//! Sessions in the memory of one process: for one instance, and for trying things out.

use std::{
    collections::{HashMap, VecDeque},
    future::{poll_fn, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;

use super::session::{Session, SessionStore, SessionStoreError, StreamEvent};
use crate::platform::BoxFuture;

/// How many sessions are kept; beyond that the one that was used longest ago ends.
const MOST_SESSIONS: usize = 10_000;
/// How much of what clients said of themselves and subscribed to is kept in all, as bytes of JSON, which take a multiple
/// in memory; beyond that one of those with more than their share ends.
const MOST_BYTES: usize = 16 << 20;
/// How many streams of one session are kept; beyond that the oldest that has ended is forgotten.
const MOST_STREAMS: usize = 64;
/// How many streams of one session there are at the most; those that have not ended cannot be forgotten.
const MOST_OPEN_STREAMS: usize = 256;
/// How many messages of one stream are kept; beyond that the oldest is forgotten.
const MOST_MESSAGES: usize = 1_000;
/// How long a session lives that nobody uses.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// Sessions in the memory of this process.
#[derive(Clone, Debug, Default)]
pub struct MemorySessionStore(Arc<Mutex<HashMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    session: Session,
    /// As JSON.
    bytes: usize,
    used: Duration,
    streams: HashMap<String, Stream>,
    opened: u64,
}

#[derive(Debug, Default)]
struct Stream {
    order: u64,
    messages: VecDeque<StreamEvent>,
    sent: u64,
    has_ended: bool,
    /// Gone with whoever reads.
    readers: Vec<Weak<Reader>>,
}

/// Wakes who reads a stream, once that waits.
type Reader = Mutex<Option<Waker>>;

impl MemorySessionStore {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, id: &str, work: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.entries().get_mut(id).map(work)
    }
}

/// Ends those that were used longest ago, until there is room for one of so many `bytes`. For bytes, none has to go that takes
/// no more than its share: a few long ones do not end everybody's.
fn make_room(entries: &mut HashMap<String, Entry>, bytes: usize) {
    let mut kept: usize = entries.values().map(|entry| entry.bytes).sum();
    loop {
        let most = match (entries.len() >= MOST_SESSIONS, kept + bytes > MOST_BYTES) {
            (true, _) => 0,
            (false, true) => MOST_BYTES / MOST_SESSIONS,
            (false, false) => return,
        };
        let may_go = entries.iter().filter(|(_, entry)| entry.bytes > most);
        let oldest = may_go.min_by_key(|(_, entry)| entry.used).map(|(id, _)| id.clone());
        let Some(mut entry) = oldest.and_then(|id| entries.remove(&id)) else { return };
        kept -= entry.bytes;
        entry.wake_all();
    }
}

fn bytes(session: &Session) -> usize {
    // What cannot be written is not kept by any other store.
    serde_json::to_vec(session).map_or(0, |json| json.len())
}

impl Entry {
    fn wake_all(&mut self) {
        self.streams.values_mut().for_each(Stream::wake_all);
    }
}

impl Stream {
    fn wake_all(&mut self) {
        for reader in self.readers.drain(..).filter_map(|reader| reader.upgrade()) {
            let waker = reader.lock().unwrap_or_else(PoisonError::into_inner).take();
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// Wakes `task` at the next message, unless `reader` is gone by then.
    fn wake_later(&mut self, reader: &Arc<Reader>, task: &Waker) {
        *reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.clone());
        self.readers.retain(|other| other.strong_count() > 0);
        if !self.readers.iter().any(|other| other.as_ptr() == Arc::as_ptr(reader)) {
            self.readers.push(Arc::downgrade(reader));
        }
    }
}

impl SessionStore for MemorySessionStore {
    fn create(&self, id: &str, session: Session, now: Duration) -> BoxFuture<Result<(), SessionStoreError>> {
        let mut entries = self.entries();
        if entries.len() >= MOST_SESSIONS {
            entries.retain(|_, entry| {
                let lives = now.saturating_sub(entry.used) < LIFETIME;
                if !lives {
                    entry.wake_all();
                }
                lives
            });
        }
        let bytes = bytes(&session);
        make_room(&mut entries, bytes);
        entries.insert(id.to_owned(), Entry { session, bytes, used: now, streams: HashMap::new(), opened: 0 });
        Box::pin(ready(Ok(())))
    }

    fn load(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>> {
        let mut entries = self.entries();
        let session = match entries.get_mut(id) {
            Some(entry) if now.saturating_sub(entry.used) < LIFETIME => {
                entry.used = now;
                Some(entry.session.clone())
            }
            Some(entry) => {
                entry.wake_all();
                entries.remove(id);
                None
            }
            None => None,
        };
        Box::pin(ready(Ok(session)))
    }

    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>> {
        let mut entries = self.entries();
        let Some(mut entry) = entries.remove(id) else { return Box::pin(ready(Ok(false))) };
        let follows = session.version().checked_sub(1) == Some(entry.session.version());
        if follows {
            (entry.bytes, entry.session) = (bytes(&session), session);
            make_room(&mut entries, entry.bytes);
        }
        entries.insert(id.to_owned(), entry);
        Box::pin(ready(Ok(follows)))
    }

    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>> {
        let removed = self.entries().remove(id).map(|mut entry| entry.wake_all());
        Box::pin(ready(Ok(removed.is_some())))
    }

    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        let opened = self.with(id, |entry| {
            if entry.streams.contains_key(stream) {
                return true;
            }
            if entry.streams.len() >= MOST_STREAMS {
                let ended = entry.streams.iter().filter(|(_, stream)| stream.has_ended);
                let oldest = ended.min_by_key(|(_, stream)| stream.order).map(|(name, _)| name.clone());
                oldest.map(|name| entry.streams.remove(&name));
            }
            if entry.streams.len() >= MOST_OPEN_STREAMS {
                return false;
            }
            entry.opened += 1;
            let fresh = Stream { order: entry.opened, ..Stream::default() };
            entry.streams.insert(stream.to_owned(), fresh);
            true
        });
        let full = || Err(SessionStoreError(format!("a session has {MOST_OPEN_STREAMS} streams that have not ended")));
        Box::pin(ready(if opened == Some(false) { full() } else { Ok(()) }))
    }

    fn append(
        &self,
        id: &str,
        stream: &str,
        message: Bytes,
        is_last: bool,
    ) -> BoxFuture<Result<bool, SessionStoreError>> {
        let appended = self.with(id, |entry| {
            let Some(stream) = entry.streams.get_mut(stream).filter(|stream| !stream.has_ended) else { return false };
            stream.sent += 1;
            stream.has_ended = is_last;
            stream.messages.push_back(StreamEvent { number: stream.sent, message, is_last });
            if stream.messages.len() > MOST_MESSAGES {
                stream.messages.pop_front();
            }
            stream.wake_all();
            true
        });
        Box::pin(ready(Ok(appended.unwrap_or(false))))
    }

    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>> {
        let (store, id, name) = (self.clone(), id.to_owned(), stream.to_owned());
        let reader = Arc::<Reader>::default();
        Box::pin(poll_fn(move |task| {
            let read = store.with(&id, |entry| {
                let Some(stream) = entry.streams.get_mut(&name) else { return Poll::Ready(None) };
                let new: Vec<_> = stream.messages.iter().filter(|event| event.number > after).cloned().collect();
                match (new.is_empty(), stream.has_ended) {
                    (false, _) => Poll::Ready(Some(new)),
                    (true, true) => Poll::Ready(None),
                    (true, false) => {
                        stream.wake_later(&reader, task.waker());
                        Poll::Pending
                    }
                }
            });
            read.unwrap_or(Poll::Ready(None)).map(Ok)
        }))
    }

    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        self.with(id, |entry| {
            if let Some(mut stream) = entry.streams.remove(stream) {
                stream.wake_all();
            }
        });
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Wake};

    use super::*;
    use crate::protocol::Revision;

    fn message(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_stream_is_read_from_any_number_on_and_ends() {
        pollster::block_on(async {
            let store = MemorySessionStore::default();
            store.create("s", Session::new(Revision::V2025_11_25), Duration::ZERO).await.expect("in memory");
            assert_eq!(store.append("s", "a", message("1"), false).await, Ok(false), "not opened");
            store.open("s", "a").await.expect("in memory");
            for (text, is_last) in [("1", false), ("2", false), ("3", true)] {
                assert_eq!(store.append("s", "a", message(text), is_last).await, Ok(true));
            }
            assert_eq!(store.append("s", "a", message("4"), false).await, Ok(false), "ended");
            let numbers = |events: Option<Vec<StreamEvent>>| {
                events.map(|events| events.iter().map(|event| event.number).collect::<Vec<_>>())
            };
            assert_eq!(numbers(store.read("s", "a", 0).await.expect("in memory")), Some(vec![1, 2, 3]));
            assert_eq!(numbers(store.read("s", "a", 2).await.expect("in memory")), Some(vec![3]));
            assert_eq!(store.read("s", "a", 3).await, Ok(None));
            assert_eq!(store.read("s", "b", 0).await, Ok(None));
            assert_eq!(store.remove("s").await, Ok(true));
            assert_eq!(store.remove("s").await, Ok(false));
        });
    }

    #[test]
    fn what_nobody_uses_is_forgotten() {
        pollster::block_on(async {
            let store = MemorySessionStore::default();
            store.create("s", Session::new(Revision::V2025_06_18), Duration::ZERO).await.expect("in memory");
            assert!(store.load("s", LIFETIME / 2).await.expect("in memory").is_some());
            assert!(store.load("s", LIFETIME).await.expect("in memory").is_some(), "used half a lifetime ago");
            assert!(store.load("s", LIFETIME * 3).await.expect("in memory").is_none());
            assert!(store.load("s", LIFETIME * 3).await.expect("in memory").is_none());
        });
    }

    #[test]
    fn a_reader_that_goes_leaves_no_waker_behind() {
        struct Nobody;
        impl Wake for Nobody {
            fn wake(self: Arc<Self>) {}
        }

        pollster::block_on(async {
            let store = MemorySessionStore::default();
            store.create("s", Session::new(Revision::V2025_11_25), Duration::ZERO).await.expect("in memory");
            store.open("s", "a").await.expect("in memory");
            let mut stays = store.read("s", "a", 0);
            for _ in 0..3 {
                let nobody = Arc::new(Nobody);
                let waker = Waker::from(Arc::clone(&nobody));
                let mut task = Context::from_waker(&waker);
                assert!(stays.as_mut().poll(&mut task).is_pending());
                let mut goes = store.read("s", "a", 0);
                assert!(goes.as_mut().poll(&mut task).is_pending());
                drop((goes, waker));
                assert_eq!(Arc::strong_count(&nobody), 2, "this, and who stays");
            }
            let readers = |entry: &mut Entry| entry.streams.get("a").map(|stream| stream.readers.len());
            assert!(store.with("s", readers).flatten().is_some_and(|readers| readers <= 2));
            assert_eq!(store.append("s", "a", message("1"), true).await, Ok(true));
            assert_eq!(stays.await.expect("in memory").map(|events| events.len()), Some(1));
        });
    }

    #[test]
    fn memory_is_bounded() {
        pollster::block_on(async {
            let store = MemorySessionStore::default();
            let session = Session::new(Revision::V2025_06_18);
            for n in 0..MOST_SESSIONS as u64 + 5 {
                let now = Duration::from_millis(n);
                store.create(&n.to_string(), session.clone(), now).await.expect("in memory");
            }
            assert_eq!(store.entries().len(), MOST_SESSIONS);
            let id = MOST_SESSIONS.to_string();
            for n in 0..MOST_STREAMS * 2 {
                store.open(&id, &n.to_string()).await.expect("in memory");
                store.append(&id, &n.to_string(), message("x"), true).await.expect("in memory");
            }
            assert_eq!(store.with(&id, |entry| entry.streams.len()), Some(MOST_STREAMS));
            store.open(&id, "long").await.expect("in memory");
            for _ in 0..MOST_MESSAGES * 2 {
                store.append(&id, "long", message("x"), false).await.expect("in memory");
            }
            let kept = store.with(&id, |entry| entry.streams.get("long").map(|stream| stream.messages.len()));
            assert_eq!(kept.flatten(), Some(MOST_MESSAGES));
        });
    }

    #[test]
    fn what_clients_say_of_themselves_is_bounded_too() {
        pollster::block_on(async {
            let (short, mut long) = (Session::new(Revision::V2025_11_25), Session::new(Revision::V2025_11_25));
            long.subscriptions.insert("x".repeat(64 << 10));
            for grows_later in [false, true] {
                let store = MemorySessionStore::default();
                store.create("short", short.clone(), Duration::ZERO).await.expect("in memory");
                let begins = if grows_later { &short } else { &long };
                for n in 0..2 * MOST_BYTES / (64 << 10) {
                    let (id, now) = (n.to_string(), Duration::from_millis(n as u64));
                    store.create(&id, begins.clone(), now).await.expect("in memory");
                    assert_eq!(store.save(&id, long.clone().next_version()).await, Ok(true));
                }
                let kept = store.entries().len();
                assert_eq!(kept, 1 + MOST_BYTES / ((64 << 10) + bytes(&short)), "{grows_later}");
                let is_kept = async |id| store.load(id, Duration::ZERO).await.expect("in memory").is_some();
                assert!(!is_kept("0").await, "the last are kept");
                assert!(is_kept("short").await, "it took no more than its share");
            }
        });
    }
}
