//! Stores that have no room, fail for a while, or change hands; and who hears of it.

use std::sync::Mutex;

use pmcp_core::{TaskRecord, TaskStore, TaskStoreError, platform::BoxFuture};

use super::*;

/// Fails as long as it is told to.
#[derive(Clone, Default)]
struct Flaky {
    store: InMemoryTaskStore,
    failing: Arc<Mutex<bool>>,
}

impl Flaky {
    fn or_fail<T: Send + 'static>(
        &self,
        done: impl FnOnce() -> BoxFuture<Result<T, TaskStoreError>>,
    ) -> BoxFuture<Result<T, TaskStoreError>> {
        if *self.failing.lock().unwrap() {
            return Box::pin(async { Err(TaskStoreError::failed("the password is 12345")) });
        }
        done()
    }
}

impl TaskStore for Flaky {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        self.or_fail(|| self.store.create(record, now))
    }
    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        self.or_fail(|| self.store.list(owner, after, most, now))
    }
    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        self.or_fail(|| self.store.read(id, now))
    }
    fn update(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        self.or_fail(|| self.store.update(record, now))
    }
}

#[test]
fn a_store_that_fails_for_a_while_loses_nothing() {
    let platform = TestPlatform::default();
    let store = Flaky::default();
    let counts = Counts::default();
    let client = client(Works(counts.clone()).into_builder().task_store(store.clone()), &platform);
    let fail = |failing| *store.failing.lock().unwrap() = failing;
    pollster::block_on(platform.run(async {
        let slow = start(&client, "slow", json!({"seconds": 2})).await;
        let greet = start(&client, "greet", json!({})).await;
        fail(true);
        platform.sleep(10 * SECOND).await;
        let error = client.get_task(&slow).await.unwrap_err();
        assert_eq!((error.code.0, error.message.contains("12345")), (-32603, false));
        let call = client.request("tools/call", json!({"name": "slow", "arguments": {"seconds": 1}}));
        assert_eq!(code(call.await.result), -32603);
        assert_eq!(counts.both(), (3, 2), "what could not become a task does not run");
        fail(false);
        assert_eq!(text(&until(&client, &platform, &slow, TaskStatus::Completed).await), "2 s");
        let answers = [accept(&[("name", "Ada")]), accept(&[("second", "Eve")])];
        for answer in answers {
            until(&client, &platform, &greet, TaskStatus::InputRequired).await;
            client.update_task(&greet, answer).await.unwrap();
        }
        assert_eq!(text(&until(&client, &platform, &greet, TaskStatus::Completed).await), "Ada and Eve");
    }));
}

#[test]
fn a_full_store_takes_no_more_until_there_is_room() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::with_room_for(2);
    let client = client(kept_in(&store).task_ttl(60 * SECOND), &platform);
    pollster::block_on(platform.run(async {
        let call = json!({"name": "slow", "arguments": {"seconds": 1}});
        start(&client, "slow", json!({"seconds": 1})).await;
        start(&client, "greet", json!({})).await;
        let error = client.request("tools/call", call.clone()).await.result.unwrap_err();
        assert!(error.message.contains("as many tasks as it can"), "{error}");
        // Even those that are over are kept as long as was said.
        platform.sleep(59 * SECOND).await;
        assert_eq!(code(client.request("tools/call", call).await.result), -32603);
        platform.sleep(2 * SECOND).await;
        start(&client, "slow", json!({"seconds": 1})).await;
    }));
}

#[test]
fn a_record_is_json_to_a_store() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::new();
    let client = client(kept_in(&store), &platform).with_principal("ada");
    pollster::block_on(platform.run(async {
        let id = start(&client, "slow", json!({"seconds": 1})).await;
        until(&client, &platform, &id, TaskStatus::Completed).await;
        let record = store.read(&id, platform.now()).await.unwrap().unwrap();
        let json = serde_json::to_string(&record).unwrap();
        let again: TaskRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
        assert_eq!((again.id(), again.owner()), (id.as_str(), Some("ada")));
        assert_eq!(again.expires(), Duration::from_secs(3600));
        assert_eq!(text(&again.task()), "1 s");
    }));
}

