//! What the endpoint refuses, with which status and in which words: ids that are too long, hosts, verbs, what a session
//! cannot do.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use pmcp_core::{
    MemorySessionStore, Notifier, Session, SessionStore, SessionStoreError, StreamEvent, StreamableHttp,
    platform::{BoxFuture, Platform},
    prelude::*,
    serde_json::{self, Value, json},
    streamable_http::Body,
    testing::TestPlatform,
};

#[derive(Deserialize, JsonSchema)]
struct Name {
    #[serde(rename = "name")]
    _name: String,
}

struct Desk;

#[server(name = "desk", version = "1.0.0")]
impl Desk {
    #[tool]
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    #[tool]
    async fn greet(&self, cx: &Context) -> Result<&'static str> {
        cx.progress(1, 2.0, "asking").await;
        cx.elicit::<Name>("name", "Who are you?").await.map(|_| "hello")
    }
}

/// Sessions in memory, which cannot be reached as long as it is told so.
#[derive(Clone, Default)]
struct Store(Arc<MemorySessionStore>, Arc<AtomicBool>);

impl Store {
    fn or_fail<T: Send + 'static>(
        &self,
        done: BoxFuture<Result<T, SessionStoreError>>,
    ) -> BoxFuture<Result<T, SessionStoreError>> {
        match self.1.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(SessionStoreError("the password is 12345".to_owned())) }),
            false => done,
        }
    }
}

impl SessionStore for Store {
    fn create(&self, id: &str, session: Session, now: Duration) -> BoxFuture<Result<(), SessionStoreError>> {
        self.or_fail(self.0.create(id, session, now))
    }
    fn load(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>> {
        self.0.load(id, now)
    }
    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.or_fail(self.0.save(id, session))
    }
    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.or_fail(self.0.remove(id))
    }
    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        self.or_fail(self.0.open(id, stream))
    }
    fn append(
        &self,
        id: &str,
        stream: &str,
        message: Bytes,
        is_last: bool,
    ) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.or_fail(self.0.append(id, stream, message, is_last))
    }
    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>> {
        self.or_fail(self.0.read(id, stream, after))
    }
    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        self.or_fail(self.0.close(id, stream))
    }
}

fn endpoint() -> StreamableHttp {
    StreamableHttp::new(Desk).expect("a server")
}

