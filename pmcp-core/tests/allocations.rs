//! What one request costs: nothing that grows with what is registered, and few allocations besides.
//!
//! Counted from a request whose body is there to the response with its whole body.
// Allocations are counted on the machine that tests: what is counted is the same for WebAssembly.
#![cfg(not(target_family = "wasm"))]

use std::{
    future::Future,
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{Method, Request};
use http_body::Body as _;
use pmcp_core::{
    StreamableHttp,
    platform::Platform,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    testing::TestPlatform,
};

struct Adder;

#[server(name = "adder", version = "1.0.0")]
impl Adder {
    /// Adds.
    #[tool(read_only)]
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    /// Adds in time.
    #[tool(read_only)]
    async fn add_in_time(&self, a: i64, b: i64) -> i64 {
        std::future::ready(()).await;
        a + b
    }

    #[resource("adder://motto")]
    fn motto(&self) -> &str {
        "Add."
    }

    #[resource("adder://sums/{a}/{b}")]
    fn sum(&self, a: i64, b: i64) -> String {
        (a + b).to_string()
    }

    #[prompt]
    fn explain(&self, a: &str) -> String {
        a.to_owned()
    }
}

/// The adder with more tools, so that there are `tools` in all, and as many prompts and resources besides.
fn endpoint(tools: usize) -> StreamableHttp {
    let mut builder = Adder.into_builder();
    for number in 2..tools {
        let tool = Tool::new(format!("tool-{number}")).with_description("One of many.");
        builder = builder
            .tool(tool, |value: std::collections::BTreeMap<String, u8>, _| async move { value.len() })
            .prompt(Prompt::new(format!("prompt-{number}")), |_, _| async { "text" })
            .resource(Resource::new(format!("adder://{number}"), "one"), |_, _| async { "text" });
    }
    StreamableHttp::new(builder).expect("a server")
}

fn request(revision: Revision, method: &'static str, mut params: Value) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::POST;
    let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
    for (header, value) in [
        ("host", "localhost:8080"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("user-agent", "a client"),
        ("mcp-protocol-version", revision.as_str()),
    ] {
        request.headers_mut().insert(header, value.parse().expect("a header"));
    }
    if !revision.is_legacy() {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": revision.as_str(),
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "a client", "version": "1.0.0" },
            "progressToken": 1,
        });
        request.headers_mut().insert("mcp-method", method.parse().expect("a header"));
        if let Some(name) = name {
            request.headers_mut().insert("mcp-name", name.parse().expect("a header"));
        }
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    *request.body_mut() = Bytes::from(body.to_string());
    request
}

/// What it takes to answer, once all is warm.
fn cost(endpoint: &StreamableHttp, revision: Revision, method: &'static str, params: &Value) -> AllocationInfo {
    cost_and_length(endpoint, revision, method, params).0
}

/// What it takes to answer, and how long the answer is.
fn cost_and_length(
    endpoint: &StreamableHttp,
    revision: Revision,
    method: &'static str,
    params: &Value,
) -> (AllocationInfo, usize) {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let answer = |request| {
        let mut responding = pin!(endpoint.respond(request, &platform));
        match responding.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(response) => response,
            Poll::Pending => panic!("no response yet"),
        }
    };
    for _ in 0..2 {
        let response = answer(request(revision, method, params.clone()));
        let body = response.body().as_full().expect("no stream");
        let json: Value = pmcp_core::serde_json::from_slice(body).expect("JSON");
        assert!(json.get("result").is_some_and(|result| result["isError"] != true), "{method}: {json}");
    }
    let counted = request(revision, method, params.clone());
    // The response is still there at the end, so that it is counted and its end is not.
    let mut response = None;
    let info = measure(|| response = Some(black_box(answer(counted))));
    let response = response.expect("a response");
    assert!(response.status().is_success());
    (info, response.body().as_full().expect("no stream").len())
}

