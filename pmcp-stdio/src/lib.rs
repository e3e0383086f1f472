//! Runs a pmcp-core server on its process's standard streams, as editors and desktop clients start it.
//!
//! ```no_run
//! # use pmcp_core::prelude::*;
//! # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
//! #[tokio::main]
//! async fn main() -> pmcp_stdio::Result {
//!     pmcp_stdio::run(server()).await
//! }
//! ```
//!
//! Standard output belongs to the protocol: a handler that prints there breaks the connection. Log with `tracing`,
//! which goes to standard error from `info` on, or as `RUST_LOG` says. The process ends when its client closes
//! standard input, whatever still runs; how messages are read and answered is in [`pmcp_core::stdio`].

mod log;
mod platform;
mod streams;

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::Arc,
};

use pmcp_core::{BuildErrors, IntoServer, stdio::Stdio};

pub use platform::TokioPlatform;
use streams::{Stdin, Stdout};

/// The result of a `main`: an error is printed as a person reads it.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why the server could not run.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was registered is no server.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// A stream failed.
    #[error(transparent)]
    Stream(#[from] pmcp_core::stdio::Error),
    /// The system has no thread for a stream.
    #[error("cannot start a thread for a standard stream: {0}")]
    Thread(io::Error),
}

/// `main` prints an error by its `Debug`, which is made for programmers; the person at the terminal wants the words.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Serves `server` on standard input and output until the client is gone.
///
/// # Errors
/// When the server cannot be built, or a stream fails.
pub async fn run(server: impl IntoServer) -> Result {
    run_with(Stdio::new(server)?).await
}

/// Serves a server with limits of its own on standard input and output until the client is gone.
///
/// # Errors
/// When a stream fails.
pub async fn run_with(stdio: Stdio) -> Result {
    log::install();
    if io::stdin().is_terminal() {
        let (name, version) = (&stdio.server().info().name, &stdio.server().info().version);
        let command = std::env::current_exe().unwrap_or_default();
        tracing::info!(
            "{name} {version} speaks MCP here, a JSON message a line, and ends with Ctrl-D. Editors start it by \
             {{ \"command\": {:?} }}",
            command.display().to_string()
        );
    }
    let stdin = Stdin::start().map_err(Error::Thread)?;
    let stdout = Stdout::start().map_err(Error::Thread)?;
    Ok(stdio.serve(stdin, stdout, Arc::new(TokioPlatform)).await?)
}
