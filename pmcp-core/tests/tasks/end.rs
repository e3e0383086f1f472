//! How tasks end: done, failed, cancelled, expired, with their process.

use std::sync::{Mutex, atomic::AtomicBool};

use pmcp_core::{platform::BoxFuture, protocol::Revision};

use super::*;

#[test]
fn a_result_is_in_the_task() {
    let platform = TestPlatform::default();
    let (client, counts) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "slow", json!({"seconds": 2})).await;
        platform.sleep(SECOND).await;
        let working = client.get_task(&id).await.unwrap();
        assert_eq!((working.status, working.status_message.as_deref()), (TaskStatus::Working, Some("begun")));
        let task = until(&client, &platform, &id, TaskStatus::Completed).await;
        assert_eq!((text(&task), task.last_updated_at.as_str()), ("2 s".to_owned(), "1970-01-01T00:00:02.000Z"));
        assert_eq!((counts.both(), platform.background_len()), ((1, 1), 0));
    }));
}

#[test]
fn a_failure_for_the_model_is_a_result_and_any_other_an_error() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "fails", json!({})).await;
        let task = until(&client, &platform, &id, TaskStatus::Completed).await;
        let result: Value = serde_json::from_str(task.result.unwrap().get()).unwrap();
        assert_eq!((&result["isError"], &result["content"][0]["text"]), (&json!(true), &json!("no luck")));
        assert!(task.error.is_none());
        for (how, code) in [("panic", -32603), ("params", -32602)] {
            if how == "panic" && !cfg!(panic = "unwind") {
                continue;
            }
            let id = start(&client, "breaks", json!({ "how": how })).await;
            let task = until(&client, &platform, &id, TaskStatus::Failed).await;
            let error = task.error.unwrap();
            assert_eq!((error.code.0, task.status_message), (code, Some(error.message)), "{how}");
            assert!(task.result.is_none());
        }
    }));
}

#[test]
fn what_is_cancelled_runs_no_longer() {
    let platform = TestPlatform::default();
    let (client, counts) = works(&platform);
    pollster::block_on(platform.run(async {
        for (tool, arguments) in [("slow", json!({"seconds": 60})), ("greet", json!({}))] {
            let id = start(&client, tool, arguments).await;
            let acknowledged = client.request("tasks/cancel", json!({"taskId": id})).await.result.unwrap();
            let members: Vec<_> = acknowledged.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!((members, &acknowledged["resultType"]), (vec!["resultType", "_meta"], &json!("complete")));
            let task = client.get_task(&id).await.unwrap();
            assert_eq!((task.status, task.input_requests.is_none()), (TaskStatus::Cancelled, true));
            // Again, and too late: it stays as it is.
            client.cancel_task(&id).await.unwrap();
            client.update_task(&id, accept(&[("name", "Ada")])).await.unwrap();
            assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::Cancelled);
            assert_eq!(platform.background_len(), 0);
        }
        assert_eq!(counts.both(), (2, 2));
        let id = start(&client, "slow", json!({"seconds": 1})).await;
        until(&client, &platform, &id, TaskStatus::Completed).await;
        client.cancel_task(&id).await.unwrap();
        assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::Completed);
    }));
}

#[test]
fn a_task_is_that_of_its_principal() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::new();
    let [ada, eve] = ["ada", "eve"].map(|name| client(kept_in(&store), &platform).with_principal(name));
    let nobody = client(kept_in(&store), &platform);
    pollster::block_on(platform.run(async {
        let id = start(&ada, "greet", json!({})).await;
        for other in [&eve, &nobody] {
            let error = other.get_task(&id).await.unwrap_err();
            let unknown = other.get_task("unknown").await.unwrap_err();
            assert_eq!((error.code.0, error.message.replace(&id, "unknown")), (unknown.code.0, unknown.message));
            assert_eq!(code(other.cancel_task(&id).await), -32602);
            assert_eq!(code(other.update_task(&id, accept(&[("name", "Eve")])).await), -32602);
        }
        assert_eq!(ada.get_task(&id).await.unwrap().status, TaskStatus::InputRequired);
        let id = start(&nobody, "greet", json!({})).await;
        assert_eq!(code(ada.get_task(&id).await), -32602);
    }));
}

