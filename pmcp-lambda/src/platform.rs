//! Time, random bytes and background work in one invocation, which ends when Lambda takes its time away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pmcp_core::platform::{BoxFuture, Platform};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How long before the deadline even background work ends, so that the process can still say so.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long background work may go on where the deadline is not known, so that an emulator is not held for ever by what
/// waits for a request that it does not let in.
const UNKNOWN: Duration = Duration::from_secs(30);

/// The time of an invocation, and the work that goes on after its answer.
#[derive(Clone, Debug)]
pub(crate) struct Leftovers {
    tasks: TaskTracker,
    /// When Lambda stops the invocation, since 1970.
    deadline: Option<Duration>,
    /// How long before that its handler is ended.
    margin: Duration,
}

impl Leftovers {
    /// Of an invocation that Lambda stops at `deadline` since 1970.
    pub(crate) fn new(deadline: Option<Duration>, margin: Duration) -> Self {
        // Emulators send a moment that has long passed.
        let deadline = deadline.filter(|deadline| *deadline > now());
        Self { tasks: TaskTracker::new(), deadline, margin }
    }

    /// When handlers are ended, since 1970.
    pub(crate) fn handlers_end(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_sub(self.margin))
    }

    /// Waits for what still runs, until shortly before the deadline.
    pub(crate) async fn finish(self) {
        self.tasks.close();
        if !self.tasks.is_empty() {
            tracing::debug!("the next event waits for background work");
        }
        self.tasks.wait().await;
    }

    fn add(&self, work: BoxFuture<()>) {
        let limit = match self.deadline {
            Some(deadline) => deadline.saturating_sub(LAST_WORDS.min(self.margin)).saturating_sub(now()),
            None => UNKNOWN,
        };
        let work = async move {
            if timeout(limit, work).await.is_err() {
                tracing::warn!("the time of this invocation is up: background work was given up");
            }
        };
        self.tasks.spawn(work.in_current_span());
    }
}

/// The platform under one request.
#[derive(Debug)]
pub(crate) struct LambdaPlatform {
    pub(crate) leftovers: Leftovers,
    /// When handlers are ended, since 1970: by Lambda's deadline, or the gateway's.
    pub(crate) ends: Option<Duration>,
    /// Whether the client sees what is sent before the answer is whole: where it does not, a stream without an end of
    /// its own is ended at once.
    pub(crate) streams: bool,
}

impl Platform for LambdaPlatform {
    fn now(&self) -> Duration {
        now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(sleep(duration))
    }

    fn random(&self, bytes: &mut [u8]) {
        // A system without random bytes cannot keep a secret, and must not go on as if it could.
        #[expect(clippy::expect_used, reason = "there is no safe answer")]
        getrandom::fill(bytes).expect("the system has no random bytes");
    }

    fn stopping(&self) -> BoxFuture<()> {
        match self.ends {
            // A moment later, so that it has passed by any clock.
            Some(ends) => Box::pin(sleep(ends.saturating_sub(now()) + Duration::from_millis(1))),
            None => Box::pin(std::future::pending()),
        }
    }

    fn draining(&self) -> BoxFuture<()> {
        if self.streams { self.stopping() } else { Box::pin(std::future::ready(())) }
    }

    fn deadline(&self) -> Option<Duration> {
        self.ends
    }

    fn background(&self, work: BoxFuture<()>) {
        self.leftovers.add(work);
    }
}

pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
