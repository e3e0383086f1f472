//! `subscriptions/listen`: what is acknowledged, what is told and to whom, and how a stream ends.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

mod wire;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body as _;
use pmcp_core::{
    BusError, Change, ChangeBus, Changes, LocalBus, StreamableHttp,
    jsonrpc::ErrorCode,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::{Revision, SubscriptionFilter},
    streamable_http::Body,
    testing::{Client, TestPlatform},
};
use serde_json::{Value, json};

use wire::{endpoint, event, platform, read, request};

struct Shop;

#[server(name = "shop", version = "1.0.0")]
impl Shop {
    /// Buy one.
    #[tool]
    fn buy(&self) -> &'static str {
        "bought"
    }

    /// An article.
    #[resource("shop://{article}")]
    fn article(&self, article: &str) -> String {
        article.to_owned()
    }
}

fn shop() -> (Client, Notifier) {
    let notifier = Notifier::local();
    let client = Client::new(Shop.into_builder().notifier(&notifier)).expect("a server");
    (client, notifier)
}

fn all() -> SubscriptionFilter {
    SubscriptionFilter::default()
        .with_tools()
        .with_prompts()
        .with_resources()
        .with_resource("shop://b")
        .with_resource("shop://a")
}

fn run<T>(test: impl Future<Output = T>) -> T {
    pollster::block_on(test)
}

fn method(notification: &Value) -> &str {
    notification["method"].as_str().unwrap_or_default()
}

#[test]
fn declares_what_it_can_tell_and_to_whom() {
    let (client, notifier) = shop();
    let declared = |client: &Client, method: &'static str, params| {
        run(client.request(method, params)).result.expect("an answer")["capabilities"].clone()
    };
    let modern = json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true, "listChanged": true } });
    assert_eq!(declared(&client, "server/discover", json!({})), modern);

    let legacy = Client::new(Shop.into_builder().notifier(&notifier)).expect("a server");
    let legacy = legacy.with_revision(Revision::V2025_11_25);
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
    assert_eq!(declared(&legacy, "initialize", params), json!({ "resources": {}, "tools": {} }));

    let silent = Client::new(Shop).expect("a server");
    assert_eq!(declared(&silent, "server/discover", json!({})), json!({ "resources": {}, "tools": {} }));
}

#[test]
fn acknowledges_the_subset_it_honours() {
    let (client, _notifier) = shop();
    let listening = run(client.listen(all())).expect("a stream");
    // It has no prompts. The URIs are as asked, in their order.
    let expected = SubscriptionFilter::default().with_tools().with_resources();
    let expected = expected.with_resource("shop://b").with_resource("shop://a");
    assert_eq!(*listening.acknowledged(), expected);

    let nothing = run(client.listen(SubscriptionFilter::default())).expect("a stream");
    assert_eq!(*nothing.acknowledged(), SubscriptionFilter::default());
}

#[test]
fn tells_only_what_was_asked_for() {
    let (client, notifier) = shop();
    run(async {
        let filter = SubscriptionFilter::default().with_tools().with_resource("shop://a");
        let mut listening = client.listen(filter).await.expect("a stream");
        notifier.resources_changed().await.expect("told");
        notifier.prompts_changed().await.expect("told");
        notifier.resource_updated("shop://b").await.expect("told");
        notifier.resource_updated("shop://a/part").await.expect("told");
        assert_eq!(listening.next().await, None);

        notifier.resource_updated("shop://a").await.expect("told");
        notifier.tools_changed().await.expect("told");
        let first = listening.next().await.expect("news");
        assert_eq!((method(&first), &first["params"]["uri"]), ("notifications/resources/updated", &json!("shop://a")));
        let second = listening.next().await.expect("news");
        assert_eq!(method(&second), "notifications/tools/list_changed");
        assert_eq!(listening.next().await, None);
        assert!(listening.result().is_none());
    });
}

#[test]
fn when_all_may_have_changed_each_hears_all_that_it_asked_for() {
    let (client, notifier) = shop();
    run(async {
        let mut listening = client.listen(all()).await.expect("a stream");
        notifier.publish(Change::Everything).await.expect("told");
        notifier.publish(Change::Unknown).await.expect("told");
        let mut heard = Vec::new();
        while let Some(notification) = listening.next().await {
            heard.push((method(&notification).to_owned(), notification["params"]["uri"].as_str().map(str::to_owned)));
        }
        let lists = ["tools", "resources"].map(|list| (format!("notifications/{list}/list_changed"), None));
        let uris =
            ["a", "b"].map(|name| ("notifications/resources/updated".to_owned(), Some(format!("shop://{name}"))));
        assert_eq!(heard, [lists, uris].concat());
    });
}

/// A platform that the test tells to drain.
#[derive(Default)]
struct Draining {
    inner: TestPlatform,
    is_draining: Arc<AtomicBool>,
    waiting: Arc<Mutex<Vec<Waker>>>,
}

impl Platform for Draining {
    fn now(&self) -> Duration {
        self.inner.now()
    }

    /// Never wakes: no time passes in these tests.
    fn sleep(&self, _duration: Duration) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    fn random(&self, bytes: &mut [u8]) {
        self.inner.random(bytes);
    }

