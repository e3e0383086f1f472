//! Serves a pmcp-core server over HTTP: on Google Cloud Run, in any container, or on your own machine.
//!
//! ```no_run
//! # use pmcp_core::prelude::*;
//! # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
//! #[tokio::main]
//! async fn main() -> pmcp_cloudrun::Result {
//!     pmcp_cloudrun::run(server()).await
//! }
//! ```
//!
//! The endpoint is `/mcp`; `/health` answers probes (`/healthz` too, which Cloud Run keeps from outside
//! callers). [`Config`] lists the environment variables that are read, and
//! what they default to. Those who have an axum app take `router` (feature `axum`) instead.
//!
//! HTTP/1.1 is what Cloud Run speaks to a container, whatever the client speaks to Cloud Run. Only a service that asks
//! for [HTTP/2 end to end](https://cloud.google.com/run/docs/configuring/http2) needs the feature `http2`.

mod activity;
mod body;
mod config;
mod connection;
mod limits;
mod log;
mod platform;
mod service;
mod shutdown;
mod stall;
mod upload;

use std::{fmt, net::SocketAddr};

use pmcp_core::{BuildErrors, IntoServer};

pub use config::{Config, ConfigError, Sessions};
#[cfg(feature = "axum")]
pub use service::router;

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
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; set PORT or HOST to another, or end what listens there")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// As the system says.
        error: std::io::Error,
    },
    /// The system does not let the process wait for its end.
    #[error("cannot wait for signals: {0}")]
    Signal(std::io::Error),
}

/// `main` prints an error by its `Debug`, which is made for programmers; the person at the terminal wants the words.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Serves `server` as the environment says ([`Config::from_env`]) until the process is told to end.
///
/// On SIGTERM or Ctrl-C it stops accepting, finishes what is in flight within the grace time, and returns.
///
/// # Errors
/// When the server cannot be built, a setting is wrong, or the address cannot be listened on.
pub async fn run(server: impl IntoServer) -> Result {
    match Config::from_env() {
        Ok(config) => run_with(server, config).await,
        Err(error) => {
            log::install(&Config { log_json: Config::is_on_cloud_run(), ..Config::default() });
            Err(failed(error.into()))
        }
    }
}

/// Serves `server` as `config` says.
///
/// ```no_run
/// # use pmcp_core::prelude::*;
/// # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
/// # async fn run() -> pmcp_cloudrun::Result {
/// let mut config = pmcp_cloudrun::Config::from_env()?;
/// config.port = 9000;
/// pmcp_cloudrun::run_with(server(), config).await
/// # }
/// ```
///
/// # Errors
/// As [`run`].
pub async fn run_with(server: impl IntoServer, config: Config) -> Result {
    log::install(&config);
    let served = match server.into_server() {
        Ok(server) => connection::serve(server, config).await,
        Err(errors) => Err(errors.into()),
    };
    served.map_err(failed)
}

/// Where logs are read by programs, what `main` prints of an error is easily missed.
fn failed(error: Error) -> Error {
    if Config::is_on_cloud_run() {
        tracing::error!(%error, "the server cannot run");
    }
    error
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