#[test]
fn a_task_is_kept_as_long_as_it_says_and_ends_then() {
    let platform = TestPlatform::default();
    let counts = Counts::default();
    let client = client(Works(counts.clone()).into_builder().task_ttl(60 * SECOND), &platform);
    pollster::block_on(platform.run(async {
        let done = start(&client, "slow", json!({"seconds": 1})).await;
        let parked = start(&client, "greet", json!({})).await;
        platform.sleep(Duration::from_millis(59_999)).await;
        assert_eq!(client.get_task(&done).await.unwrap().status, TaskStatus::Completed);
        assert_eq!(client.get_task(&parked).await.unwrap().status, TaskStatus::InputRequired);
        platform.sleep(Duration::from_millis(2)).await;
        for id in [done, parked] {
            assert_eq!(code(client.get_task(&id).await), -32602);
            assert_eq!(code(client.cancel_task(&id).await), -32602);
        }
        assert_eq!((counts.both(), platform.background_len()), ((2, 2), 0));
    }));
}

#[test]
fn a_task_whose_process_died_has_failed() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::new();
    let first = client(kept_in(&store), &platform);
    let (slow, parked) = pollster::block_on(platform.run(async {
        let slow = start(&first, "slow", json!({"seconds": 600})).await;
        let parked = start(&first, "greet", json!({})).await;
        // As long as it lives, so do they.
        platform.sleep(300 * SECOND).await;
        assert_eq!(first.get_task(&slow).await.unwrap().status, TaskStatus::Working);
        (slow, parked)
    }));
    assert_eq!(platform.background_len(), 0);
    let second = client(kept_in(&store), &platform);
    pollster::block_on(platform.run(async {
        assert_eq!(second.get_task(&slow).await.unwrap().status, TaskStatus::Working);
        platform.sleep(31 * SECOND).await;
        for id in [&slow, &parked] {
            let task = second.get_task(id).await.unwrap();
            let error = task.error.unwrap();
            assert_eq!((task.status, error.code.0), (TaskStatus::Failed, -32603));
            assert!(error.message.contains("process") && task.input_requests.is_none());
            // And stays so.
            second.update_task(id, accept(&[("name", "Ada")])).await.unwrap();
            assert_eq!(second.get_task(id).await.unwrap().status, TaskStatus::Failed);
        }
    }));
}

/// A platform that is told to stop.
struct Stopping {
    platform: TestPlatform,
    stop: Arc<Mutex<bool>>,
}

impl Platform for Stopping {
    fn now(&self) -> Duration {
        self.platform.now()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.platform.sleep(duration)
    }
    fn random(&self, bytes: &mut [u8]) {
        self.platform.random(bytes);
    }
    fn stopping(&self) -> BoxFuture<()> {
        let (stop, platform) = (Arc::clone(&self.stop), self.platform.clone());
        Box::pin(async move {
            while !*stop.lock().unwrap() {
                platform.sleep(SECOND).await;
            }
        })
    }
    fn background(&self, work: BoxFuture<()>) {
        self.platform.background(work);
    }
}

#[test]
fn a_process_that_stops_says_so() {
    let platform = TestPlatform::default();
    let stop = Arc::new(Mutex::new(false));
    let stopping = Stopping { platform: platform.clone(), stop: Arc::clone(&stop) };
    let (client, counts) = works(&platform);
    let client = client.with_platform(Arc::new(stopping));
    pollster::block_on(platform.run(async {
        let id = start(&client, "slow", json!({"seconds": 600})).await;
        platform.sleep(SECOND).await;
        *stop.lock().unwrap() = true;
        platform.sleep(2 * SECOND).await;
        let task = client.get_task(&id).await.unwrap();
        assert_eq!(task.status, TaskStatus::Failed);
        assert!(task.error.unwrap().message.contains("shutting down"));
        assert_eq!((counts.both(), platform.background_len()), ((1, 1), 0));
    }));
}

#[test]
fn a_thousand_tasks_leave_nothing_behind() {
    let platform = TestPlatform::default();
    let counts = Counts::default();
    let store = InMemoryTaskStore::new();
    let builder = Works(counts.clone()).into_builder().task_store(store.clone()).task_ttl(600 * SECOND);
    let client = client(builder, &platform);
    pollster::block_on(platform.run(async {
        for number in 0..1_000 {
            let (tool, arguments) =
                if number % 2 == 0 { ("slow", json!({"seconds": 60})) } else { ("greet", json!({})) };
            let id = start(&client, tool, arguments).await;
            if number % 5 == 0 {
                client.cancel_task(&id).await.unwrap();
            }
        }
        assert_eq!((store.len(), platform.background_len(), counts.both()), (1_000, 800, (1_000, 200)));
        platform.sleep(601 * SECOND).await;
        assert_eq!((platform.background_len(), counts.both()), (0, (1_000, 1_000)));
        start(&client, "greet", json!({})).await;
        assert_eq!(store.len(), 1);
    }));
}

/// A platform that goes on with nothing in the background once it is told so, and drops nothing of it either.
struct Forgetful {
    platform: TestPlatform,
    forgets: Arc<AtomicBool>,
}

