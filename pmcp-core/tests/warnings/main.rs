//! What the log says: what the author of a server is warned of, and how much of what a client or a handler made up.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

mod once;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use pmcp_core::{
    InMemoryTaskStore, LocalBus, Notifier, StreamableHttp, TaskRecord, TaskStore, TaskStoreError,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::Revision,
    testing::{Client, TestPlatform},
};
use serde_json::json;
use tracing::{Event, Level, Metadata, Subscriber, field::Field, span};

/// Keeps what is said at one level, whole.
#[derive(Clone)]
struct Log(Level, Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == self.0
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| line += &format!("{}={value:?} ", field.name()));
        self.1.lock().expect("a lock").push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What is warned of while `work` runs.
fn warnings(work: impl Future<Output = ()>) -> Vec<String> {
    heard(Level::WARN, work)
}

fn heard(level: Level, work: impl Future<Output = ()>) -> Vec<String> {
    let log = Log(level, Arc::default());
    tracing::subscriber::with_default(log.clone(), || pollster::block_on(work));
    log.1.lock().expect("a lock").clone()
}

#[test]
fn a_server_knows_whether_its_changes_reach_others() {
    let notifies_this_process_only = |notifier: &Notifier| {
        let server = Server::builder("notes", "1").notifier(notifier).build().expect("a server");
        server.notifies_this_process_only()
    };
    assert!(notifies_this_process_only(&Notifier::local()));
    assert!(!notifies_this_process_only(&Notifier::new(LocalBus::default())));
}

#[test]
fn a_notifier_of_no_server_says_so_once() {
    let lone = Notifier::local();
    let heard = warnings(async {
        lone.tools_changed().await.expect("a local bus");
        lone.clone().resource_updated("notes://today").await.expect("a local bus");
    });
    assert!(heard.len() == 1 && heard[0].contains("ServerBuilder::notifier"), "{heard:?}");
    let lone = Notifier::local();
    let heard = warnings(async {
        lone.resource_updated(format!("notes://{}", "x".repeat(100_000))).await.expect("a local bus");
    });
    assert!(heard.len() == 1 && heard[0].contains("notes://x") && heard[0].len() < 1_000, "{heard:?}");
    let attached = Notifier::local();
    let builder = Server::builder("notes", "1").notifier(&attached);

    let heard = warnings(async {
        attached.tools_changed().await.expect("a local bus");
        Client::new(builder).expect("a server");
    });
    assert_eq!(heard, [""; 0]);
}

struct Kitchen;

#[server(name = "kitchen", version = "1.0.0")]
impl Kitchen {
    #[tool(task)]
    async fn cook(&self) -> &'static str {
        "done"
    }
}

#[test]
fn tasks_need_no_notifier() {
    let client = Client::new(Kitchen).expect("a server").with_tasks();
    let heard = warnings(async {
        let result = client.call_tool("cook", json!({})).await.expect("a result");
        assert!(!result.is_error);
    });
    assert_eq!(heard, [""; 0]);
}

struct Shop;

#[server(name = "shop", version = "1.0.0")]
impl Shop {
    #[tool]
    async fn order(&self, cx: &Context) -> Result<usize> {
        cx.roots("roots").await.map(|roots| roots.len())
    }
}

#[test]
fn a_question_that_cannot_be_asked_is_told_of_once() {
    let client = Client::new(Shop).expect("a server").with_revision(Revision::V2025_06_18);
    let heard = warnings(async {
        for _ in 0..2 {
            let result = client.call_tool("order", json!({})).await.expect("a result");
            assert!(result.is_error && result.to_text().contains("cannot be asked"));
        }
    });
    assert_eq!(heard.len(), 1, "{heard:?}");
    for word in ["order", "2025-06-18", "StreamableHttp::sessions", "PMCP_SESSIONS"] {
        assert!(heard[0].contains(word), "{heard:?}");
    }
}

struct Talks;

#[server(name = "talks", version = "1.0.0")]
impl Talks {
    #[tool]
    fn fail(&self, how: String) -> Result<String> {
        let text = "x".repeat(100_000);
        match how.as_str() {
            "panic" => panic!("{text}"),
            _ => Err(Error::Internal(text)),
        }
    }

    #[tool]
    fn apologize(&self) -> Result<String, String> {
        Err("x".repeat(100_000))
    }

    #[tool(task)]
    async fn blink(&self, cx: &Context) -> &'static str {
        cx.sleep(Duration::from_millis(1)).await;
        "done"
    }
}

#[test]
fn a_line_of_the_log_is_as_long_as_anybody_reads() {
    for revision in [Revision::LATEST, Revision::V2025_11_25] {
        let client = Client::new(Talks).expect("a server").with_revision(revision);
        for (level, tool, how) in
            [(Level::ERROR, "fail", "internal"), (Level::ERROR, "fail", "panic"), (Level::INFO, "apologize", "")]
        {
            if how == "panic" && !cfg!(panic = "unwind") {
                continue;
            }
            let arguments = if how.is_empty() { json!({}) } else { json!({ "how": how }) };
            let lines = heard(level, async {
                // What came of it is another matter.
                let _ = client.call_tool(tool, arguments).await;
            });
            assert!(!lines.is_empty(), "{tool} {how}");
            let longest = lines.iter().map(String::len).max();
            assert!(longest < Some(3_000), "{tool} {how}: {longest:?}");
        }
    }
}

