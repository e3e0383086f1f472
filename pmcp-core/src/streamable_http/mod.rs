//! Streamable HTTP (specification page `basic/transports/streamable-http`): one request in, one response out.

mod announcements;
mod begin;
mod body;
mod cors;
mod era;
mod events;
mod exchange;
mod headers;
mod modern;
mod names;
mod older;
mod origin;
mod refusal;
mod replay;
mod session;
mod sessions;
mod settings;
mod summary;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request};

pub use body::Body;
pub use summary::Summary;
// What the other transport has in common with this one.
pub(crate) use era::missing_meta;
pub(crate) use exchange::Exchange;
pub(crate) use modern::{encode_outcome, parse_log_level, parse_progress_token, required_meta};
pub(crate) use refusal::Refusal;

use crate::{
    jsonrpc::ErrorCode,
    legacy::{Legacy, SessionStore},
    platform::Platform,
    server::{BuildErrors, IntoServer, Sealer, Server, StateKey},
};
use begin::Begun;
use origin::{Hosts, Origins};
use session::KeptIn;
use sessions::Sessions;

/// How long a person may take to answer, unless the server says otherwise.
pub(crate) const STATE_LIFETIME: Duration = Duration::from_secs(600);

/// Says that a request may be here: [`StreamableHttp::admit`] alone gives one, for one request.
#[derive(Debug)]
#[must_use = "a request that is let in is to be answered"]
pub struct Admitted(());

/// A server on its MCP endpoint, with the rules of who may call it and how much one request may cost.
///
/// Made once, when the process starts; [`respond`](Self::respond) is then called for every request. As made, it
/// answers only requests to loopback names: an adapter that is reached under other names says so.
pub struct StreamableHttp {
    server: Server,
    legacy: Arc<Legacy>,
    hosts: Hosts,
    origins: Origins,
    max_body_bytes: usize,
    max_depth: usize,
    answers_in_events: bool,
    time_limit: Option<Duration>,
    sealer: Arc<Sealer>,
    sessions: Option<Arc<dyn Sessions>>,
}

impl StreamableHttp {
    /// Serves `server` to loopback names: bodies up to 4 MiB, JSON up to 64 levels deep, handlers without a time
    /// limit.
    ///
    /// # Errors
    /// All that is wrong with what was registered.
    pub fn new(server: impl IntoServer) -> Result<Self, BuildErrors> {
        let server = server.into_server()?;
        Ok(Self {
            legacy: Arc::new(Legacy::new(server.clone())),
            server,
            hosts: Hosts::loopback(),
            origins: Origins::default(),
            max_body_bytes: 4 << 20,
            max_depth: 64,
            answers_in_events: false,
            time_limit: None,
            sealer: Arc::new(Sealer::new(Vec::new(), STATE_LIFETIME)),
            sessions: None,
        })
    }

    /// Answers under any `Host`: for platforms that route requests by it before the server sees them.
    #[must_use]
    pub fn any_host(mut self) -> Self {
        self.hosts = Hosts::Any;
        self
    }