impl Platform for Forgetful {
    fn now(&self) -> Duration {
        self.platform.now()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.platform.sleep(duration)
    }
    fn random(&self, bytes: &mut [u8]) {
        self.platform.random(bytes);
    }
    fn background(&self, mut work: BoxFuture<()>) {
        let forgets = Arc::clone(&self.forgets);
        self.platform.background(Box::pin(poll_fn(move |task| match forgets.load(Ordering::SeqCst) {
            true => Poll::Pending,
            false => work.as_mut().poll(task),
        })));
    }
}

#[test]
fn a_task_that_its_platform_has_let_go_of_has_failed() {
    let platform = TestPlatform::default();
    let forgets = Arc::new(AtomicBool::new(false));
    let forgetful = Forgetful { platform: platform.clone(), forgets: Arc::clone(&forgets) };
    let (client, counts) = works(&platform);
    let client = client.with_platform(Arc::new(forgetful));
    pollster::block_on(platform.run(async {
        let id = start(&client, "slow", json!({"seconds": 600})).await;
        platform.sleep(12 * SECOND).await;
        // Frozen for a while, as between two requests: it goes on, and nobody is told otherwise.
        forgets.store(true, Ordering::SeqCst);
        platform.sleep(90 * SECOND).await;
        forgets.store(false, Ordering::SeqCst);
        assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::Working);
        // For good.
        forgets.store(true, Ordering::SeqCst);
        platform.sleep(20 * SECOND).await;
        assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::Working);
        platform.sleep(40 * SECOND).await;
        let task = client.get_task(&id).await.unwrap();
        assert_eq!(task.status, TaskStatus::Failed);
        assert!(task.error.unwrap().message.contains("process"));
        // It stays so, also if the platform goes on after all.
        forgets.store(false, Ordering::SeqCst);
        platform.sleep(600 * SECOND).await;
        assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::Failed);
        assert_eq!((counts.both(), platform.background_len()), ((1, 1), 0));
    }));
}

#[test]
fn tasks_that_their_platform_has_let_go_of_are_felt_for_all_at_once() {
    let platform = TestPlatform::default();
    let forgets = Arc::new(AtomicBool::new(false));
    let forgetful = Forgetful { platform: platform.clone(), forgets: Arc::clone(&forgets) };
    let client = works(&platform).0.with_revision(Revision::V2025_11_25).with_principal("ada");
    let client = client.with_platform(Arc::new(forgetful));
    pollster::block_on(platform.run(async {
        for _ in 0..20 {
            let call = json!({"name": "slow", "arguments": {"seconds": 600}, "task": {}});
            client.request("tools/call", call).await.result.unwrap();
        }
        forgets.store(true, Ordering::SeqCst);
        platform.sleep(60 * SECOND).await;
        let asked = platform.now();
        let listed = client.request("tasks/list", json!({})).await.result.unwrap();
        let listed = listed["tasks"].as_array().unwrap();
        assert!(listed.len() == 20 && listed.iter().all(|task| task["status"] == "failed"), "{listed:?}");
        assert!(platform.now() - asked < 2 * SECOND, "{:?}", platform.now() - asked);
    }));
}

/// A platform that goes on with nothing in the background, and drops nothing of it either.
struct LetsGo {
    platform: TestPlatform,
    let_go: Mutex<Vec<BoxFuture<()>>>,
}

impl Platform for LetsGo {
    fn now(&self) -> Duration {
        self.platform.now()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.platform.sleep(duration)
    }
    fn random(&self, bytes: &mut [u8]) {
        self.platform.random(bytes);
    }
    fn background(&self, work: BoxFuture<()>) {
        self.let_go.lock().unwrap().push(work);
    }
}

#[test]
fn tasks_that_their_platform_has_let_go_of_make_room_for_others_although_nobody_asks_for_them() {
    let (platform, store) = (TestPlatform::default(), InMemoryTaskStore::with_room_for(20_000));
    let lets_go = LetsGo { platform: platform.clone(), let_go: Mutex::default() };
    let client = client(kept_in(&store), &platform).with_platform(Arc::new(lets_go));
    pollster::block_on(platform.run(async {
        for _ in 0..10_000 {
            start(&client, "greet", json!({})).await;
        }
        // They may go on in a moment.
        let call = client.request("tools/call", json!({"name": "greet", "arguments": {}}));
        let error = call.await.result.unwrap_err();
        assert!(error.message.contains("as many tasks as it can"), "{error}");
        platform.sleep(31 * SECOND).await;
        start(&client, "greet", json!({})).await;
    }));
}