    fn draining(&self) -> BoxFuture<()> {
        let (is_draining, waiting) = (Arc::clone(&self.is_draining), Arc::clone(&self.waiting));
        Box::pin(poll_fn(move |task| {
            if is_draining.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            waiting.lock().expect("not poisoned").push(task.waker().clone());
            Poll::Pending
        }))
    }

    fn background(&self, work: BoxFuture<()>) {
        drop(work);
    }
}

#[test]
fn a_stream_ends_with_its_result_when_the_platform_drains() {
    let (client, notifier) = shop();
    let platform = Draining::default();
    let (is_draining, waiting) = (Arc::clone(&platform.is_draining), Arc::clone(&platform.waiting));
    let client = client.with_platform(Arc::new(platform));
    run(async {
        let mut listening = client.listen(all()).await.expect("a stream");
        assert!(poll_once(pin!(listening.next())).is_pending());
        is_draining.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut *waiting.lock().expect("not poisoned"));
        assert!(!wakers.is_empty(), "the stream does not wait for the end");
        assert_eq!(listening.next().await, None);
        let result = listening.result().expect("ended").clone().expect("a result");
        let meta = json!({
            "io.modelcontextprotocol/subscriptionId": 1,
            "io.modelcontextprotocol/serverInfo": { "name": "shop", "version": "1.0.0" },
        });
        assert_eq!(result, json!({ "resultType": "complete", "_meta": meta }));
        notifier.tools_changed().await.expect("nobody listens any more, which is no error");
    });
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Refuses to serve, or ends: as a broker would that went away.
struct Broken {
    bus: LocalBus,
    is_away: bool,
}

impl ChangeBus for Broken {
    fn publish(&self, _change: Change) -> BoxFuture<Result<(), BusError>> {
        Box::pin(async { Err(BusError::new("the broker at 10.0.0.7 is away")) })
    }

    fn subscribe(&self, filter: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>> {
        let changes = self.bus.listen(filter);
        let is_away = self.is_away;
        Box::pin(
            async move { if is_away { Err(BusError::new("the broker at 10.0.0.7 is away")) } else { Ok(changes) } },
        )
    }
}

#[test]
fn a_bus_that_is_away_refuses_and_tells_the_client_no_address() {
    let notifier = Notifier::new(Broken { bus: LocalBus::default(), is_away: true });
    let client = Client::new(Shop.into_builder().notifier(&notifier)).expect("a server");
    let error = run(client.listen(all())).expect_err("refused");
    assert_eq!(error.code, ErrorCode::INTERNAL_ERROR);
    assert!(!error.message.contains("10.0.0.7"), "{error}");
    let error = run(notifier.tools_changed()).expect_err("away");
    assert!(error.to_string().contains("10.0.0.7"), "{error}");
}

#[test]
fn a_bus_that_ends_ends_its_streams_in_an_orderly_way() {
    let bus = LocalBus::default();
    let notifier = Notifier::new(Broken { bus: bus.clone(), is_away: false });
    let client = Client::new(Shop.into_builder().notifier(&notifier)).expect("a server");
    run(async {
        let mut listening = client.listen(all()).await.expect("a stream");
        bus.end_all();
        assert_eq!(listening.next().await, None);
        assert!(listening.result().is_some_and(Result::is_ok));
        assert_eq!(bus.count(), 0);
    });
}

#[test]
fn a_reader_that_falls_behind_is_ended_and_one_that_leaves_is_forgotten() {
    let bus = LocalBus::default();
    let notifier = Notifier::new(bus.clone());
    let client = Client::new(Shop.into_builder().notifier(&notifier)).expect("a server");
    run(async {
        let uris: Vec<_> = (0..256).map(|number| format!("shop://{number}")).collect();
        let filter = uris.iter().fold(SubscriptionFilter::default().with_tools(), SubscriptionFilter::with_resource);
        let mut slow = client.listen(filter.clone()).await.expect("a stream");
        let left = client.listen(filter).await.expect("a stream");
        assert_eq!(bus.count(), 2);
        drop(left);
        assert_eq!(bus.count(), 1);

        // The slow one reads nothing: what says the same waits once, and one more kind is one too many.
        for _ in 0..100 {
            for uri in &uris {
                notifier.resource_updated(uri).await.expect("told");
            }
        }
        notifier.tools_changed().await.expect("told");
        assert_eq!(slow.next().await, None);
        assert!(slow.result().is_some_and(Result::is_ok));
        assert_eq!(bus.count(), 0);
    });
}

#[test]
fn ten_thousand_streams_come_and_go() {
    let bus = LocalBus::default();
    let notifier = Notifier::new(bus.clone());
    let (endpoint, platform) = (endpoint(&notifier), platform());
    run(async {
        let mut streams = Vec::new();
        for _ in 0..10_000 {
            let response = endpoint.respond(request(json!(1), |_| {}), &platform).await;
            streams.push(response.into_body());
        }
        assert_eq!(bus.count(), 10_000);
        for body in &mut streams {
            read(body).await.expect("acknowledged");
        }
        notifier.tools_changed().await.expect("told");
        for body in &mut streams {
            assert_eq!(event(&read(body).await.expect("news"))["method"], "notifications/tools/list_changed");
        }
        drop(streams);
        assert_eq!(bus.count(), 0);
    });
}
