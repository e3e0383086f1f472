//! stdio (specification page `basic/transports/stdio`): one message a line, over any pair of byte streams.
//!
//! [`serve`] reads requests from one stream and writes what they come to into another: the standard streams of a
//! process that an editor starts, a socket, or a buffer in a test. It knows neither threads nor a runtime, and polls
//! all handlers itself, side by side; `pmcp-stdio` runs it on the process's own streams.
//!
//! Clients of every revision are served, each line in its own: one that carries the version in `_meta` is of revision
//! 2026-07-28 and stands alone; `initialize` opens the connection for lines that do not. An opened connection is a
//! session: the client's capabilities and the level it set for log messages are remembered until the end, and handlers
//! can ask it in place.
//!
//! When the reader ends, the client wants the process to be gone: handlers that still wait are dropped, what is
//! already answered is written, and [`serve`] returns. In every revision `notifications/cancelled` drops the handler
//! of the request it names, and no more is sent for it.

mod batch;
mod client;
mod connection;
mod lines;
mod outgoing;
mod request;
mod running;
mod wakeups;

use std::{io, sync::Arc, time::Duration};

use futures_io::{AsyncBufRead, AsyncWrite};

use crate::{
    legacy::Legacy,
    platform::Platform,
    server::{BuildErrors, IntoServer, Sealer, Server},
    streamable_http::STATE_LIFETIME,
};
use connection::Connection;

/// Why serving ended before the reader did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was registered is no server.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// The next message cannot be read.
    #[error("cannot read from the client: {0}")]
    Read(#[source] io::Error),
    /// An answer cannot be written, for another reason than that the client is gone.
    #[error("cannot write to the client: {0}")]
    Write(#[source] io::Error),
}

/// Serves `server` to one client until `reader` ends or the client takes no more.
///
/// ```
/// # use pmcp_core::prelude::*;
/// # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
/// # pollster::block_on(async {
/// let requests = &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"[..];
/// let mut answers = Vec::new();
/// # let platform = std::sync::Arc::new(pmcp_core::testing::TestPlatform::default());
/// pmcp_core::stdio::serve(server(), requests, &mut answers, platform).await?;
/// assert_eq!(answers, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
/// # Ok::<(), pmcp_core::stdio::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// When the server cannot be built, or a stream fails. A client that is gone is no error.
pub async fn serve(
    server: impl IntoServer,
    reader: impl AsyncBufRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    platform: Arc<dyn Platform>,
) -> Result<(), Error> {
    Stdio::new(server)?.serve(reader, writer, platform).await
}

/// A server for one client, with the limits of what that may cost.
pub struct Stdio {
    server: Server,
    legacy: Legacy,
    sealer: Arc<Sealer>,
    max_line_bytes: usize,
    max_depth: usize,
    max_requests: usize,
    time_limit: Option<Duration>,
}

impl Stdio {
    /// Serves `server`: lines up to 4 MiB, JSON up to 64 levels deep, 128 requests at a time, handlers without a time
    /// limit.
    ///
    /// # Errors
    /// All that is wrong with what was registered.
    pub fn new(server: impl IntoServer) -> Result<Self, BuildErrors> {
        let server = server.into_server()?;
        Ok(Self {
            legacy: Legacy::new(server.clone()),
            server,
            // The state of a request that asks ends with the process, as all of its client's requests do.
            sealer: Arc::new(Sealer::new(Vec::new(), STATE_LIFETIME)),
            max_line_bytes: 4 << 20,
            max_depth: 64,
            max_requests: 128,
            time_limit: None,
        })
    }

    /// Refuses longer lines, and keeps no more of them. In bytes, without the newline.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Refuses JSON that nests deeper. In levels, at most 128.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        // Beyond 128 levels serde_json would refuse instead, in less clear words.
        self.max_depth = levels.min(128);
        self
    }

    /// Refuses requests while so many are still running.
    #[must_use]
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.max_requests = requests;
        self
    }

    /// Ends a handler that takes longer, with an error that says so.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// The server that answers.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Serves one client until `reader` ends or the client takes no more. Each call is a connection of its own.
    ///
    /// # Errors
    /// When a stream fails. A client that is gone is no error.
    pub async fn serve(
        &self,
        reader: impl AsyncBufRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        platform: Arc<dyn Platform>,
    ) -> Result<(), Error> {
        Connection::new(self, reader, writer, platform).run().await
    }
}
