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
mod invocation;
mod log;
mod platform;
mod request;
mod response;
mod service;
#[cfg(all(unix, feature = "sigterm"))]
mod shutdown;

use std::{env, fmt, time::Duration};

use pmcp_core::{BuildErrors, IntoServer, StreamableHttp};

pub use config::{Authorizer, Config, ConfigError, ResponseMode};
pub use identity::AuthorizerContext;
#[cfg(all(unix, feature = "sigterm"))]
pub use shutdown::before_exit;

use service::Service;

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
    /// The process does not run on Lambda.
    #[error(
        "{variable} is not set, so this is not AWS Lambda; start the function with `cargo lambda watch`, or serve the \
         same server over HTTP with pmcp-cloudrun"
    )]
    NotOnLambda {
        /// What Lambda would have set.
        variable: &'static str,
    },
    /// Lambda cannot be reached any more.
    #[error("the Lambda Runtime API does not answer: {0}")]
    Runtime(lambda_runtime::Error),
}

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
    match Config::from_env() {
        Ok(config) => run_with(server, config).await,
        Err(error) => {
            log::install(&Config::default());
            Err(failed(error.into()))
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
    let ran = match config.endpoint(server) {
        Ok(endpoint) => poll(endpoint, config).await,
        Err(errors) => Err(errors.into()),
    };
    ran.map_err(failed)
}

/// What Lambda sets for every function, and what polls it cannot do without.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// How often a connection to Lambda may break in a row, each try after twice the pause of the one before.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const UNBROKEN: Duration = Duration::from_secs(10);

/// Answers invocations, and asks for more when the connection to Lambda broke.
async fn poll(endpoint: StreamableHttp, config: Config) -> Result {
    if let Some(variable) = SET_BY_LAMBDA.into_iter().find(|variable| env::var_os(variable).is_none()) {
        return Err(Error::NotOnLambda { variable });
    }
    let service = Service::new(endpoint, config);
    let mut broken = 0;
    loop {
        let begin = tokio::time::Instant::now();
        let Err(error) = invocation::poll(service.clone()).await else { return Ok(()) };
        broken = if begin.elapsed() > UNBROKEN { 1 } else { broken + 1 };
        if broken > TRIES {
            return Err(Error::Runtime(error));
        }
        tracing::warn!(error = %error, "the connection to the Lambda Runtime API broke; trying again");
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(broken - 1)).await;
    }
}

/// What `main` prints of an error is a line of its own, which is easily missed among lines in JSON.
fn failed(error: Error) -> Error {
    tracing::error!(%error, "the server cannot run");
    error
}
