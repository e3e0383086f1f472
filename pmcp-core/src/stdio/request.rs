//! One request: its era, by its own line and the handshake before it, and the handler that answers it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, HeaderMap};

use super::{
    Stdio,
    client::{Client, Way},
};
use crate::{
    jsonrpc::{ErrorObject, Request, RequestId, encode_error},
    platform::Platform,
    protocol::{LogLevel, RequestParams, Revision},
    server::{Context, LISTEN, Memory, Outcome, Reply, RequestContext, deadline},
    streamable_http::{
        Exchange, Refusal, encode_outcome, missing_meta, parse_log_level, parse_progress_token, required_meta,
    },
};

/// What the handshake of an older revision has opened.
pub(super) struct Opened {
    pub(super) revision: Revision,
    pub(super) client: Arc<Client>,
    /// The least grave log message that the client wants, once it has said so.
    log_level: Option<LogLevel>,
}

/// The words a response is written in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Speaks {
    Modern,
    /// Those of the newest revision, for a request that ends when there is no more to tell.
    Subscription,
    Legacy(Revision),
}

pub(super) enum Started {
    /// With this response.
    Answered(Vec<u8>),
    Running(Speaks, Exchange),
}

/// What a request is started with besides itself.
pub(super) struct Surroundings<'a> {
    /// The message as it stands on its line.
    pub(super) json: &'a Bytes,
    pub(super) platform: &'a Arc<dyn Platform>,
    /// Whether its notifications can be sent.
    pub(super) streams: bool,
}

impl Stdio {
    /// Starts a request of either era. `opened` is what the handshake agreed on, where there was one.
    pub(super) fn start(
        &self,
        opened: &mut Option<Opened>,
        request: &Request<'_>,
        around: &Surroundings<'_>,
    ) -> Started {
        let params = RequestParams::parse(request.params);
        let is_modern = params.as_ref().is_ok_and(|params| params.meta.is_modern());
        let started = match (&*request.method, opened.as_ref().map(|opened| opened.revision)) {
            _ if is_modern => self.start_modern(request, params, around),
            // The handshake says in its parameters what it speaks; a ping is the same in every revision.
            ("initialize", _) | ("ping", None) => {
                self.start_legacy(Revision::V2025_11_25, opened, request, params, around)
            }
            ("server/discover" | LISTEN, _) | (_, None) => Err(missing_meta(&params).into_error()),
            (_, Some(revision)) => self.start_legacy(revision, opened, request, params, around),
        };
        started.unwrap_or_else(|error| Started::Answered(encode_error(Some(&request.id), &error)))
    }

    /// There are no headers here: what a request says of itself is in its `_meta`.
    fn start_modern(
        &self,
        request: &Request<'_>,
        params: Result<RequestParams<'_>, ErrorObject>,
        around: &Surroundings<'_>,
    ) -> Result<Started, ErrorObject> {
        let (id, method, platform) = (&request.id, &*request.method, &**around.platform);
        let params = params?;
        let version = required_meta(&params.meta).map_err(Refusal::into_error)?;
        if version != Revision::LATEST.as_str() {
            return Err(Refusal::unsupported_version(&version).into_error());
        }
        if !self.server.serves(method) {
            return Err(Refusal::method_not_found(method).into_error());
        }
        let progress_token = parse_progress_token(&params.meta).map_err(Refusal::into_error)?;
        let log_level = parse_log_level(&params.meta).map_err(Refusal::into_error)?;
        let memory = self.sealer.memory_of(method, &params, around.json, None, platform).map_err(ErrorObject::from)?;
        // A subscription may be open for as long as the process.
        let listens = method == LISTEN;
        let limit = self.time_limit.filter(|_| !listens);
        let cx = Context::new(RequestContext {
            revision: Revision::LATEST,
            id: id.clone(),
            body: if listens { Bytes::new() } else { around.json.clone() },
            progress_token,
            log_level: log_level.filter(|_| self.server.capabilities().logging.is_some()),
            headers: HeaderMap::new(),
            extensions: Extensions::new(),
            platform: Arc::clone(around.platform),
            streams: around.streams,
            memory,
            deadline: deadline(platform, limit),
            link: None,
        });
        let reply = self.server.dispatch(method, &params, cx.clone());
        let speaks = if listens { Speaks::Subscription } else { Speaks::Modern };
        Ok(self.begin(speaks, id, cx, reply, limit))
    }

    fn start_legacy(
        &self,
        revision: Revision,
        opened: &mut Option<Opened>,
        request: &Request<'_>,
        params: Result<RequestParams<'_>, ErrorObject>,
        around: &Surroundings<'_>,
    ) -> Result<Started, ErrorObject> {
        let (id, method) = (&request.id, &*request.method);
        let params = params?;
        let progress_token = parse_progress_token(&params.meta).map_err(Refusal::into_error)?;
        let revision = self.legacy.revision(revision, method, &params);
        if let Some(opened) = opened.as_mut()
            && method == "logging/setLevel"
            && let Ok(level) = RequestParams::required(params.level, "level")
        {
            opened.log_level = Some(level);
        }
        let cx = Context::new(RequestContext {
            revision,
            id: id.clone(),
            body: around.json.clone(),
            progress_token,
            log_level: self.legacy.log_level(opened.as_ref().and_then(|opened| opened.log_level)),
            headers: HeaderMap::new(),
            extensions: Extensions::new(),
            platform: Arc::clone(around.platform),
            streams: around.streams,
            memory: Memory::default(),
            deadline: deadline(&**around.platform, self.time_limit),
            link: opened.as_ref().map(|opened| Way::to(&opened.client)),
        });
        let reply = self.legacy.dispatch(method, &params, cx.clone());
        if method == "initialize" && matches!(reply, Reply::Ready(Ok(_))) {
            let client = Arc::new(Client::new(revision, request.params));
            *opened = Some(Opened { revision, client, log_level: None });
        }
        Ok(self.begin(Speaks::Legacy(revision), id, cx, reply, self.time_limit))
    }

    fn begin(&self, speaks: Speaks, id: &RequestId, cx: Context, reply: Reply, limit: Option<Duration>) -> Started {
        match reply {
            Reply::Ready(outcome) => {
                // A handler may have left a clone of its context behind, which must not wait for a reader.
                cx.outbox().close();
                cx.ending().end();
                Started::Answered(self.encode(speaks, id, outcome))
            }
            Reply::Pending(handler) => Started::Running(speaks, Exchange::new(cx, handler, limit, &self.sealer)),
        }
    }

    /// The response, in the words of its request.
    pub(super) fn encode(&self, speaks: Speaks, id: &RequestId, outcome: Outcome) -> Vec<u8> {
        match speaks {
            Speaks::Modern | Speaks::Subscription => encode_outcome(&self.server, id, outcome).1,
            Speaks::Legacy(revision) => self.legacy.encode(revision, id, outcome),
        }
    }
}
