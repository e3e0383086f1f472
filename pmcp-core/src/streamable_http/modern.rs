//! Requests of revision 2026-07-28: each carries all that is to be known of it (specification page `basic/index`).

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, request};

use super::{
    Exchange, Refusal, StreamableHttp,
    begin::{Begun, Waiting, kept},
    headers,
};
use crate::{
    error::Error,
    jsonrpc::{ErrorCode, ErrorObject, RawJson, Request, RequestId, encode_error, encode_reply},
    platform::Platform,
    protocol::{LogLevel, ProgressToken, RequestMeta, RequestParams, Revision},
    server::{Context, LISTEN, Outcome, Reply, RequestContext, Server, deadline, encode_answer},
};

/// The parameters of a request that may run, and what its `_meta` asks for.
pub(super) type Checked<'a> = (RequestParams<'a>, Option<ProgressToken>, Option<LogLevel>);

impl StreamableHttp {
    /// Begins a request that was found to be good.
    pub(super) fn begin_modern(
        &self,
        head: request::Parts,
        body: &Bytes,
        request: Request<'_>,
        (params, progress_token, log_level): Checked<'_>,
        platform: &Arc<dyn Platform>,
    ) -> Begun<'static> {
        let (id, method, revision) = (request.id, request.method.as_ref(), Revision::LATEST);
        let memory = match self.sealer.memory_of(method, &params, body, head.extensions.get(), &**platform) {
            Ok(memory) => memory,
            Err(error) => return Begun::Answered(self.encode(revision, &id, Err(error))),
        };
        // A listen stream may be open for long, and needs nothing of its request but the id.
        let listens = method == LISTEN;
        let limit = self.time_limit.filter(|_| !listens);
        // Where the client asked for nothing but the result, nobody asks whether it takes more.
        let asks_for_more = listens || progress_token.is_some() || log_level.is_some();
        let streams = asks_for_more && headers::accepts_events(&head.headers);
        let (headers, body) = match (listens, streams) {
            (true, _) => (HeaderMap::new(), Bytes::new()),
            (false, true) => kept(head.headers, body),
            (false, false) => (head.headers, body.clone()),
        };
        let cx = Context::new(RequestContext {
            revision,
            id: id.clone(),
            body,
            streams,
            progress_token,
            log_level: log_level.filter(|_| self.server.capabilities().logging.is_some()),
            headers,
            extensions: head.extensions,
            platform: Arc::clone(platform),
            memory,
            link: None,
            deadline: deadline(&**platform, limit),
        });
        match self.server.dispatch(method, &params, cx.clone()) {
            Reply::Ready(outcome) => {
                // A handler may have left a clone of its context behind, which must not wait for a reader.
                cx.outbox().close();
                cx.ending().end();
                Begun::Answered(self.encode(revision, &id, outcome))
            }
            Reply::Pending(handler) => {
                let exchange = Exchange::new(cx, handler, limit, &self.sealer);
                Begun::Waits(Waiting { exchange, id, revision })
            }
        }
    }

    /// Everything that can refuse a request before its handler runs, in the order that the specification's fixtures
    /// agree on: version header, `_meta`, their equality, the version, the other headers, the method, the parameters.
    pub(super) fn check<'a>(
        &self,
        headers: &HeaderMap,
        version: Option<&str>,
        method: &str,
        params: Result<RequestParams<'a>, ErrorObject>,
    ) -> Result<Checked<'a>, Refusal> {
        let version = version.ok_or_else(|| {
            let header = headers::PROTOCOL_VERSION;
            Refusal::header_mismatch(format!("The header {header} is missing; it must say what params._meta says."))
        })?;
        let params = params.map_err(Refusal::malformed)?;
        let named = required_meta(&params.meta)?;
        if version != named {
            let header = headers::PROTOCOL_VERSION;
            let message = format!("The header {header} is {version:?}, but params._meta says {named:?}.");
            return Err(Refusal::header_mismatch(message));
        }
        if named != Revision::LATEST.as_str() {
            return Err(Refusal::unsupported_version(&named));
        }
        headers::check_method(headers, method)?;
        headers::check_name(headers, method, &params)?;
        if !self.server.serves(method) {
            return Err(Refusal::method_not_found(method));
        }
        if method == LISTEN && !headers::accepts_events(headers) {
            return Err(Refusal::not_acceptable());
        }
        if method == "tools/call"
            && let Ok(Some(name)) = RequestParams::optional_str(params.name, "name")
        {
            let header_params = self.server.header_params(&name);
            if !header_params.is_empty() {
                headers::check_params(headers, header_params, params.arguments)?;
            }
        }
        let (progress_token, log_level) = (parse_progress_token(&params.meta)?, parse_log_level(&params.meta)?);
        Ok((params, progress_token, log_level))
    }
}

