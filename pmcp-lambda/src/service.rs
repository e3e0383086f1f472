//! One event: unwrapped, answered by the core, and wrapped as its front takes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, response};
use http_body_util::BodyExt;
use pmcp_core::{StreamableHttp, platform::Platform};

use crate::{
    Config, ResponseMode,
    event::{Event, Front, NotHttp},
    log::{self, Entry},
    platform::{LambdaPlatform, Leftovers, now},
    response::{Answer, Body, Chunks, Whole},
    runtime::Invocation,
};

/// An HTTP API gives up after 30 s, whatever the function's own time-out is.
const HTTP_API_LIMIT: Duration = Duration::from_secs(30);

/// What an answer in one piece has besides its body, about: status, headers and the names of all that.
const ENVELOPE: usize = 256;

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
    pub(crate) async fn answer(&self, invocation: &Invocation, leftovers: Leftovers) -> Result<Answer, NotHttp> {
        let Inner { endpoint, config, is_cold } = &*self.0;
        let is_cold = is_cold.swap(false, Ordering::Relaxed);
        let (front, mut request) = Event::parse(&invocation.event)?.into_request(config)?;
        if let Some(trace) = &invocation.trace {
            request.headers_mut().insert("x-amzn-trace-id", trace.clone());
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
            return Chunks::new(parts, body, entry).map(|chunks| Answer::Streamed(chunks.into())).map_err(unwritable);
        }
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
        let bytes = body.len();
        let json = encode(front, parts, body)?;
        let json = match too_long(json.len(), front) {
            None => json,
            Some(reason) => self.fail(&invocation.event, &reason).await?,
        };
        if let Some(entry) = entry {
            entry.write(bytes);
        }
        Ok(Answer::Whole(json))
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
    async fn fail(&self, event: &[u8], reason: &str) -> Result<Vec<u8>, NotHttp> {
        tracing::warn!("{reason}");
        // Read once more, so that no other request pays for what this one needs.
        let (front, request) = Event::parse(event)?.into_request(&self.0.config)?;
        let (parts, body) = self.0.endpoint.fail(request.headers(), request.body(), reason).into_parts();
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
        encode(front, parts, body)
    }
}

fn encode(front: Front, parts: response::Parts, body: Bytes) -> Result<Vec<u8>, NotHttp> {
    // Some characters of the body take more than one in the JSON around it.
    let mut json = Vec::with_capacity(body.len() + body.len() / 4 + ENVELOPE);
    serde_json::to_writer(&mut json, &Whole::new(front, parts, body)).map_err(unwritable)?;
    Ok(json)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritable(error: serde_json::Error) -> NotHttp {
    NotHttp(format!("its answer cannot be written: {error}"))
}

/// What is to be said of an answer that its front would not take.
fn too_long(bytes: usize, front: Front) -> Option<String> {
    let (limit, name) = front.answer_limit();
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