    /// Answers under these hosts only, such as `mcp.example.com`, or `localhost:8080` with its port.
    #[must_use]
    pub fn allowed_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = Hosts::only(hosts);
        self
    }

    /// Answers web pages of these origins too, such as `https://app.example.com`. Pages of the server's own origin,
    /// and pages from loopback where it answers to loopback names alone, need no entry.
    #[must_use]
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = Origins::only(origins);
        self
    }

    /// Refuses longer bodies with 413. In bytes.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Refuses JSON that nests deeper. In levels, at most 128.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        // Beyond 128 levels serde_json would refuse instead, in less clear words.
        self.max_depth = levels.min(128);
        self
    }

    /// Answers every request in a stream of events, also where there is nothing to send but the result: for clients and
    /// gateways that read nothing else. Clients that take no events are answered in JSON as ever.
    #[must_use]
    pub fn answer_in_events(mut self) -> Self {
        self.answers_in_events = true;
        self
    }

    /// Ends a handler that takes longer, with an error that says so.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Seals what clients carry between the rounds of a request with the first of `keys`, and opens it with any: to
    /// change keys, put the new one in front and take the old one away once `lifetime` has passed.
    ///
    /// Without keys the process makes one up, which does for one instance: answers that reach another are refused.
    #[must_use]
    pub fn state_keys(mut self, keys: impl IntoIterator<Item = StateKey>, lifetime: Duration) -> Self {
        self.sealer = Arc::new(Sealer::new(keys.into_iter().collect(), lifetime));
        self
    }

    /// Keeps sessions for clients of older revisions, in `store`: handlers can then ask these clients too, their
    /// streams can be taken up again, and they can set a log level. Without, every request stands alone.
    #[must_use]
    pub fn sessions(self, store: impl SessionStore) -> Self {
        self.sessions_in(Arc::new(store))
    }

    /// The same as [`sessions`](Self::sessions), in a store that was chosen when the process started.
    #[must_use]
    pub fn sessions_in(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.legacy = Arc::new(Legacy::announcing(self.server.clone()));
        self.sessions = Some(Arc::new(KeptIn(store)));
        self
    }

    /// The server that answers.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The longest body that is read, in bytes.
    pub fn body_limit(&self) -> usize {
        self.max_body_bytes
    }

    /// Whether a request may be here at all, for adapters that ask before they read its body: if not, its answer.
    ///
    /// # Errors
    /// The answer to a request that may not.
    #[allow(clippy::result_large_err, reason = "most are let in; on wasm32 it is smaller")]
    pub fn admit(&self, head: &request::Parts) -> Result<Admitted, Response<Body>> {
        self.check_caller(head).map(|()| Admitted(())).map_err(Refusal::into_response)
    }

    /// The answer to a request that the adapter refuses by itself, before its body is read or because it cannot be:
    /// a JSON-RPC error with `status`, for whoever may call at all.
    pub fn refuse(&self, head: &request::Parts, status: StatusCode, message: &str) -> Response<Body> {
        match self.check_caller(head) {
            Err(refusal) => refusal.into_response(),
            Ok(()) => {
                let code =
                    if status.is_server_error() { ErrorCode::INTERNAL_ERROR } else { ErrorCode::INVALID_REQUEST };
                let origin = head.headers.get(header::ORIGIN).cloned();
                cors::allow(Refusal::new(status, code, message).into_response(), origin)
            }
        }
    }

    /// Answers one request.
    pub async fn respond(&self, request: Request<Bytes>, platform: &Arc<dyn Platform>) -> Response<Body> {
        let (head, body) = request.into_parts();
        match self.admit(&head) {
            Ok(admitted) => self.respond_admitted(admitted, Request::from_parts(head, body), platform).await,
            Err(response) => response,
        }
    }

    /// Answers one request that [`admit`](Self::admit) has let in, and does not check that again.
    pub async fn respond_admitted(
        &self,
        _admitted: Admitted,
        request: Request<Bytes>,
        platform: &Arc<dyn Platform>,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let (waiting, reader) = {
            let (begun, reader) = self.begin(head, &body, platform);
            match begun {
                Ok(Begun::Waits(waiting)) => (waiting, reader),
                Ok(Begun::Answered(response)) => return reader.deliver(Ok(response)),
                Ok(Begun::Older(answer)) => return reader.deliver(answer.await),
                Err(refusal) => return reader.deliver(Err(refusal)),
            }
        };
        // Who waits may wait for long, and has what it needs.
        drop(body);
        reader.deliver(Ok(self.wait(waiting).await))
    }

    /// Whether the request may be here at all.
    fn check_caller(&self, head: &request::Parts) -> Result<(), Refusal> {
        let host = self.hosts.named_by(head)?;
        self.hosts.check(host)?;
        self.origins.check(&head.headers, host, &self.hosts)
    }
}