#[test]
fn a_task_that_nobody_can_ask_for_any_more_is_no_error() {
    let platform = TestPlatform::default();
    let client = Client::new(Talks).expect("a server").with_revision(Revision::V2025_11_25);
    let client = client.with_platform(Arc::new(platform.clone()));
    let lines = heard(Level::ERROR, async {
        let work = async {
            client
                .request("tools/call", json!({ "name": "blink", "task": { "ttl": 0 } }))
                .await
                .result
                .expect("a task");
            platform.sleep(Duration::from_secs(1)).await;
            assert_eq!(platform.background_len(), 0);
        };
        platform.run(work).await;
    });
    assert_eq!(lines, [""; 0]);
}

/// Takes new tasks, and no change of any.
struct TakesNoMore(InMemoryTaskStore);

impl TaskStore for TakesNoMore {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        self.0.create(record, now)
    }
    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        self.0.list(owner, after, most, now)
    }
    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        self.0.read(id, now)
    }
    fn update(&self, _: TaskRecord, _: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        Box::pin(async { Err(TaskStoreError::failed("it is read-only")) })
    }
}

#[test]
fn whoever_reads_the_log_can_ask_for_no_task() {
    for level in [Level::WARN, Level::ERROR] {
        let platform = TestPlatform::default();
        let store = TakesNoMore(InMemoryTaskStore::new());
        let server = Talks.into_builder().task_store(store).task_ttl(Duration::from_secs(10));
        let client = Client::new(server).expect("a server").with_tasks().with_platform(Arc::new(platform.clone()));
        let mut id = String::new();
        let lines = heard(level, async {
            let work = async {
                let task = client.request("tools/call", json!({ "name": "blink" })).await.result.expect("a task");
                task["taskId"].as_str().expect("an id").clone_into(&mut id);
                platform.sleep(Duration::from_secs(20)).await;
            };
            platform.run(work).await;
        });
        assert!(!lines.is_empty() && id.len() == 32, "{id}");
        assert!(lines.iter().all(|line| line.contains(&id[..8]) && !line.contains(&id)), "{id}: {lines:?}");
    }
}

struct Grumpy;

#[server(name = "grumpy", version = "1.0.0")]
impl Grumpy {
    #[tool]
    fn refuse(&self) -> Result<String, &'static str> {
        Err("no")
    }

    #[tool(task)]
    async fn refuse_later(&self, cx: &Context) -> Result<String, &'static str> {
        cx.sleep(Duration::from_millis(1)).await;
        Err("no")
    }

    #[resource("grumpy://{mood}")]
    fn mood(&self, mood: &str) -> Result<String, String> {
        Err(format!("{mood}: no"))
    }

    #[prompt]
    async fn ask(&self, #[arg(complete = guess)] what: &str) -> Result<String, String> {
        Err(format!("{what}: no"))
    }

    fn guess(&self, _: &str) -> Result<Vec<String>, &'static str> {
        Err("no")
    }
}

#[test]
fn a_failure_says_whose_it_was() {
    let long = format!("grumpy://{}", "x".repeat(100_000));
    let complete =
        json!({ "ref": { "type": "ref/prompt", "name": "ask" }, "argument": { "name": "what", "value": "" } });
    for (method, params, whose) in [
        ("tools/call", json!({ "name": "refuse" }), "tools/call refuse\""),
        ("tools/call", json!({ "name": "refuse_later" }), "tools/call refuse_later\""),
        ("resources/read", json!({ "uri": "grumpy://today" }), "resources/read grumpy://today\""),
        ("resources/read", json!({ "uri": long }), "resources/read grumpy://xxx"),
        ("prompts/get", json!({ "name": "ask", "arguments": { "what": "" } }), "prompts/get ask\""),
        ("completion/complete", complete, "completion/complete\""),
    ] {
        for revision in Revision::ALL {
            let client = Client::new(Grumpy).expect("a server").with_revision(revision);
            let lines = heard(Level::INFO, async {
                client.request(method, params.clone()).await.result.ok();
            });
            let is_named = lines.len() == 1 && lines[0].contains(&format!("handler=\"{whose}"));
            assert!(is_named && lines[0].len() < 3_000, "{revision} {whose}: {lines:?}");
        }
    }
    let platform = TestPlatform::default();
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refuse"}}]"#;
    let mut request = http::Request::post("http://localhost/mcp").body(batch.into()).expect("a request");
    for (name, value) in [("content-type", "application/json"), ("mcp-protocol-version", "2025-03-26")] {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    let lines = heard(Level::INFO, async {
        let shared: Arc<dyn Platform> = Arc::new(platform.clone());
        StreamableHttp::new(Grumpy).expect("a server").respond(request, &shared).await;
    });
    assert!(lines.len() == 1 && lines[0].contains("handler=\"tools/call refuse\""), "{lines:?}");
    let client = Client::new(Grumpy).expect("a server").with_tasks().with_platform(Arc::new(platform.clone()));
    let lines = heard(Level::INFO, async {
        platform.run(client.call_tool("refuse_later", json!({}))).await.expect("a result");
    });
    assert!(lines.len() == 1 && lines[0].contains("handler=\"tools/call refuse_later\""), "{lines:?}");
}