#[test]
fn whoever_listens_hears_every_change_once() {
    let platform = TestPlatform::default();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let builder = Works(Counts::default()).into_builder().on_task_change(move |record| {
        let task = record.task();
        let asked = task.input_requests.map(|asked| asked.keys().cloned().collect::<Vec<_>>().join(","));
        hear.lock().unwrap().push((task.status, asked, task.result.is_some()));
    });
    let client = client(builder, &platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "both", json!({})).await;
        client.get_task(&id).await.unwrap();
        client.update_task(&id, accept(&[("left", "Ada")])).await.unwrap();
        // Nothing changes for the client: what is unknown is ignored, and leases are between the instances.
        client.update_task(&id, accept(&[("left", "Ada")])).await.unwrap();
        platform.sleep(120 * SECOND).await;
        client.update_task(&id, accept(&[("right", "Eve")])).await.unwrap();
        until(&client, &platform, &id, TaskStatus::Completed).await;
    }));
    let (working, asks) = (TaskStatus::Working, TaskStatus::InputRequired);
    assert_eq!(
        *heard.lock().unwrap(),
        [
            (asks, Some("left,right".to_owned()), false),
            (asks, Some("right".to_owned()), false),
            (working, None, false),
            (TaskStatus::Completed, None, true),
        ]
    );
}

/// Keeps records of up to 2,000 bytes.
#[derive(Clone, Default)]
struct Narrow {
    store: InMemoryTaskStore,
    writes: Arc<AtomicU32>,
}

impl TaskStore for Narrow {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        self.store.create(record, now)
    }
    fn list(
        &self,
        owner: &str,
        after: &str,
        most: usize,
        now: Duration,
    ) -> BoxFuture<Result<Vec<TaskRecord>, TaskStoreError>> {
        self.store.list(owner, after, most, now)
    }
    fn read(&self, id: &str, now: Duration) -> BoxFuture<Result<Option<TaskRecord>, TaskStoreError>> {
        self.store.read(id, now)
    }
    fn update(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        match serde_json::to_vec(&record).unwrap().len() {
            0..=2_000 => self.store.update(record, now),
            _ => Box::pin(async { Err(TaskStoreError::TooLong) }),
        }
    }
}

struct Large;

#[server(name = "large", version = "1.0.0")]
impl Large {
    #[tool(task)]
    async fn result(&self, cx: &Context) -> String {
        cx.sleep(SECOND).await;
        "x".repeat(10_000)
    }

    #[tool(task)]
    async fn question(&self, cx: &Context) -> Result<String> {
        cx.sleep(SECOND).await;
        cx.elicit::<Name>("name", &"x".repeat(10_000)).await.map(|_| "answered".to_owned())
    }

    #[tool(task)]
    async fn words(&self, cx: &Context) -> &'static str {
        cx.sleep(SECOND).await;
        cx.status("x".repeat(10_000));
        cx.sleep(SECOND).await;
        cx.sleep(60 * SECOND).await;
        "done"
    }
}

#[test]
fn what_is_longer_than_the_store_keeps_fails_at_once() {
    for tool in ["result", "question", "words"] {
        let platform = TestPlatform::default();
        let store = Narrow::default();
        let client = client(Large.into_builder().task_store(store.clone()), &platform);
        pollster::block_on(platform.run(async {
            let id = start(&client, tool, json!({})).await;
            platform.sleep(3 * SECOND).await;
            let task = client.get_task(&id).await.unwrap();
            assert_eq!(task.status, TaskStatus::Failed, "{tool}");
            assert!(task.error.unwrap().message.contains("longer than the server keeps"), "{tool}");
            assert!(store.writes.load(Ordering::SeqCst) <= 4, "{tool}: {:?}", store.writes);
            assert_eq!(platform.background_len(), 0, "{tool}");
        }));
    }
}
