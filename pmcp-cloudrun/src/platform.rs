//! Time, random bytes and background work on tokio.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pmcp_core::platform::{BoxFuture, Platform};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::limits::Limit;

/// The platform under every request of one process.
#[derive(Debug)]
pub(crate) struct TokioPlatform {
    /// Cancelled when the process was told to end.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the grace time is over.
    pub(crate) stopping: CancellationToken,
    /// What is finished before the process ends.
    pub(crate) tasks: TaskTracker,
    /// Work that goes on without its request still counts as one, unless it is a task.
    pub(crate) in_flight: Limit,
}

impl Platform for TokioPlatform {
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn random(&self, bytes: &mut [u8]) {
        // A system without random bytes cannot keep a secret, and must not go on as if it could.
        #[expect(clippy::expect_used, reason = "there is no safe answer")]
        getrandom::fill(bytes).expect("the system has no random bytes");
    }

    fn stopping(&self) -> BoxFuture<()> {
        Box::pin(self.stopping.clone().cancelled_owned())
    }

    fn draining(&self) -> BoxFuture<()> {
        Box::pin(self.draining.clone().cancelled_owned())
    }

    fn run_task(&self, work: BoxFuture<()>) {
        self.tasks.spawn(work.in_current_span());
    }

    fn background(&self, work: BoxFuture<()>) {
        let permit = self.in_flight.take_anyway();
        let work = async move {
            work.await;
            drop(permit);
        };
        self.tasks.spawn(work.in_current_span());
    }
}
