//! Requests and responses as an adapter handles them, for what [`Client`](pmcp_core::testing::Client) does not show.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as _;
use pmcp_core::{
    StreamableHttp,
    platform::{BoxFuture, Platform},
    protocol::Revision,
    serde_json::{self, Value, json},
    streamable_http::Body,
};

/// A request with these `_meta` members besides those that the revision requires.
pub(crate) fn request(revision: Revision, method: &'static str, mut params: Value, meta: Value) -> Request<Bytes> {
    let mut meta = meta;
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert("host", "localhost".parse().expect("a header"));
    headers.insert("accept", "application/json, text/event-stream".parse().expect("a header"));
    headers.insert("content-type", "application/json".parse().expect("a header"));
    headers.insert("mcp-protocol-version", revision.as_str().parse().expect("a header"));
    if !revision.is_legacy() {
        meta["io.modelcontextprotocol/protocolVersion"] = json!(revision.as_str());
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        headers.insert("mcp-method", method.parse().expect("a header"));
        if let Some(name) = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str) {
            headers.insert("mcp-name", name.parse().expect("a header"));
        }
    }
    params["_meta"] = meta;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    *request.body_mut() = Bytes::from(body.to_string());
    request
}

/// A call of the tool `name` without arguments, with a progress token.
pub(crate) fn call(revision: Revision, name: &str) -> Request<Bytes> {
    request(revision, "tools/call", json!({ "name": name, "arguments": {} }), json!({ "progressToken": "p" }))
}

/// Polls once, without anybody to wake.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The response, which must come without waiting.
pub(crate) fn respond(endpoint: &StreamableHttp, request: Request<Bytes>, platform: &Arc<Stage>) -> Response<Body> {
    let platform: Arc<dyn Platform> = platform.clone();
    match poll(pin!(endpoint.respond(request, &platform))) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("no response yet"),
    }
}

/// What the body has now: the messages of its next frame, or none at its end.
pub(crate) fn next_frame(body: &mut Body) -> Poll<Option<Vec<Value>>> {
    let frame = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    frame.map(|frame| {
        let bytes = frame?.expect("a body without errors").into_data().expect("data");
        Some(messages(&bytes))
    })
}

/// All that is left in the body, which must come without waiting.
pub(crate) fn rest(mut body: Body) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        match next_frame(&mut body) {
            Poll::Ready(Some(messages)) => all.extend(messages),
            Poll::Ready(None) => return all,
            Poll::Pending => panic!("the body waits after {all:?}"),
        }
    }
}

fn messages(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    if text.starts_with('{') {
        return vec![serde_json::from_str(text).expect("JSON")];
    }
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

/// A platform on which the test says what happens when; it wakes nobody, so the test polls.
#[derive(Default)]
pub(crate) struct Stage {
    /// What outlives its request.
    pub(crate) background: Mutex<Vec<BoxFuture<()>>>,
    /// All that sleeps wakes up.
    pub(crate) time_is_up: Arc<AtomicBool>,
    pub(crate) stopping: Arc<AtomicBool>,
}

impl Platform for Stage {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<()> {
        until(&self.time_is_up)
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn stopping(&self) -> BoxFuture<()> {
        until(&self.stopping)
    }

    fn background(&self, work: BoxFuture<()>) {
        self.background.lock().expect("a lock").push(work);
    }
}

/// Completes once `flag` is set.
pub(crate) fn until(flag: &Arc<AtomicBool>) -> BoxFuture<()> {
    let flag = Arc::clone(flag);
    Box::pin(std::future::poll_fn(move |_| if flag.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }))
}
