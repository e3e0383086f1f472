//! Lambda's Runtime API: events come from it, answers go to it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>

use std::{
    convert::Infallible,
    env,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Serialize;

use crate::{
    Error,
    response::{Answer, Chunks},
};

/// What Lambda tells of an invocation beside its event.
const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const TRACE: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
/// To be sent back, so that an answer that comes too late is not taken for another's.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");

const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const STREAMED_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.awslambda.http-integration-response");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The connections to Lambda; cheap to clone.
#[derive(Clone)]
pub(crate) struct RuntimeApi {
    client: Client<HttpConnector, Payload>,
    base: String,
}

/// An event, and what Lambda tells of it.
pub(crate) struct Invocation {
    pub(crate) id: String,
    /// When Lambda stops it, since 1970.
    pub(crate) deadline: Option<Duration>,
    /// Of X-Ray.
    pub(crate) trace: Option<HeaderValue>,
    invocation_id: Option<HeaderValue>,
    pub(crate) event: Bytes,
}

/// What went wrong between Lambda and this process.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ApiError(String);

impl RuntimeApi {
    /// The one that Lambda names in the environment.
    pub(crate) fn from_env() -> Result<Self, Error> {
        let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| Error::NotOnLambda)?;
        let address = address.trim_start_matches("http://").trim_end_matches('/');
        let mut connector = HttpConnector::new();
        // A streamed answer is several small writes, each of which would wait for the one before to be confirmed.
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, base: format!("http://{address}") })
    }

    /// Waits for the next event.
    pub(crate) async fn next(&self) -> Result<Invocation, ApiError> {
        let path = "/2018-06-01/runtime/invocation/next";
        let mut response = self.send(Method::GET, path, HeaderMap::new(), Payload::empty()).await?;
        let mut taken = |name| response.headers_mut().remove(name);
        let (id, deadline) = (taken(REQUEST_ID), taken(DEADLINE));
        let (trace, invocation_id) = (taken(TRACE), taken(INVOCATION_ID));
        let text = |value: Option<HeaderValue>| value.and_then(|value| value.to_str().ok().map(str::to_owned));
        let id = text(id).ok_or_else(|| ApiError(format!("an event came without {REQUEST_ID}")))?;
        let deadline = text(deadline).and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
        let event = response.into_body().collect().await;
        let event = event.map_err(|error| ApiError(format!("an event broke off: {error}")))?.to_bytes();
        Ok(Invocation { id, deadline, trace, invocation_id, event })
    }

    /// Gives the answer to an invocation; of a streamed one, until it is at its end.
    pub(crate) async fn answer(&self, invocation: &Invocation, answer: Answer) -> Result<(), ApiError> {
        let mut headers = invocation.echoed();
        let payload = match answer {
            Answer::Whole(json) => {
                headers.insert(header::CONTENT_TYPE, JSON);
                Payload::Whole(Full::new(json.into()))
            }
            Answer::Streamed(chunks) => {
                headers.insert(RESPONSE_MODE, HeaderValue::from_static("streaming"));
                headers.insert(header::CONTENT_TYPE, STREAMED_TYPE);
                Payload::Chunks(chunks)
            }
        };
        let path = format!("/2018-06-01/runtime/invocation/{}/response", invocation.id);
        self.send(Method::POST, &path, headers, payload).await.map(drop)
    }

    /// Says that an invocation failed.
    pub(crate) async fn fail(&self, invocation: &Invocation, failure: &Failure<'_>) -> Result<(), ApiError> {
        let path = format!("/2018-06-01/runtime/invocation/{}/error", invocation.id);
        self.send_failure(&path, invocation.echoed(), failure).await
    }

    /// Says that the function cannot start.
    pub(crate) async fn refuse_start(&self, failure: &Failure<'_>) -> Result<(), ApiError> {
        self.send_failure("/2018-06-01/runtime/init/error", HeaderMap::new(), failure).await
    }

    async fn send_failure(&self, path: &str, mut headers: HeaderMap, failure: &Failure<'_>) -> Result<(), ApiError> {
        headers.insert(ERROR_TYPE, HeaderValue::from_static(failure.error_type));
        headers.insert(header::CONTENT_TYPE, JSON);
        let json = serde_json::to_vec(failure).map_err(|error| ApiError(error.to_string()))?;
        self.send(Method::POST, path, headers, Payload::Whole(Full::new(json.into()))).await.map(drop)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        payload: Payload,
    ) -> Result<Response<Incoming>, ApiError> {
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        let uri = format!("{}{path}", self.base);
        *request.uri_mut() = uri.parse().map_err(|_| ApiError(format!("{uri:?} is no address")))?;
        *request.headers_mut() = headers;
        let response = self.client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            ApiError(format!("{error}{cause}"))
        })?;
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::GONE => Err(ApiError("Lambda had given the invocation up before its answer came".to_owned())),
            status => Err(ApiError(format!("Lambda answered {status} to {path}"))),
        }
    }
}

impl Invocation {
    fn echoed(&self) -> HeaderMap {
        HeaderMap::from_iter(self.invocation_id.clone().map(|id| (INVOCATION_ID, id)))
    }
}

/// Why an invocation has no answer, or the function no start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure<'a> {
    pub(crate) error_type: &'static str,
    pub(crate) error_message: &'a str,
}

/// What is sent to Lambda.
pub(crate) enum Payload {
    Whole(Full<Bytes>),
    Chunks(Box<Chunks>),
}

impl Payload {
    pub(crate) fn empty() -> Self {
        Self::Whole(Full::default())
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body).poll_frame(task),
            Self::Chunks(chunks) => chunks.poll_next(task).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Chunks(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Chunks(_) => SizeHint::default(),
        }
    }
}
