//! What a handler may know of its request, and what it may send before its result.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderMap};
use serde::Serialize;

use super::{
    cancellation::{Cancelled, Ending},
    client_link::{ClientLink, Link},
    mrtr::{Memory, Rounds},
    outbox::Outbox,
    progress::{Amount, IntoTotal, IntoWords},
    tasks::Desk,
};
use crate::{
    error::{Error, Result},
    jsonrpc::{Message, Request, RequestId, encode_notification, short},
    platform::{BoxFuture, Platform},
    protocol::{
        ClientCapabilities, Implementation, LogLevel, LogMessage, Progress, ProgressToken, RequestMeta, RequestParams,
        Revision,
    },
};

/// The request that a handler answers; cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    request: RequestContext,
    outbox: Outbox,
    rounds: Rounds,
    ending: Ending,
    /// Of handlers that may run as a task.
    desk: OnceLock<Arc<Desk>>,
}

/// Who a request is made for, as whatever checked it found: put beside the request by a layer in front of the server.
///
/// What a client carries from request to request opens for the same principal only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(pub Arc<str>);

/// What a transport knows of a request.
pub(crate) struct RequestContext {
    pub(crate) revision: Revision,
    pub(crate) id: RequestId,
    /// The whole message, to be read again where more of it is asked for.
    pub(crate) body: Bytes,
    pub(crate) progress_token: Option<ProgressToken>,
    /// The least grave message that the client wants; none at all without.
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
    pub(crate) platform: Arc<dyn Platform>,
    /// Whether anything but the result can reach the client.
    pub(crate) streams: bool,
    /// What the rounds before have settled.
    pub(crate) memory: Memory,
    /// The way back to a client of an older revision.
    pub(crate) link: Link,
    /// When the server or the platform ends the handler, since 1970.
    pub(crate) deadline: Option<Duration>,
}

impl Context {
    pub(crate) fn new(mut request: RequestContext) -> Self {
        let rounds = Rounds::new(std::mem::take(&mut request.memory));
        Self(Arc::new(Inner {
            request,
            outbox: Outbox::default(),
            rounds,
            ending: Ending::default(),
            desk: OnceLock::new(),
        }))
    }

    /// The revision of the protocol that the client speaks.
    pub fn revision(&self) -> Revision {
        self.0.request.revision
    }

    /// The id of the request.
    pub fn request_id(&self) -> &RequestId {
        &self.0.request.id
    }

