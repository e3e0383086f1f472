//! One event: unwrapped, answered by the core, and wrapped as its front takes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use lambda_runtime::FunctionResponse;
use pmcp_core::{StreamableHttp, platform::Platform};
use serde_json::value::RawValue;
use tracing::Span;

use crate::{
    Config, ResponseMode,
    event::{Event, Front, NotHttp},
    log::{self, Entry},
    platform::{LambdaPlatform, Leftovers, now},
    response::{Body, Chunks, Whole},
};

/// An HTTP API gives up after 30 s, whatever the function's own time-out is.
const HTTP_API_LIMIT: Duration = Duration::from_secs(30);

/// What an answer in one piece has besides its body: status, headers and the names of all that.
const ENVELOPE: usize = 4 << 10;

/// Answers the events of one process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    endpoint: StreamableHttp,
    config: Config,
    /// Whether no event has come yet.
    is_cold: AtomicBool,
}

impl Service {
    pub(crate) fn new(endpoint: StreamableHttp, config: Config) -> Self {
        Self(Arc::new(Inner { endpoint, config, is_cold: AtomicBool::new(true) }))
    }

    /// How long before Lambda's deadline a handler is ended.
    pub(crate) fn margin(&self) -> Duration {
        self.0.config.deadline_margin
    }

    /// Answers an event.
    ///
    /// # Errors
    /// When the event is no HTTP request.
    pub(crate) async fn answer(
        &self,
        payload: &RawValue,
        context: &lambda_runtime::Context,
        leftovers: Leftovers,
    ) -> Result<FunctionResponse<Whole, Chunks>, NotHttp> {
        let Inner { endpoint, config, is_cold } = &*self.0;
        let is_cold = is_cold.swap(false, Ordering::Relaxed);
        let (front, mut request) = Event::parse(payload.get())?.into_request(config)?;
        if let Some(trace) = context.xray_trace_id.as_deref().and_then(|trace| HeaderValue::try_from(trace).ok()) {
            request.headers_mut().insert("x-amzn-trace-id", trace);
        }
        let streams = config.response_mode == ResponseMode::Streaming && front.can_stream();
        let gateway_ends =
            (front == Front::Http).then(|| (now() + HTTP_API_LIMIT).saturating_sub(config.deadline_margin));
        let ends = leftovers.handlers_end().into_iter().chain(gateway_ends).min();
        let platform: Arc<dyn Platform> = Arc::new(LambdaPlatform { leftovers, ends, streams });
        let mut entry = log::is_on().then(|| Entry::new(endpoint, &request, front, is_cold));
        let response = self.route(request, &platform).await;
        if let Some(entry) = &mut entry {
            entry.status = response.status().as_u16();
        }
        let (parts, body) = response.into_parts();
        if streams {
            return Ok(FunctionResponse::StreamingResponse(Chunks::response(parts, body, Span::current(), entry)));
        }
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
        let whole = Whole::new(front, parts, body);
        let whole = match too_long(&whole, front) {
            None => whole,
            Some(reason) => self.fail(payload, &reason).await?,
        };
        if let Some(entry) = entry {
            entry.write(whole.body_len());
        }
        Ok(FunctionResponse::BufferedResponse(whole))
    }

    /// Answers a request to any path.
    async fn route(&self, request: Request<Bytes>, platform: &Arc<dyn Platform>) -> Response<Body> {
        match request.uri().path() {
            "/mcp" => self.0.endpoint.respond(request, platform).await.map(Body::Mcp),
            "/health" | "/healthz" => match *request.method() {
                Method::GET => text(StatusCode::OK, "ok\n"),
                Method::HEAD => text(StatusCode::OK, ""),
                _ => {
                    let mut response =
                        text(StatusCode::METHOD_NOT_ALLOWED, "GET /health tells whether the server lives.\n");
                    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                    response
                }
            },
            _ => text(StatusCode::NOT_FOUND, "There is nothing here: the MCP endpoint is /mcp.\n"),
        }
    }

    /// The answer to an event whose own is too long for its front.
    async fn fail(&self, payload: &RawValue, reason: &str) -> Result<Whole, NotHttp> {
        tracing::warn!("{reason}");
        // Read once more, so that no other request pays for what this one needs.
        let (front, request) = Event::parse(payload.get())?.into_request(&self.0.config)?;
        let (parts, body) = self.0.endpoint.fail(request.headers(), request.body(), reason).into_parts();
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
        Ok(Whole::new(front, parts, body))
    }
}

/// What is to be said of an answer that its front would not take.
fn too_long(whole: &Whole, front: Front) -> Option<String> {
    let (limit, name) = front.answer_limit();
    let bytes = whole.body_len() + ENVELOPE;
    (bytes > limit).then(|| {
        format!(
            "The answer has {bytes} bytes and cannot be delivered: it is over {name}. Ask for less at a time, give out \
             a link to the data, or let the function stream its answers (PMCP_RESPONSE_MODE=streaming behind a \
             Function URL with RESPONSE_STREAM or a REST API that streams)."
        )
    })
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