/// It is an id as that of the request is, and bounded as that is.
pub(crate) fn parse_progress_token(meta: &RequestMeta<'_>) -> Result<Option<ProgressToken>, Refusal> {
    const TOKEN: &str = "a string of at most 1024 bytes or an integer";
    parse_meta(meta.progress_token, "progressToken", TOKEN, RequestId::read)
}

pub(crate) fn parse_log_level(meta: &RequestMeta<'_>) -> Result<Option<LogLevel>, Refusal> {
    const LEVELS: &str = "debug, info, notice, warning, error, critical, alert or emergency";
    let read = |raw: RawJson<'_>| serde_json::from_str(raw.get()).ok();
    parse_meta(meta.log_level, "io.modelcontextprotocol/logLevel", LEVELS, read)
}

/// The version, where both keys that every request must carry are there and of their type.
pub(crate) fn required_meta<'a>(meta: &RequestMeta<'a>) -> Result<Cow<'a, str>, Refusal> {
    const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    let required = |key: &str, kind: &str| Refusal::invalid_params(format!("params._meta must carry {key}, {kind}."));
    let version = RequestParams::optional_str(meta.protocol_version, "protocolVersion").ok().flatten();
    let version = version.ok_or_else(|| required(VERSION, "a string"))?;
    match meta.client_capabilities {
        Some(capabilities) if capabilities.get().starts_with('{') => Ok(version),
        _ => Err(required(CAPABILITIES, "an object")),
    }
}

fn parse_meta<'a, T>(
    raw: Option<RawJson<'a>>,
    key: &str,
    kind: &str,
    read: impl FnOnce(RawJson<'a>) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let unfit = || {
        let message = format!("params._meta.{key} must be {kind}.");
        // The request is well-formed, so its status says nothing of the protocol.
        Refusal::new(StatusCode::OK, ErrorCode::INVALID_PARAMS, message)
    };
    raw.map(|raw| read(raw).ok_or_else(unfit)).transpose()
}

/// The response and its status: errors that the transport names have one of their own.
pub(crate) fn encode_outcome(server: &Server, id: &RequestId, outcome: Outcome) -> (StatusCode, Vec<u8>) {
    let error = match outcome {
        Ok(answer) => {
            let mut json = Vec::with_capacity(answer.capacity());
            let server_info = &server.registry().server_info;
            match encode_reply(&mut json, id, |out| encode_answer(out, &answer, server_info)) {
                Ok(()) => return (StatusCode::OK, json),
                Err(error) => Error::Internal(format!("The result cannot be written as JSON: {error}.")),
            }
        }
        Err(error) => error,
    };
    let ended = match error {
        Error::TimedOut { .. } | Error::OutOfTime => Some(StatusCode::INTERNAL_SERVER_ERROR),
        Error::Stopping => Some(StatusCode::SERVICE_UNAVAILABLE),
        _ => None,
    };
    let object = error.into_told(id);
    let status = ended.unwrap_or(match object.code {
        ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        ErrorCode::HEADER_MISMATCH
        | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
        | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    });
    (status, encode_error(Some(id), &object))
}
