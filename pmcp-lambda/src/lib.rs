//! Runs a pmcp-core server on AWS Lambda: behind API Gateway (REST and HTTP APIs), Function URLs and load balancers.
//!
//! ```no_run
//! # use pmcp_core::prelude::*;
//! # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
//! #[tokio::main]
//! async fn main() -> pmcp_lambda::Result {
//!     pmcp_lambda::run(server()).await
//! }
//! ```
//!
//! The endpoint is `/mcp` under whatever the gateway puts before it; `/health` answers probes. [`Config`] lists the
//! environment variables that are read. The server is built before the first event is asked for, so in the INIT phase.
//!
//! The handler runs in this process, and its answer goes straight to Lambda: there is no HTTP server in between. What
//! a handler hands to [`Platform::background`](pmcp_core::platform::Platform::background) is finished before the
//! process asks for the next event, which is when Lambda may freeze it; the client has its answer by then.

mod config;
mod event;
mod identity;
mod log;
mod platform;
mod request;
mod response;
mod runtime;
#[cfg(all(unix, feature = "secrets"))]
mod secrets;
mod service;
#[cfg(all(unix, feature = "sigterm"))]
mod shutdown;
#[cfg(all(unix, feature = "secrets"))]
mod signature;
mod worker;

use std::fmt;

use pmcp_core::{BuildErrors, IntoServer};

pub use config::{Authorizer, Config, ConfigError, ResponseMode};
pub use identity::AuthorizerContext;
pub use runtime::ApiError;
#[cfg(all(unix, feature = "secrets"))]
pub use secrets::load_secrets;
#[cfg(all(unix, feature = "sigterm"))]
pub use shutdown::before_exit;

use runtime::{Failure, RuntimeApi};
use service::Service;

/// Names the secrets that are fetched at start.
const SECRETS: &str = "PMCP_SECRETS";

/// The result of a `main`: an error is printed as a person reads it.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why the server could not run.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was registered is no server.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A secret that the server was to have cannot be had.
    #[error(transparent)]
    Secrets(SecretsError),
    /// The process does not run on Lambda.
    #[error(
        "AWS_LAMBDA_RUNTIME_API is not set, so this is not AWS Lambda; start the function with `cargo lambda watch`, or \
         serve the same server over HTTP with pmcp-cloudrun"
    )]
    NotOnLambda,
    /// The system does not let the process wait for its end.
    #[error("cannot wait for signals: {0}")]
    Signal(std::io::Error),
    /// Lambda cannot be reached any more.
    #[error("the Lambda Runtime API does not answer: {0}")]
    Runtime(ApiError),
}

/// A secret that cannot be had, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretsError(String);

/// `main` prints an error by its `Debug`, which is made for programmers; the person who reads the log wants the words.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Answers invocations as the environment says ([`Config::from_env`]) until Lambda ends the process.
///
/// # Errors
/// When the server cannot be built, a setting is wrong, or Lambda cannot be reached.
pub async fn run(server: impl IntoServer) -> Result {
    // Settings may be among them.
    load_secrets().await?;
    match Config::from_env() {
        Ok(config) => run_with(server, config).await,
        Err(error) => {
            log::install(&Config::default());
            Err(failed(error.into()).await)
        }
    }
}

/// Answers invocations as `config` says.
///
/// ```no_run
/// # use pmcp_core::prelude::*;
/// # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
/// # async fn run() -> pmcp_lambda::Result {
/// let mut config = pmcp_lambda::Config::from_env()?;
/// config.response_mode = pmcp_lambda::ResponseMode::Streaming;
/// pmcp_lambda::run_with(server(), config).await
/// # }
/// ```
///
/// # Errors
/// As [`run`].
pub async fn run_with(server: impl IntoServer, config: Config) -> Result {
    log::install(&config);
    if std::env::var_os("PMCP_SESSIONS").is_some_and(|kept| kept != "none") {
        tracing::warn!("PMCP_SESSIONS is set and passed over: instances share nothing, so there are no sessions");
    }
    let ran = async {
        let (endpoint, concurrency) = (config.endpoint(server)?, config.max_concurrency);
        worker::run(Service::new(endpoint, config), RuntimeApi::from_env()?, concurrency).await
    };
    match ran.await {
        Err(error) => Err(failed(error).await),
        Ok(()) => Ok(()),
    }
}

/// Without the feature `secrets` this only sees that none were promised: a server must not start without them. It costs
/// nothing, so any `main` may call it.
///
/// # Errors
/// When `PMCP_SECRETS` is set.
#[cfg(not(all(unix, feature = "secrets")))]
pub async fn load_secrets() -> Result {
    if std::env::var_os(SECRETS).is_none() {
        return Ok(());
    }
    log::install(&Config::from_env().unwrap_or_default());
    let what =
        format!("{SECRETS} is set, and pmcp-lambda was built without its feature `secrets`: add it in Cargo.toml");
    Err(failed(Error::Secrets(SecretsError(what))).await)
}

/// What `main` prints of an error is a line of its own, which is easily missed among lines in JSON; and Lambda is to
/// know why there is no function.
async fn failed(error: Error) -> Error {
    tracing::error!(%error, "the server cannot run");
    let could_start = matches!(error, Error::NotOnLambda | Error::Runtime(_));
    if let (false, Ok(api)) = (could_start, RuntimeApi::from_env()) {
        let failure = Failure { error_type: "Pmcp.CannotStart", error_message: &error.to_string() };
        if let Err(error) = api.refuse_start(&failure).await {
            tracing::warn!(%error, "Lambda could not be told");
        }
    }
    error
}
