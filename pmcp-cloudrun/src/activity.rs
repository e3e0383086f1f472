//! What happens on one connection: how many requests it has begun and not ended, and which answers nobody reads.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use http::Version;
use tokio::time::{Duration, Instant};

/// Of an answer whose reader has asked for more and is waiting for the handler.
const WAITING: u64 = u64::MAX;

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    since: Instant,
    begun: AtomicU64,
    open: AtomicUsize,
    /// When the last request ended, or the last write that had to wait; in milliseconds of the connection.
    ended: AtomicU64,
    write_waits: AtomicBool,
    is_http2: AtomicBool,
    /// Of HTTP/2, where one connection has many answers and a full window stops one of them alone.
    unread: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            begun: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
            write_waits: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            unread: Mutex::default(),
        })
    }

    /// Begins a request, which ends when what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> Reading {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        // Of HTTP/1, the connection itself tells when nobody reads.
        let is_http2 = version == Version::HTTP_2;
        if is_http2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        // Until there is an answer there is nothing to read.
        let unread = is_http2.then(|| Arc::new(AtomicU64::new(WAITING)));
        if let Some(unread) = &unread {
            let mut all = self.unread();
            all.retain(|unread| unread.strong_count() > 0);
            all.push(Arc::downgrade(unread));
        }
        Reading { activity: Arc::clone(self), unread }
    }

    /// How many requests have begun so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// For how long nothing has been under way; `None` while a request is open, or the end of an answer is still to be
    /// written.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        let is_idle = self.open.load(Ordering::Acquire) == 0 && !self.write_waits.load(Ordering::Acquire);
        is_idle.then(|| Duration::from_millis(self.now().saturating_sub(self.ended.load(Ordering::Relaxed))))
    }

    /// Notes whether a write waits for the client to take what was written before.
    pub(crate) fn write_waits(&self, waits: bool) {
        if !waits {
            self.ended.store(self.now(), Ordering::Relaxed);
        }
        // Who sees that none waits sees when the last did.
        self.write_waits.store(waits, Ordering::Release);
    }

    /// Whether a connection that is idle has written all: of HTTP/2, once a request was begun, the protocol alone knows.
    pub(crate) fn is_all_sent(&self) -> bool {
        !self.is_http2.load(Ordering::Relaxed)
    }

    /// Whether some answer has been there for `limit` and nobody read of it.
    pub(crate) fn is_unread_for(&self, limit: Duration) -> bool {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let now = self.now();
        self.unread().iter().filter_map(Weak::upgrade).any(|unread| {
            let since = unread.load(Ordering::Relaxed);
            since != WAITING && now.saturating_sub(since) >= limit
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(WAITING - 1)
    }

    fn unread(&self) -> MutexGuard<'_, Vec<Weak<AtomicU64>>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request of a connection, from its head to the end of its answer.
#[derive(Debug)]
pub(crate) struct Reading {
    activity: Arc<Activity>,
    /// Since when the answer waits to be read, in milliseconds of the connection.
    unread: Option<Arc<AtomicU64>>,
}

impl Reading {
    /// The answer is there, or a part of it was taken: from now on it waits to be asked for more.
    pub(crate) fn polled(&self, is_waiting_for_handler: bool) {
        if let Some(unread) = &self.unread {
            let since = if is_waiting_for_handler { WAITING } else { self.activity.now() };
            unread.store(since, Ordering::Relaxed);
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.activity.ended.store(self.activity.now(), Ordering::Relaxed);
        // Who sees that none is open sees when the last has ended.
        self.activity.open.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_noticed() {
        let activity = Activity::new();
        let limit = Duration::from_secs(1);
        let reading = activity.begin(Version::HTTP_2);
        tokio::time::advance(limit * 5).await;
        assert!(!activity.is_unread_for(limit), "there is no answer yet");
        reading.polled(false);
        assert!(!activity.is_unread_for(limit));
        tokio::time::advance(limit).await;
        assert!(activity.is_unread_for(limit));
        reading.polled(true);
        assert!(!activity.is_unread_for(limit), "the handler is quiet, not the reader");
        assert_eq!(activity.idle_for(), None);
        drop(reading);
        tokio::time::advance(limit).await;
        assert_eq!((activity.idle_for(), activity.begun()), (Some(limit), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_once_its_last_answer_is_written() {
        let activity = Activity::new();
        let minute = Duration::from_secs(60);
        drop(activity.begin(Version::HTTP_11));
        activity.write_waits(true);
        tokio::time::advance(minute).await;
        assert_eq!(activity.idle_for(), None);
        activity.write_waits(false);
        assert_eq!(activity.idle_for(), Some(Duration::ZERO));
        tokio::time::advance(minute).await;
        assert_eq!((activity.idle_for(), activity.is_all_sent()), (Some(minute), true));
        drop(activity.begin(Version::HTTP_2));
        assert!(!activity.is_all_sent());
    }
}
