//! Time, random bytes and background work on tokio.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pmcp_core::platform::{BoxFuture, Platform};

/// The platform under every request of one process, for as long as its tokio runtime lives.
///
/// Besides two streams it is all that a transport of your own needs, for example a socket:
///
/// ```no_run
/// # use std::sync::Arc;
/// # use pmcp_core::{prelude::*, stdio::Stdio};
/// # use pmcp_stdio::TokioPlatform;
/// # use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};
/// # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Stdio::new(server())?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7777").await?;
/// let (mut client, _) = listener.accept().await?;
/// let (reader, writer) = client.split();
/// let reader = tokio::io::BufReader::new(reader).compat();
/// server.serve(reader, writer.compat_write(), Arc::new(TokioPlatform::default())).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TokioPlatform;

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

    /// Ends with the process at the latest, which does not wait for it.
    fn background(&self, work: BoxFuture<()>) {
        tokio::spawn(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleeps_and_works_in_the_background() {
        let platform = TokioPlatform;
        let begin = tokio::time::Instant::now();
        platform.sleep(Duration::from_secs(3600)).await;
        assert!(begin.elapsed() >= Duration::from_secs(3600));

        let (said, heard) = tokio::sync::oneshot::channel();
        platform.background(Box::pin(async move { said.send("done").expect("a listener") }));
        assert_eq!(heard.await, Ok("done"));
    }

    #[test]
    fn random_bytes_differ() {
        let platform = TokioPlatform;
        let [mut first, mut second] = [[0; 32]; 2];
        platform.random(&mut first);
        platform.random(&mut second);
        assert_ne!(first, second);
        assert!(platform.now() > Duration::from_secs(1_700_000_000));
    }
}
