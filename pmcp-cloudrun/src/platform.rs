//! Time, random bytes and background work on tokio.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pmcp_core::platform::{BoxFuture, Platform};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The platform under every request of one process.
#[derive(Debug)]
pub(crate) struct TokioPlatform {
    /// Cancelled when the grace time is over.
    pub(crate) stopping: CancellationToken,
    /// What is finished before the process ends.
    pub(crate) tasks: TaskTracker,
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

    fn background(&self, work: BoxFuture<()>) {
        self.tasks.spawn(work);
    }
}
