//! When Lambda ends the process: it says so with SIGTERM, and only to functions that have an extension.

use std::future::Future;

/// Runs `work` when Lambda ends this process, to flush what was gathered or to close connections properly. Lambda
/// gives it some 300 ms.
///
/// To be called, and awaited, before [`run`](crate::run): it registers an internal extension that asks for no events
/// and so costs an instance nothing but its start.
///
/// ```no_run
/// # use pmcp_core::prelude::*;
/// # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
/// # async fn flush() {}
/// #[tokio::main]
/// async fn main() -> pmcp_lambda::Result {
///     pmcp_lambda::before_exit(flush).await;
///     pmcp_lambda::run(server()).await
/// }
/// ```
///
/// # Panics
/// When the extension cannot be registered: outside of Lambda, or after `run`.
pub async fn before_exit<F>(work: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    lambda_runtime::spawn_graceful_shutdown_handler(work).await;
}