    /// Reports progress: `done` of `total`, in any unit, with a few words for the person who waits.
    ///
    /// Does nothing where the client did not ask for it. In a task, which has no such reports, `message` becomes its
    /// [status](Self::status). A value that is not beyond the one before is not sent, as
    /// the specification wants it. Waits while the client reads more slowly than the handler reports.
    ///
    /// From the first report on the handler runs as its client reads, and stands still while it does not: let go before
    /// of what other requests need, such as a lock or a connection of a pool, or work with it in a task of its own.
    ///
    /// ```
    /// # async fn import(cx: &pmcp_core::Context, rows: Vec<String>) {
    /// for (done, row) in rows.iter().enumerate() {
    ///     cx.progress(done, rows.len(), format!("importing {row}")).await;
    /// }
    /// # }
    /// ```
    pub async fn progress<'w>(&self, done: impl Amount, total: impl IntoTotal, words: impl IntoWords<'w>) {
        let done = done.into_f64();
        if self.is_task() {
            if let Some(words) = words.into_words() {
                self.status(words);
            }
            return;
        }
        let Some(progress_token) = self.0.request.progress_token.as_ref() else { return };
        if !self.0.request.streams || !self.0.outbox.advances(done) {
            return;
        }
        let words = words.into_words();
        let progress = Progress {
            progress_token,
            progress: done,
            total: total.into_total().filter(|total| total.is_finite()),
            message: words.as_deref().filter(|_| self.revision() >= Revision::V2025_03_26),
        };
        self.send("notifications/progress", &progress).await;
    }

    /// Sends a log message to the client: `data` in JSON, a text or an object.
    ///
    /// Does nothing unless the server [declares logging](super::ServerBuilder::logging) and the client asked for
    /// messages this grave. Never put secrets in it.
    pub async fn log(&self, level: LogLevel, data: impl Serialize) {
        let wanted = self.0.request.log_level.is_some_and(|least| level >= least);
        if wanted && self.0.request.streams && !self.is_task() {
            self.send("notifications/message", &LogMessage { level, logger: None, data }).await;
        }
    }

    async fn send(&self, method: &str, params: &impl Serialize) {
        match encode_notification(method, params) {
            Ok(notification) => self.0.outbox.send(notification).await,
            Err(error) => {
                tracing::error!(%error, method, "a notification cannot be written as JSON")
            }
        }
    }

    /// What the client can do, as it declared with this request or when its session began; nothing for clients of
    /// older revisions without a session.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        if let Some(link) = self.link() {
            return link.capabilities().clone();
        }
        self.meta().client_capabilities.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Who the client says it is: for display and logs, never for decisions.
    pub fn client_info(&self) -> Option<Implementation> {
        if let Some(link) = self.link() {
            return link.info().cloned();
        }
        self.meta().client_info.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// Fails unless the client declared all of `required`.
    ///
    /// # Errors
    /// [`Error::MissingClientCapability`] with those that are missing.
    pub fn require(&self, required: ClientCapabilities) -> Result<()> {
        let declared = self.client_capabilities();
        let mut missing = required;
        missing.roots = missing.roots.filter(|_| declared.roots.is_none());
        missing.sampling = missing.sampling.filter(|_| declared.sampling.is_none());
        missing.elicitation = missing.elicitation.filter(|_| declared.elicitation.is_none());
        for (missing, declared) in
            [(&mut missing.extensions, &declared.extensions), (&mut missing.experimental, &declared.experimental)]
        {
            if let (Some(entries), Some(declared)) = (missing.as_mut(), declared) {
                entries.retain(|name, _| !declared.contains_key(name));
            }
            if missing.as_ref().is_some_and(serde_json::Map::is_empty) {
                *missing = None;
            }
        }
        if missing == ClientCapabilities::default() {
            return Ok(());
        }
        Err(Error::MissingClientCapability(Box::new(missing)))
    }

    /// The headers of the HTTP request.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.request.headers
    }

    /// What an adapter or a layer in front of it put beside the request.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.request.extensions.get()
    }

    /// Completes after `duration`, by the clock of the platform.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        if duration.is_zero() { Box::pin(std::future::ready(())) } else { self.0.request.platform.sleep(duration) }
    }

    /// When this handler is ended if it still runs: since 1970-01-01T00:00:00Z, by the clock of
    /// [`Platform::now`](crate::platform::Platform::now). The earlier of the server's time limit and the platform's
    /// own; `None` where neither has any.
    pub fn deadline(&self) -> Option<Duration> {
        self.0.request.deadline
    }

    /// How long this handler may still run, for example to give a database less than that; `None` without a deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_sub(self.0.request.platform.now()))
    }

    /// Completes when this request is over: cancelled by its client, past its time limit, or answered.
    ///
    /// A handler needs it only for work that it has handed to others, such as a task that it spawned: the handler
    /// itself is dropped at its `await`, and with it all that it owns. It is the client who cancels, by closing the
    /// response of a request of revision 2026-07-28, or with `notifications/cancelled` in a session or over stdio; a
    /// client of an older revision that loses its HTTP connection still gets its work done.
    ///
    /// ```
    /// # use pmcp_core::prelude::*;
    /// # fn spawn(_: impl Future<Output = ()>) {}
    /// # async fn next_row() {}
    /// # async fn next(a: impl Future<Output = ()>, b: impl Future<Output = ()>) -> bool { false }
    /// # async fn tool(cx: &Context) {
    /// let cx = cx.clone();
    /// spawn(async move {
    ///     // `next` stands for the `select!` of your runtime: whether the first of the two was first.
    ///     while next(next_row(), cx.cancelled()).await {}
    /// });
    /// # }
    /// ```
    pub fn cancelled(&self) -> Cancelled {
        Cancelled::new(self.clone())
    }

    /// The platform under the server: time, sleep, random bytes.
    pub fn platform(&self) -> &Arc<dyn Platform> {
        &self.0.request.platform
    }

    /// The request, read again.
    fn message(&self) -> Option<Request<'_>> {
        match Message::parse(&self.0.request.body) {
            Ok(Message::Request(request)) => Some(request),
            // It was read once already: it can only be empty here.
            _ => None,
        }
    }

    fn meta(&self) -> RequestMeta<'_> {
        self.message().and_then(|request| RequestParams::parse(request.params).ok()).unwrap_or_default().meta
    }

    /// The method of the request.
    pub(super) fn method(&self) -> Option<Cow<'_, str>> {
        Some(self.message()?.method)
    }

    /// What answers the request, for the log: the method and the tool, the prompt or the URI that it names, as far as
    /// anybody reads.
    pub(crate) fn handler(&self) -> String {
        let Some(request) = self.message() else { return "a stream".to_owned() };
        let params = RequestParams::parse(request.params).unwrap_or_default();
        match params.told_name(&request.method) {
            Some(name) => format!("{} {}", request.method, short(name)),
            None => short(request.method).into_owned(),
        }
    }

    /// Who the request is made for, where anything in front of the server said so.
    pub fn principal(&self) -> Option<&Principal> {
        self.extension()
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.0.request.body
    }

    pub(crate) fn link(&self) -> Option<&Arc<dyn ClientLink>> {
        self.0.request.link.as_ref()
    }

    /// Whether anything but the result can reach the client.
    pub(crate) fn streams(&self) -> bool {
        self.0.request.streams
    }

    pub(crate) fn rounds(&self) -> &Rounds {
        &self.0.rounds
    }

    /// Where the handler leaves its questions if it becomes a task; from now on it may.
    pub(crate) fn open_desk(&self) -> Arc<Desk> {
        Arc::clone(self.0.desk.get_or_init(Arc::default))
    }

    pub(crate) fn desk(&self) -> Option<&Desk> {
        self.0.desk.get().map(|desk| &**desk)
    }

    fn is_task(&self) -> bool {
        self.desk().is_some_and(Desk::is_task)
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(crate) fn ending(&self) -> &Ending {
        &self.0.ending
    }
}

/// When a handler that starts now is ended: by the server's time limit, or by the platform.
pub(crate) fn deadline(platform: &dyn Platform, limit: Option<Duration>) -> Option<Duration> {
    let limit = limit.map(|limit| platform.now().saturating_add(limit));
    limit.into_iter().chain(platform.deadline()).min()
}
