//! Changes of the same task at the same time, in every order that a store which takes its time allows.

use pmcp_core::{TaskRecord, TaskStore, TaskStoreError, platform::BoxFuture};

use super::*;

/// Takes 1 to 5 ms for each step, so that steps of different requests interleave.
struct Slow {
    store: InMemoryTaskStore,
    platform: TestPlatform,
    steps: AtomicU32,
    seed: u32,
}

impl Slow {
    fn step(&self) -> BoxFuture<()> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        let mixed = (step + 1).wrapping_mul(2_654_435_761).wrapping_add(self.seed.wrapping_mul(40_503));
        self.platform.sleep(Duration::from_millis(1 + u64::from(mixed >> 16) % 5))
    }
}

impl TaskStore for Slow {
    fn create(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<(), TaskStoreError>> {
        let (store, step) = (self.store.clone(), self.step());
        Box::pin(async move {
            step.await;
            store.create(record, now).await
        })
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
        let (store, step, id) = (self.store.clone(), self.step(), id.to_owned());
        Box::pin(async move {
            step.await;
            store.read(&id, now).await
        })
    }
    fn update(&self, record: TaskRecord, now: Duration) -> BoxFuture<Result<bool, TaskStoreError>> {
        let (store, step) = (self.store.clone(), self.step());
        Box::pin(async move {
            step.await;
            store.update(record, now).await
        })
    }
}

/// Runs `race` with many interleavings, each with a client of a server of its own.
fn interleaved<Fut: Future<Output = ()>>(race: impl Fn(Client, TestPlatform) -> Fut) {
    for seed in 0..64 {
        let platform = TestPlatform::default();
        let store = InMemoryTaskStore::new();
        let store = Slow { store, platform: platform.clone(), steps: AtomicU32::new(0), seed };
        let builder = Works(Counts::default()).into_builder().task_store(store);
        pollster::block_on(platform.run(race(client(builder, &platform), platform.clone())));
    }
}

#[test]
fn two_updates_at_once_both_count() {
    interleaved(|client, platform| async move {
        let id = start(&client, "both", json!({})).await;
        until(&client, &platform, &id, TaskStatus::InputRequired).await;
        let (left, right) = (accept(&[("left", "Ada")]), accept(&[("right", "Eve")]));
        let (one, other) = join(client.update_task(&id, left), client.update_task(&id, right)).await;
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(text(&until(&client, &platform, &id, TaskStatus::Completed).await), "Ada Eve");
    });
}

#[test]
fn of_two_answers_to_one_question_one_counts() {
    interleaved(|client, platform| async move {
        let id = start(&client, "greet", json!({})).await;
        until(&client, &platform, &id, TaskStatus::InputRequired).await;
        let answers = ["Ada", "Eve"].map(|name| client.update_task(&id, accept(&[("name", name)])));
        let [ada, eve] = answers;
        let (one, other) = join(ada, eve).await;
        assert!(one.is_ok() && other.is_ok());
        let asked = until(&client, &platform, &id, TaskStatus::InputRequired).await.input_requests.unwrap();
        assert_eq!(asked.keys().collect::<Vec<_>>(), ["second"]);
        client.update_task(&id, accept(&[("second", "Bob")])).await.unwrap();
        let said = text(&until(&client, &platform, &id, TaskStatus::Completed).await);
        assert!(said == "Ada and Bob" || said == "Eve and Bob", "{said}");
    });
}

#[test]
fn a_task_is_cancelled_or_completed_and_stays_so() {
    let (cancelled, completed) = (AtomicU32::new(0), AtomicU32::new(0));
    let (cancelled, completed) = (&cancelled, &completed);
    interleaved(|client, platform| async move {
        let id = start(&client, "slow", json!({"seconds": 1})).await;
        platform.sleep(Duration::from_millis(996)).await;
        client.cancel_task(&id).await.unwrap();
        let task = client.get_task(&id).await.unwrap();
        let is_cancelled = task.status == TaskStatus::Cancelled;
        assert!(is_cancelled || task.status == TaskStatus::Completed, "{task:?}");
        assert_eq!(task.result.is_none(), is_cancelled);
        if is_cancelled { cancelled } else { completed }.fetch_add(1, Ordering::SeqCst);
        platform.sleep(60 * SECOND).await;
        assert_eq!(client.get_task(&id).await.unwrap().status, task.status);
        assert_eq!(platform.background_len(), 0);
    });
    assert!(
        cancelled.load(Ordering::SeqCst) > 0 && completed.load(Ordering::SeqCst) > 0,
        "{cancelled:?} {completed:?}"
    );
}

#[test]
fn an_answer_and_a_cancellation_at_once_end_in_one_way() {
    interleaved(|client, platform| async move {
        let id = start(&client, "both", json!({})).await;
        until(&client, &platform, &id, TaskStatus::InputRequired).await;
        let answers = accept(&[("left", "Ada"), ("right", "Eve")]);
        let (update, cancel) = join(client.update_task(&id, answers), client.cancel_task(&id)).await;
        assert!(update.is_ok() && cancel.is_ok());
        platform.sleep(60 * SECOND).await;
        let task = client.get_task(&id).await.unwrap();
        assert!(task.status.is_terminal() && task.input_requests.is_none(), "{task:?}");
        assert_eq!(platform.background_len(), 0);
    });
}
