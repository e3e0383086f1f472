//! What a handler holds while its server waits for something else: the handler runs on, or both would wait for ever.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as Task, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as _;
use pmcp_core::{
    BusError, Change, ChangeBus, Changes, InMemoryTaskStore, LocalBus, MemorySessionStore, Notifier, Session,
    SessionStore, SessionStoreError, StreamEvent, StreamableHttp, TaskRecord, TaskStore, TaskStoreError,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::SubscriptionFilter,
    serde_json::{Value, json},
    streamable_http::Body,
    testing::{Client, TestPlatform},
};

/// One connection, handed to those who ask in their order, whether they look or not.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Line>>);

#[derive(Default)]
struct Line {
    asked: u64,
    standing: VecDeque<u64>,
    wakers: Vec<Waker>,
}

/// A place in the line, which is the connection once it is the first.
struct Connection(Pool, u64);

impl Pool {
    async fn connection(&self) -> Connection {
        let place = {
            let mut line = self.line();
            line.asked += 1;
            let number = line.asked;
            line.standing.push_back(number);
            Connection(self.clone(), number)
        };
        poll_fn(|task| {
            let mut line = self.line();
            if line.standing.front() == Some(&place.1) {
                return Poll::Ready(());
            }
            line.wakers.push(task.waker().clone());
            Poll::Pending
        })
        .await;
        place
    }

    /// `work` with the connection.
    fn with<T: 'static>(&self, work: BoxFuture<T>) -> BoxFuture<T> {
        let pool = self.clone();
        Box::pin(async move {
            let _connection = pool.connection().await;
            work.await
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().expect("a lock")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.standing.retain(|number| *number != self.1);
        let wakers = std::mem::take(&mut line.wakers);
        drop(line);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Keeps what it is given where the handlers have what they work with.
struct Pooled<S>(Pool, S);

impl TaskStore for Pooled<InMemoryTaskStore> {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        self.0.with(self.1.create(record, now))
    }
    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        self.0.with(self.1.list(owner, after, most, now))
    }
    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        self.0.with(self.1.read(id, now))
    }
    fn update(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        self.0.with(self.1.update(record, now))
    }
}

impl SessionStore for Pooled<MemorySessionStore> {
    fn create(&self, id: &str, session: Session, now: Duration) -> BoxFuture<Result<(), SessionStoreError>> {
        self.0.with(self.1.create(id, session, now))
    }
    fn load(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<Session>, SessionStoreError>> {
        self.0.with(self.1.load(id, now))
    }
    fn save(&self, id: &str, session: Session) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.0.with(self.1.save(id, session))
    }
    fn remove(&self, id: &str) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.0.with(self.1.remove(id))
    }
    fn open(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        self.0.with(self.1.open(id, stream))
    }
    fn append(
        &self,
        id: &str,
        stream: &str,
        message: Bytes,
        is_last: bool,
    ) -> BoxFuture<Result<bool, SessionStoreError>> {
        self.0.with(self.1.append(id, stream, message, is_last))
    }
    fn read(
        &self,
        id: &str,
        stream: &str,
        after: u64,
    ) -> BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>> {
        // Who waits for a message waits without the connection.
        self.1.read(id, stream, after)
    }
    fn close(&self, id: &str, stream: &str) -> BoxFuture<Result<(), SessionStoreError>> {
        self.0.with(self.1.close(id, stream))
    }
}

struct PooledBus(Pool, LocalBus);

impl ChangeBus for PooledBus {
    fn publish(&self, change: Change) -> BoxFuture<Result<(), BusError>> {
        self.0.with(self.1.publish(change))
    }
    fn subscribe(&self, filter: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>> {
        self.0.with(self.1.subscribe(filter))
    }
}

struct Books(Pool);

#[server(name = "books", version = "1.0.0", logging)]
impl Books {
    #[tool(task)]
    async fn close(&self, rounds: u32, cx: &Context) -> &'static str {
        for round in 1..=rounds {
            let connection = self.0.connection().await;
            cx.status(format!("{round} of {rounds}"));
            cx.progress(round, f64::from(rounds), "at it").await;
            cx.sleep(Duration::from_millis(200)).await;
            drop(connection);
        }
        "closed"
    }

    #[tool]
    async fn tell(&self, cx: &Context) {
        cx.log(LogLevel::Alert, "and nothing more").await;
        std::future::pending().await
    }
}

/// The work's result, unless it stands still: then nothing would ever wake it.
async fn unless_it_stands_still<T>(platform: &TestPlatform, work: impl Future<Output = T>) -> T {
    let ticks = async {
        // Time passes for what the test waits for, and not for the background alone.
        for _ in 0..10_000 {
            platform.sleep(Duration::from_millis(10)).await;
        }
    };
    let (mut work, mut ticks) = (pin!(work), pin!(ticks));
    let mut polls = 0;
    let either = poll_fn(|task| match work.as_mut().poll(task) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => {
            polls += 1;
            assert!(polls < 100_000 && ticks.as_mut().poll(task).is_pending(), "nobody goes on");
            task.waker().wake_by_ref();
            Poll::Pending
        }
    });
    platform.run(either).await
}

