//! `notifications/tasks`: what a client that listens for its tasks is told, and what instances tell each other.

use pmcp_core::{Notifier, protocol::SubscriptionFilter, testing::Listening};

use super::*;

fn filter(id: &str) -> SubscriptionFilter {
    SubscriptionFilter::default().with_task(id)
}

/// What comes next, however long it takes.
async fn next(listening: &mut Listening) -> Value {
    for _ in 0..20 {
        if let Some(notification) = listening.next().await {
            return notification;
        }
    }
    panic!("nothing is told");
}

/// The status of the task in the next notification.
async fn status(listening: &mut Listening, id: &str) -> String {
    let told = next(listening).await;
    assert_eq!((&told["method"], &told["params"]["taskId"]), (&json!("notifications/tasks"), &json!(id)), "{told}");
    told["params"]["status"].as_str().unwrap().to_owned()
}

/// Two instances that share a store, and tell each other.
fn two(platform: &TestPlatform) -> ([Client; 2], Counts) {
    let (store, notifier, counts) = (InMemoryTaskStore::new(), Notifier::local(), Counts::default());
    let instance = || {
        let builder = Works(counts.clone()).into_builder().task_store(store.clone()).notifier(&notifier);
        client(builder, platform)
    };
    ([instance(), instance()], counts)
}

#[test]
fn a_client_is_told_what_tasks_get_would_show() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "both", json!({})).await;
        until(&client, &platform, &id, TaskStatus::InputRequired).await;
        let mut listening = client.listen(filter(&id)).await.unwrap();
        assert_eq!(*listening.acknowledged(), filter(&id));
        // First as it stands, so that nothing is missed between the call and the stream.
        let told = next(&mut listening).await;
        let subscription = told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].clone();
        assert!(subscription.is_number(), "{told}");
        let shown = async |told: &Value| {
            let mut shown = client.request("tasks/get", json!({"taskId": id})).await.result.unwrap();
            let shown_members = shown.as_object_mut().unwrap();
            shown_members.remove("resultType");
            shown_members.insert("_meta".into(), told["params"]["_meta"].clone());
            shown
        };
        assert_eq!(told["params"], shown(&told).await);
        assert_eq!(told["params"]["inputRequests"].as_object().unwrap().len(), 2);

        client.update_task(&id, accept(&[("left", "Ada")])).await.unwrap();
        let told = next(&mut listening).await;
        assert_eq!(told["params"], shown(&told).await);
        assert_eq!(told["params"]["inputRequests"].as_object().unwrap().len(), 1);
        client.update_task(&id, accept(&[("right", "Eve")])).await.unwrap();
        assert_eq!(status(&mut listening, &id).await, "working");
        let told = next(&mut listening).await;
        assert_eq!(told["params"]["status"], "completed");
        assert_eq!(told["params"]["result"]["content"][0]["text"], "Ada Eve");
        assert_eq!(told["params"]["_meta"], json!({"io.modelcontextprotocol/subscriptionId": subscription}));
        // It is over, and nothing is told twice.
        assert_eq!((listening.next().await, listening.result().is_none()), (None, true));

        drop(listening);
        // Who comes late is told how it ended.
        let mut late = client.listen(filter(&id)).await.unwrap();
        assert_eq!(status(&mut late, &id).await, "completed");
        assert_eq!(late.next().await, None);
    }));
}

#[test]
fn nobody_is_told_of_the_tasks_of_others() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::new();
    let [ada, eve] = ["ada", "eve"].map(|who| client(kept_in(&store), &platform).with_principal(who));
    pollster::block_on(platform.run(async {
        let id = start(&ada, "slow", json!({"seconds": 1})).await;
        let asked = filter(&id).with_task("made-up").with_tools();
        let mut listening = eve.listen(asked.clone()).await.unwrap();
        // Nor of lists: the server has no notifier.
        assert_eq!(*listening.acknowledged(), SubscriptionFilter::default());
        assert_eq!(*ada.listen(asked).await.unwrap().acknowledged(), filter(&id));
        until(&ada, &platform, &id, TaskStatus::Completed).await;
        assert_eq!(listening.next().await, None);
    }));
}

#[test]
fn only_clients_that_know_tasks_may_ask() {
    let platform = TestPlatform::default();
    let ignorant = || Client::new(Works(Counts::default())).unwrap().with_platform(Arc::new(platform.clone()));
    let error = pollster::block_on(ignorant().listen(filter("x"))).unwrap_err();
    assert_eq!(error.code.0, -32021);
    let required = json!({"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
    assert_eq!(serde_json::to_value(&error.data).unwrap(), required);
    assert!(pollster::block_on(ignorant().listen(SubscriptionFilter::default())).is_ok());

    let many = (0..257).fold(SubscriptionFilter::default(), |filter, id| filter.with_task(id.to_string()));
    assert_eq!(code(pollster::block_on(ignorant().with_tasks().listen(many))), -32602);
}

#[test]
fn what_happens_at_another_instance_is_told_and_done_at_once() {
    let platform = TestPlatform::default();
    let ([here, there], counts) = two(&platform);
    pollster::block_on(platform.run(async {
        let slow = start(&here, "slow", json!({"seconds": 600})).await;
        let greet = start(&here, "greet", json!({})).await;
        until(&here, &platform, &greet, TaskStatus::InputRequired).await;
        platform.sleep(60 * SECOND).await;
        let mut listening = there.listen(filter(&slow).with_task(&greet)).await.unwrap();
        let mut first = [next(&mut listening).await, next(&mut listening).await];
        first.sort_by_key(|told| told["params"]["status"].to_string());
        assert_eq!(first.map(|told| told["params"]["status"].clone()), [json!("input_required"), json!("working")]);

        // Long before the process that runs them would look by itself.
        let before = platform.now();
        there.update_task(&greet, accept(&[("name", "Ada")])).await.unwrap();
        assert_eq!(status(&mut listening, &greet).await, "working");
        assert_eq!(status(&mut listening, &greet).await, "input_required");
        there.cancel_task(&slow).await.unwrap();
        assert_eq!(status(&mut listening, &slow).await, "cancelled");
        here.get_task(&slow).await.unwrap();
        assert_eq!(counts.both(), (2, 1));
        assert!(platform.now() - before < SECOND, "{:?}", platform.now() - before);
    }));
}

#[test]
fn that_a_process_died_is_told_too() {
    let (first, platform) = (TestPlatform::default(), TestPlatform::default());
    let store = InMemoryTaskStore::new();
    let dies = client(kept_in(&store), &first);
    let id = pollster::block_on(first.run(start(&dies, "slow", json!({"seconds": 5}))));

    let lives = client(kept_in(&store), &platform);
    pollster::block_on(platform.run(async {
        let mut listening = lives.listen(filter(&id)).await.unwrap();
        assert_eq!(status(&mut listening, &id).await, "working");
        let told = next(&mut listening).await;
        assert_eq!((&told["params"]["status"], &told["params"]["error"]["code"]), (&json!("failed"), &json!(-32603)));
        assert!(platform.now() <= 31 * SECOND, "{:?}", platform.now());
    }));
}