fn request(method: Method, headers: &[(&'static str, &str)], body: Value) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = method;
    let all = [
        ("host", "localhost"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
    ];
    for (name, value) in all.into_iter().chain(headers.iter().copied()) {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    request
}

fn send(endpoint: &StreamableHttp, request: Request<Bytes>) -> Response<Body> {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    pollster::block_on(endpoint.respond(request, &platform))
}

fn message(response: Response<Body>) -> Value {
    let mut body = response.into_body();
    let mut json = Vec::new();
    while let Some(Ok(frame)) = pollster::block_on(poll_fn(|task| Pin::new(&mut body).poll_frame(task))) {
        json.extend_from_slice(frame.data_ref().expect("no trailers"));
    }
    serde_json::from_slice(&json).expect("JSON")
}

fn post(endpoint: &StreamableHttp, headers: &[(&'static str, &str)], body: Value) -> (StatusCode, Value) {
    let response = send(endpoint, request(Method::POST, headers, body));
    (response.status(), message(response))
}

fn call(id: Value, token: Value) -> Value {
    let params = json!({
        "name": "add",
        "arguments": { "a": 1, "b": 2 },
        "_meta": {
            "progressToken": token,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

const MODERN: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "add")];

const OLDER: [(&str, &str); 1] = [("mcp-protocol-version", "2025-11-25")];

#[test]
fn an_id_is_bounded() {
    let long = |length: usize| json!("x".repeat(length));
    let (status, answer) = post(&endpoint(), &MODERN, call(long(1024), json!(1)));
    assert_eq!((status, &answer["id"]), (StatusCode::OK, &long(1024)));
    let (status, refused) = post(&endpoint(), &MODERN, call(long(1025), json!(1)));
    assert_eq!((status, &refused["error"]["code"], refused.get("id")), (StatusCode::BAD_REQUEST, &json!(-32600), None));
    assert!(refused["error"]["message"].as_str().expect("text").contains("at most 1024 bytes"), "{refused}");
}

#[test]
fn a_progress_token_is_bounded_in_every_revision() {
    for (revision, headers) in [("2026-07-28", &MODERN[..]), ("2025-11-25", &OLDER[..])] {
        let with = |length: usize| {
            let mut call = call(json!(1), json!("x".repeat(length)));
            if revision != "2026-07-28" {
                call["params"]["_meta"] = json!({ "progressToken": "x".repeat(length) });
            }
            post(&endpoint(), headers, call).1
        };
        assert_eq!(with(1024)["result"]["content"][0]["text"], "3", "{revision}");
        let refused = with(1025);
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(-32602)), "{revision}");
        assert!(refused["error"]["message"].as_str().expect("text").contains("at most 1024 bytes"), "{refused}");
    }
}

#[test]
fn a_target_that_was_written_anew_is_for_whoever_answers_to_any_host() {
    let rewritten = |origin: &'static str| {
        let mut request = request(Method::POST, &MODERN, call(json!(1), json!(1)));
        *request.uri_mut() = "https://internal/mcp".parse().expect("a URI");
        request.headers_mut().insert("host", "mcp.example.com".parse().expect("a header"));
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
        request
    };
    let open = endpoint().any_host();
    assert_eq!(send(&open, rewritten("https://mcp.example.com")).status(), StatusCode::OK);
    assert_eq!(send(&open, rewritten("https://evil.example")).status(), StatusCode::FORBIDDEN);
    // Where the name decides, there is one.
    for strict in [endpoint(), endpoint().allowed_hosts(["mcp.example.com", "internal"])] {
        assert_eq!(send(&strict, rewritten("https://mcp.example.com")).status(), StatusCode::BAD_REQUEST);
    }
}

#[test]
fn a_verb_that_is_not_served_is_told_which_are() {
    let notifier = Notifier::local();
    let told = StreamableHttp::new(Desk.into_builder().notifier(&notifier)).expect("a server");
    let (alone, kept) = (endpoint(), endpoint().sessions(MemorySessionStore::default()));
    let told = told.sessions(MemorySessionStore::default());
    let all = "GET, POST, DELETE, OPTIONS";
    let (none, others, unnamed) = ("There is no stream", "GET and DELETE are for sessions", "Mcp-Session-Id");
    for (endpoint, method, is_named, allow, text) in [
        (&alone, Method::PUT, false, "POST, OPTIONS", none),
        (&alone, Method::GET, false, "POST, OPTIONS", none),
        (&kept, Method::PUT, false, all, others),
        (&told, Method::PATCH, false, all, others),
        (&kept, Method::DELETE, false, "POST, OPTIONS", unnamed),
        (&kept, Method::GET, true, "POST, DELETE, OPTIONS", none),
    ] {
        let session = if is_named { open(endpoint).1 } else { String::new() };
        let headers = [("mcp-session-id", session.as_str())];
        let response = send(endpoint, request(method.clone(), &headers[..usize::from(is_named)], json!({})));
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()["allow"], allow, "{method}");
        let told = message(response);
        assert!(told["error"]["message"].as_str().expect("text").contains(text), "{method}: {told}");
    }
}

/// The answer to a handshake, and the session that it opened.
fn open(endpoint: &StreamableHttp) -> (Value, String) {
    let client = json!({ "name": "test", "version": "1" });
    let capabilities = json!({ "elicitation": {} });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client });
    let body = json!({ "jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params });
    let response = send(endpoint, request(Method::POST, &[], body));
    let session = response.headers().get("mcp-session-id").map(|id| id.to_str().expect("text").to_owned());
    (message(response), session.unwrap_or_default())
}

#[test]
fn a_session_that_cannot_be_kept_is_refused_with_the_id_of_its_request() {
    let store = Store::default();
    let endpoint = endpoint().sessions(store.clone());
    let large = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x".repeat(100_000), "version": "1" } });
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "initialize", "params": large });
    let (status, refused) = post(&endpoint, &[], body);
    assert_eq!((status, &refused["id"]), (StatusCode::BAD_REQUEST, &json!(7)), "{refused}");
    store.1.store(true, Ordering::SeqCst);
    let (refused, _) = open(&endpoint);
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("first"), &json!(-32603)), "{refused}");
}

#[test]
fn what_a_store_says_is_not_for_the_client() {
    let store = Store::default();
    let endpoint = endpoint().sessions(store.clone());
    let (_, session) = open(&endpoint);
    store.1.store(true, Ordering::SeqCst);
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let ask = |meta: Value| {
        let params = json!({ "name": "greet", "_meta": meta });
        post(&endpoint, &headers, json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params }))
    };
    // A question that cannot be put, and a stream that cannot be opened.
    for meta in [json!({}), json!({ "progressToken": 1 })] {
        let (_, refused) = ask(meta);
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(8), &json!(-32603)), "{refused}");
        assert!(!refused.to_string().contains("12345"), "{refused}");
    }
}

#[test]
fn a_stream_that_is_not_the_clients_is_none_to_take_up() {
    let endpoint = endpoint().sessions(MemorySessionStore::default());
    let (_, session) = open(&endpoint);
    for last in
        ["altered.0", "cancel String(\"abc\").0", "answer AAAAAAAAAAAAAAAA.0", "AAAA.0", ".0", "AAAAAAAAAAAAAAAA.x"]
    {
        let headers = [("mcp-session-id", session.as_str()), ("last-event-id", last)];
        let response = send(&endpoint, request(Method::GET, &headers, json!({})));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{last}");
        assert!(message(response)["error"]["message"].as_str().expect("text").contains("Last-Event-ID"), "{last}");
    }
    let headers = [("mcp-session-id", session.as_str()), ("last-event-id", "AAAAAAAAAAAAAAAA.0")];
    // It may have been one, of which nothing is left.
    assert_eq!(send(&endpoint, request(Method::GET, &headers, json!({}))).status(), StatusCode::OK);
}