/// The same number for few and for many tools, and not more than `most`.
fn check(revision: Revision, method: &'static str, params: &Value, most: u64) {
    let few = cost(&endpoint(2), revision, method, params);
    let many = cost(&endpoint(1_000), revision, method, params);
    let what = format!("{revision} {method} {}", params["name"].as_str().unwrap_or_default());
    eprintln!("{what}: {} allocations, {} bytes", few.count_total, few.bytes_total);
    assert_eq!((few.count_total, few.bytes_total), (many.count_total, many.bytes_total), "{what} grows with the tools");
    assert!(few.count_total <= most, "{what}: {} allocations, at most {most} are wanted", few.count_total);
}

#[test]
fn a_call() {
    for (tool, most) in [("add", 11), ("add_in_time", 12)] {
        let params = json!({ "name": tool, "arguments": { "a": 1, "b": 2 } });
        check(Revision::LATEST, "tools/call", &params, most);
        check(Revision::V2025_11_25, "tools/call", &params, most);
    }
}

#[test]
fn a_resource_or_a_prompt() {
    check(Revision::LATEST, "resources/read", &json!({ "uri": "adder://motto" }), 14);
    check(Revision::LATEST, "resources/read", &json!({ "uri": "adder://sums/1/2" }), 21);
    check(Revision::LATEST, "prompts/get", &json!({ "name": "explain", "arguments": { "a": "x" } }), 17);
}

/// What is listed was encoded when the server was built: at the most it is copied once, into the response.
#[test]
fn a_list() {
    for (revision, method) in [
        (Revision::LATEST, "tools/list"),
        (Revision::LATEST, "prompts/list"),
        (Revision::LATEST, "resources/list"),
        (Revision::LATEST, "resources/templates/list"),
        (Revision::LATEST, "server/discover"),
        (Revision::V2025_06_18, "tools/list"),
    ] {
        let (few, few_bytes) = cost_and_length(&endpoint(2), revision, method, &json!({}));
        let (many, many_bytes) = cost_and_length(&endpoint(1_000), revision, method, &json!({}));
        let what = format!("{revision} {method}");
        eprintln!("{what}: {} allocations, {} bytes", few.count_total, few.bytes_total);
        assert_eq!(few.count_total, many.count_total, "{what}: the number of allocations grows with the list");
        let copied = many.bytes_total.saturating_sub(few.bytes_total);
        let longer = (many_bytes - few_bytes) as u64;
        assert!(copied <= longer, "{what}: {longer} more bytes to send, {copied} more allocated");
        assert!(few.count_total <= 9, "{what}: {} allocations", few.count_total);
    }
}

/// An open listen stream is a filter, an id, a timer and little else: nothing of the request that opened it.
#[test]
fn an_idle_listen_stream_holds_little() {
    const STREAMS: i64 = 100;
    let notifier = Notifier::local();
    let endpoint = StreamableHttp::new(Adder.into_builder().notifier(&notifier)).expect("a server");
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let padding = "x".repeat(100_000);
    let params = json!({ "notifications": { "toolsListChanged": true }, "padding": padding });
    let mut streams = Vec::with_capacity(100);
    let info = measure(|| {
        for _ in 0..STREAMS {
            let request = request(Revision::LATEST, "subscriptions/listen", params.clone());
            let mut task = Task::from_waker(Waker::noop());
            let Poll::Ready(response) = pin!(endpoint.respond(request, &platform)).poll(&mut task) else {
                panic!("no response yet");
            };
            let mut body = Box::pin(response.into_body());
            // The acknowledgement is read, and what follows is waited for.
            assert!(body.as_mut().poll_frame(&mut task).is_ready());
            assert!(body.as_mut().poll_frame(&mut task).is_pending());
            streams.push(body);
        }
    });
    let each = info.bytes_current / STREAMS;
    eprintln!("{each} bytes a stream");
    assert!(each < 4096, "{each} bytes a stream");
}
