//! What fails behind the server, such as the store of its sessions: the log says it once, with the reason, and the client
//! is not told the reason.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as _;
use pmcp_core::{
    BusError, Change, ChangeBus, Changes, MemorySessionStore, Notifier, Session, SessionStore, SessionStoreError,
    StreamEvent, StreamableHttp, TaskRecord, TaskStore, TaskStoreError,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::SubscriptionFilter,
    serde_json::{Value, json},
    streamable_http::Body,
    testing::{Client, TestPlatform},
};
use tracing::Level;

use crate::heard;

/// What is behind the server, and fails at everything that a test needs of it.
struct Broken;

const REASON: &str = "the password is 12345";

impl TaskStore for Broken {
    fn create(&self, _: TaskRecord, _: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        Box::pin(async { Err(TaskStoreError::failed(REASON)) })
    }
    fn list(&self, _: &str, _: &str, _: usize, _: Duration) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        Box::pin(async { Err(TaskStoreError::failed(REASON)) })
    }
    fn read(&self, _: &str, _: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        Box::pin(async { Err(TaskStoreError::failed(REASON)) })
    }
    fn update(&self, _: TaskRecord, _: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        Box::pin(async { Err(TaskStoreError::failed(REASON)) })
    }
}

impl ChangeBus for Broken {
    fn publish(&self, _: Change) -> BoxFuture<Result<(), BusError>> {
        Box::pin(async { Err(BusError::new(REASON)) })
    }
    fn subscribe(&self, _: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>> {
        Box::pin(async { Err(BusError::new(REASON)) })
    }
}

/// Keeps sessions, and opens no stream in which an answer could arrive.
#[derive(Default)]
struct TakesNoAnswers(MemorySessionStore);

impl SessionStore for TakesNoAnswers {
    fn create(&self, id: &str, session: Session, now: Duration) -> BoxFuture<Result<(), SessionStoreError>> {
        self.0.create(id, session, now)
    }
    fn load(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>> {
        self.0.load(id, now)
    }
    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.0.save(id, session)
    }
    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.0.remove(id)
    }
    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        match stream.starts_with("answer") {
            true => Box::pin(async { Err(SessionStoreError(REASON.to_owned())) }),
            false => self.0.open(id, stream),
        }
    }
    fn append(&self, id: &str, stream: &str, text: Bytes, is_last: bool) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.0.append(id, stream, text, is_last)
    }
    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>> {
        self.0.read(id, stream, after)
    }
    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        self.0.close(id, stream)
    }
}

struct Shop {
    notifier: Notifier,
}

#[server(name = "shop", version = "1.0.0")]
impl Shop {
    #[tool(task)]
    async fn pack(&self, cx: &Context) -> &'static str {
        cx.sleep(Duration::from_secs(1)).await;
        "packed"
    }

    #[tool]
    async fn order(&self, cx: &Context) -> Result<String> {
        cx.elicit_url("pay", "Please pay.", "https://example.com/pay").await.map(|_| "ordered".to_owned())
    }

    #[tool]
    async fn restock(&self) -> Result<()> {
        Ok(self.notifier.tools_changed().await?)
    }

    #[tool]
    async fn drop_it(&self) {
        panic!("{REASON}")
    }
}

fn shop() -> pmcp_core::ServerBuilder {
    let notifier = Notifier::new(Broken);
    Shop { notifier: notifier.clone() }.into_builder().notifier(&notifier).task_store(Broken)
}

/// What `work` comes to must be an error of the server's; and the one line that tells of it.
fn told(work: impl Future<Output = Value>) -> String {
    let mut error = Value::Null;
    let lines = heard(Level::ERROR, async { error = work.await });
    assert!(error["code"] == -32603 && !error.to_string().contains("12345"), "{error}");
    assert!(lines.len() == 1 && lines[0].contains(REASON), "{lines:?}");
    lines[0].clone()
}

#[test]
fn a_store_a_bus_or_a_handler_that_fails_is_told_of_once() {
    let client = || Client::new(shop()).expect("a server").with_tasks();
    for (method, params, whose) in [
        ("tools/call", json!({ "name": "pack" }), Some("tools/call pack")),
        ("tools/call", json!({ "name": "restock" }), Some("tools/call restock")),
        ("tasks/get", json!({ "taskId": "t" }), None),
        ("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }), None),
        ("tools/call", json!({ "name": "drop_it" }), Some("tools/call drop_it")),
    ] {
        if params["name"] == "drop_it" && !cfg!(panic = "unwind") {
            continue;
        }
        let line = told(async {
            let error = client().request(method, params).await.result.expect_err("a failure");
            json!({ "code": error.code, "message": error.message })
        });
        assert!(whose.is_none_or(|whose| line.contains(whose)), "{line}");
    }
}

/// What a session's request is answered.
async fn post(endpoint: &StreamableHttp, session: Option<&str>, message: Value) -> Response<Body> {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let mut request = Request::new(Bytes::from(message.to_string()));
    *request.method_mut() = Method::POST;
    let all = [
        ("host", "localhost"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
    ];
    for (name, value) in all.into_iter().chain(session.map(|session| ("mcp-session-id", session))) {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    endpoint.respond(request, &platform).await
}

#[test]
fn a_question_that_its_store_cannot_take_is_told_of_once() {
    let endpoint = StreamableHttp::new(shop()).expect("a server").sessions(TakesNoAnswers::default());
    let message = |method, params| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params, });
    let line = told(async {
        let client = json!({ "name": "test", "version": "1" });
        let capabilities = json!({ "elicitation": { "url": {} } });
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client });
        let opened = post(&endpoint, None, message("initialize", hello)).await;
        let session = opened.headers()["mcp-session-id"].to_str().expect("text").to_owned();
        let called = post(&endpoint, Some(&session), message("tools/call", json!({ "name": "order" }))).await;
        let (mut body, mut text) = (called.into_body(), Vec::new());
        while let Some(Ok(frame)) = poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {
            text.extend_from_slice(frame.data_ref().expect("no trailers"));
        }
        let answer: Value = pmcp_core::serde_json::from_slice(&text).expect("one message");
        answer["error"].clone()
    });
    assert!(line.contains("tools/call order"), "{line}");
}