#[test]
fn a_task_and_its_store_share_a_connection() {
    for (rounds, is_told) in [(1, false), (100, false), (100, true)] {
        let (platform, pool) = (TestPlatform::default(), Pool::default());
        let store = Pooled(pool.clone(), InMemoryTaskStore::new());
        let mut server = Books(pool.clone()).into_builder().task_store(store);
        if is_told {
            server = server.notifier(&Notifier::new(PooledBus(pool, LocalBus::default())));
        }
        let client = Client::new(server).expect("a server").with_tasks().with_platform(Arc::new(platform.clone()));
        let closed = unless_it_stands_still(&platform, client.call_tool("close", json!({ "rounds": rounds })));
        assert_eq!(pollster::block_on(closed).expect("a result").to_text(), "closed");
    }
}

/// A server that keeps sessions.
struct Kept {
    endpoint: StreamableHttp,
    platform: TestPlatform,
    shared: Arc<dyn Platform>,
}

impl Kept {
    fn new() -> Self {
        let (platform, pool) = (TestPlatform::default(), Pool::default());
        let sessions = Pooled(pool.clone(), MemorySessionStore::default());
        let endpoint = StreamableHttp::new(Books(pool)).expect("a server").sessions(sessions);
        Self { endpoint, shared: Arc::new(platform.clone()), platform }
    }

    async fn post(&self, session: Option<&str>, body: Bytes) -> Response<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        let all = [
            ("host", "localhost"),
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
        ];
        for (name, value) in all.into_iter().chain(session.map(|session| ("mcp-session-id", session))) {
            request.headers_mut().insert(name, value.parse().expect("a header"));
        }
        self.endpoint.respond(request, &self.shared).await
    }

    async fn open(&self, revision: &str) -> String {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
        let response = self.post(None, message("initialize", params)).await;
        response.headers()["mcp-session-id"].to_str().expect("text").to_owned()
    }
}

fn message(method: &str, params: Value) -> Bytes {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string().into()
}

fn close(meta: Value) -> Value {
    json!({ "name": "close", "arguments": { "rounds": 10 }, "_meta": meta })
}

async fn text(mut body: Body) -> String {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {
        text.extend_from_slice(frame.data_ref().expect("no trailers"));
    }
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn a_stream_of_a_session_and_its_store_share_a_connection() {
    let kept = Kept::new();
    let read = unless_it_stands_still(&kept.platform, async {
        let session = kept.open("2025-11-25").await;
        let call = message("tools/call", close(json!({ "progressToken": 1 })));
        let response = kept.post(Some(&session), call).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        text(response.into_body()).await
    });
    let text = pollster::block_on(read);
    assert_eq!((text.matches("at it").count(), text.matches("closed").count()), (10, 1), "{text}");
}

#[test]
fn the_messages_of_a_batch_share_a_connection() {
    let kept = Kept::new();
    let read = unless_it_stands_still(&kept.platform, async {
        let session = kept.open("2025-03-26").await;
        let batch = json!([
            { "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": close(json!({})) },
            { "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } },
            { "jsonrpc": "2.0", "id": 2, "method": "ping" },
        ]);
        text(kept.post(Some(&session), batch.to_string().into()).await.into_body()).await
    });
    let answers: Value = pmcp_core::serde_json::from_str(&pollster::block_on(read)).expect("JSON");
    assert_eq!(answers[0]["result"]["content"][0]["text"], "closed");
    assert_eq!((&answers[1]["id"], &answers[1]["result"]), (&json!(2), &json!({})));
}

/// The memory that a connection reads its requests into.
struct Buffer(Vec<u8>, Arc<AtomicBool>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

/// Also one in which nothing but log messages and questions can come.
#[test]
fn a_stream_of_a_session_does_not_hold_the_memory_of_its_request() {
    let kept = Kept::new();
    let read = unless_it_stands_still(&kept.platform, async {
        let session = kept.open("2025-11-25").await;
        let (call, is_free) = (message("tools/call", json!({ "name": "tell" })), Arc::new(AtomicBool::new(false)));
        let body = Bytes::from_owner(Buffer(call.to_vec(), Arc::clone(&is_free)));
        let mut stream = kept.post(Some(&session), body).await.into_body();
        while let Some(Ok(frame)) = poll_fn(|task| Pin::new(&mut stream).poll_frame(task)).await {
            if String::from_utf8_lossy(frame.data_ref().expect("no trailers")).contains("nothing more") {
                break;
            }
        }
        let mut task = Task::from_waker(Waker::noop());
        assert!(Pin::new(&mut stream).poll_frame(&mut task).is_pending(), "it has ended");
        is_free.load(Ordering::SeqCst)
    });
    assert!(pollster::block_on(read), "the buffer of the request is held");
}
