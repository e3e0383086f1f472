//! One request: routed by its path, bounded in size and time, and handed to the core.

use std::{
    borrow::Cow,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request};
use http_body::Body;
use pmcp_core::{StreamableHttp, platform::Platform};
use tracing::{Instrument, Span};

use crate::{Config, body::ResponseBody, limits::Limit, log, upload};

/// Answers the requests of one process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    endpoint: StreamableHttp,
    platform: Arc<dyn Platform>,
    in_flight: Limit,
    buffered: Limit,
    body_timeout: Duration,
    trace_project: Option<String>,
    /// Since the start.
    sent_away: AtomicU64,
    reported: Mutex<Option<Instant>>,
}

impl Service {
    pub(crate) fn new(
        endpoint: StreamableHttp,
        platform: Arc<dyn Platform>,
        in_flight: Limit,
        config: &Config,
    ) -> Self {
        Self(Arc::new(Inner {
            endpoint,
            platform,
            in_flight,
            buffered: Limit::new(config.max_buffered_bytes),
            body_timeout: config.body_timeout,
            trace_project: config.trace_project.clone(),
            sent_away: AtomicU64::new(0),
            reported: Mutex::new(None),
        }))
    }

    /// The answer to a request to any path but that of the MCP endpoint.
    pub(crate) fn answer_elsewhere<B>(request: &Request<B>) -> Option<Response<ResponseBody>> {
        Some(match request.uri().path() {
            "/mcp" => return None,
            "/health" | "/healthz" if matches!(*request.method(), Method::GET | Method::HEAD) => {
                text(StatusCode::OK, "ok\n")
            }
            "/health" | "/healthz" => {
                let mut response =
                    text(StatusCode::METHOD_NOT_ALLOWED, "GET /health tells whether the server lives.\n");
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
            _ => text(StatusCode::NOT_FOUND, "There is nothing here: the MCP endpoint is /mcp.\n"),
        })
    }

    /// Answers a request to the MCP endpoint.
    pub(crate) fn answer<B>(self, request: Request<B>) -> impl Future<Output = Response<ResponseBody>>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static>,
    {
        // Taken apart first: an async fn would have its arguments twice.
        let (head, body) = request.into_parts();
        async move {
            let inner = &*self.0;
            let admitted = match inner.endpoint.admit(&head) {
                Ok(admitted) => admitted,
                Err(response) => {
                    return closing(&head, response.map(|body| ResponseBody::mcp(body, None, Span::none())));
                }
            };
            let body = match upload::read(body, inner.endpoint.body_limit(), inner.body_timeout, &inner.buffered).await
            {
                Ok(body) => body,
                Err(unread) => {
                    return closing(&head, inner.refuse(&head, unread.status, &unread.reason));
                }
            };
            // A place is taken once the request is there, so that a slow client holds none.
            let Some(permit) = inner.in_flight.take(1) else {
                inner.report_overload();
                let reason = "Too many requests are in flight; try again in a second.";
                return inner.refuse(&head, StatusCode::SERVICE_UNAVAILABLE, reason);
            };
            let span = log::span(&head.headers, inner.trace_project.as_deref());
            let report = tracing::enabled!(tracing::Level::DEBUG).then(|| inner.report(&head, &body));
            let answer = inner.endpoint.respond_admitted(admitted, Request::from_parts(head, body), &inner.platform);
            // It is dropped in its span as well, where the client goes before.
            let response = answer.instrument(span.clone()).await;
            if let Some(report) = report {
                span.in_scope(|| report(response.status()));
            }
            response.map(|body| ResponseBody::mcp(body, Some(permit), span))
        }
    }
}

/// What follows on the connection cannot be told from the rest of a body that was not read.
fn closing(head: &request::Parts, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    if head.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl Inner {
    /// Says once a second, at the most, that requests were sent away, and how many.
    fn report_overload(&self) {
        let sent_away = self.sent_away.fetch_add(1, Ordering::Relaxed) + 1;
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            *reported = Some(Instant::now());
            tracing::warn!(sent_away, "too many requests in flight; some were sent away since the start");
        }
    }

    /// What tells of a request, once it is answered.
    fn report(&self, head: &request::Parts, body: &[u8]) -> Box<dyn FnOnce(StatusCode) + Send> {
        let begin = Instant::now();
        let (revision, method, name) = match self.endpoint.summarize(&head.headers, body) {
            Some(summary) => (
                summary.revision.map(pmcp_core::protocol::Revision::as_str),
                Some(summary.method.into_owned()),
                summary.name.map(Cow::into_owned),
            ),
            None => (None, None, None),
        };
        Box::new(move |status| {
            let elapsed_us = begin.elapsed().as_micros() as u64;
            tracing::debug!(revision, method, name, status = status.as_u16(), elapsed_us, "answered");
        })
    }

    fn refuse(&self, head: &request::Parts, status: StatusCode, reason: &str) -> Response<ResponseBody> {
        let mut response = self.endpoint.refuse(head, status, reason);
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.map(|body| ResponseBody::mcp(body, None, Span::none()))
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(feature = "axum")]
mod axum_router {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use super::*;
    use crate::platform::TokioPlatform;

    impl<B> tower_service::Service<Request<B>> for Service
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send + 'static,
    {
        type Response = Response<ResponseBody>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _task: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<B>) -> Self::Future {
            let service = self.clone();
            Box::pin(async move { Ok(service.answer(request).await) })
        }
    }

    /// The server at `/mcp`, to be merged into an axum app that listens by itself.
    ///
    /// Of `config` it takes what concerns one request: hosts, origins, limits and concurrency. Where it listens is up
    /// to the app, so say in `config` (or by `HOST` and `PMCP_ALLOWED_HOSTS`) whether that is loopback: with the
    /// default, requests under any other name are refused. Work that outlives its request ends with the app's runtime.
    ///
    /// ```
    /// # use pmcp_core::prelude::*;
    /// # fn server() -> ServerBuilder { Server::builder("crm", "1.0.0") }
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/", axum::routing::get(|| async { "my app" }))
    ///     .merge(pmcp_cloudrun::router(server(), pmcp_cloudrun::Config::from_env()?)?);
    /// # Ok::<(), pmcp_cloudrun::Error>(())
    /// ```
    ///
    /// # Errors
    /// All that is wrong with what was registered, or with `config`.
    pub fn router<S: Clone + Send + Sync + 'static>(
        server: impl pmcp_core::IntoServer,
        config: Config,
    ) -> crate::Result<axum::Router<S>> {
        let in_flight = Limit::new(config.max_concurrency);
        let platform = TokioPlatform {
            draining: Default::default(),
            stopping: Default::default(),
            tasks: Default::default(),
            in_flight: in_flight.clone(),
        };
        let service = Service::new(config.endpoint(server)?, Arc::new(platform), in_flight, &config);
        Ok(axum::Router::new().route_service("/mcp", service))
    }
}
#[cfg(feature = "axum")]
pub use axum_router::router;
