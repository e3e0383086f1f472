//! What happens on one connection: how many requests it has begun and not ended, and which answers nobody reads.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use tokio::time::{Duration, Instant};

/// Of an answer whose reader has asked for more and is waiting for the handler.
const WAITING: u64 = u64::MAX;

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    since: Instant,
    begun: AtomicU64,
    open: AtomicUsize,
    /// Of HTTP/2, where one connection has many answers and a full window stops one of them alone.
    unread: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            begun: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            unread: Mutex::default(),
        })
    }

    /// Begins a request, which ends when what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>, watches_reader: bool) -> Reading {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        // Until there is an answer there is nothing to read.
        let unread = watches_reader.then(|| Arc::new(AtomicU64::new(WAITING)));
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

    /// Whether no request is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
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
        self.activity.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_noticed() {
        let activity = Activity::new();
        let limit = Duration::from_secs(1);
        let reading = activity.begin(true);
        tokio::time::advance(limit * 5).await;
        assert!(!activity.is_unread_for(limit), "there is no answer yet");
        reading.polled(false);
        assert!(!activity.is_unread_for(limit));
        tokio::time::advance(limit).await;
        assert!(activity.is_unread_for(limit));
        reading.polled(true);
        assert!(!activity.is_unread_for(limit), "the handler is quiet, not the reader");
        drop(reading);
        assert!(activity.is_idle() && activity.begun() == 1);
    }
}
