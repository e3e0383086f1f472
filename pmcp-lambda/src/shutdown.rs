//! When Lambda ends the process: it says so with SIGTERM, and only to functions that have an extension.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::future::Future;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::Full;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Error, Result,
    runtime::{Payload, RuntimeApi},
};

const NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");

/// Runs `work` when Lambda ends this process, to flush what was gathered or to close connections properly, and then
/// ends it. Lambda gives it some 300 ms.
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
///     pmcp_lambda::before_exit(flush).await?;
///     pmcp_lambda::run(server()).await
/// }
/// ```
///
/// # Errors
/// When the extension cannot be registered: outside of Lambda, or after `run`.
pub async fn before_exit<F>(work: impl FnOnce() -> F + Send + 'static) -> Result
where
    F: Future<Output = ()> + Send + 'static,
{
    let api = RuntimeApi::from_env()?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signal)?;
    let headers = HeaderMap::from_iter([(NAME, HeaderValue::from_static("pmcp-before-exit"))]);
    let no_events = Payload::Whole(Full::new(Bytes::from_static(br#"{"events":[]}"#)));
    let registered = api.send(Method::POST, "/2020-01-01/extension/register", headers, no_events).await;
    let mut registered = registered.map_err(Error::Runtime)?;
    let id = registered.headers_mut().remove(IDENTIFIER);
    tokio::spawn(async move {
        terminate.recv().await;
        work().await;
        std::process::exit(0);
    });
    // Lambda takes an extension for started once it asks for an event, of which there will be none.
    tokio::spawn(async move {
        let headers = HeaderMap::from_iter(id.map(|id| (IDENTIFIER, id)));
        let asked = api.send(Method::GET, "/2020-01-01/extension/event/next", headers, Payload::empty()).await;
        if let Err(error) = asked {
            tracing::warn!(%error, "the extension that waits for the end of the process broke off");
        }
    });
    Ok(())
}
