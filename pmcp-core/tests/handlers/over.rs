//! What work that a handler has handed to others learns of its request: until when, and that it is over.

use std::{
    pin::pin,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use pmcp_core::{
    StreamableHttp,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    testing::{Client, TestPlatform},
};

use crate::wire::{self, Stage};

#[derive(Clone, Default)]
struct Handing {
    /// The contexts of those that ran.
    left: Arc<Mutex<Vec<Context>>>,
    may_finish: Arc<std::sync::atomic::AtomicBool>,
}

#[server(name = "handing", version = "1.0.0")]
impl Handing {
    #[tool]
    async fn slow(&self, cx: &Context) -> &str {
        self.left.lock().expect("a lock").push(cx.clone());
        cx.progress(1, None, None).await;
        wire::until(&self.may_finish).await;
        "done"
    }

    #[tool]
    fn quick(&self, cx: &Context) -> &str {
        self.left.lock().expect("a lock").push(cx.clone());
        "done"
    }

    #[tool]
    async fn time(&self, cx: &Context) -> Json<Value> {
        cx.sleep(Duration::from_secs(1)).await;
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        Json(json!([seconds(cx.deadline()), seconds(cx.remaining())]))
    }
}

impl Handing {
    fn is_over(&self) -> bool {
        let left = self.left.lock().expect("a lock");
        wire::poll(pin!(left.last().expect("a context").cancelled())).is_ready()
    }
}

#[test]
fn a_lost_connection_is_a_cancellation_in_the_newest_revision_alone() {
    for revision in Revision::ALL {
        let (server, stage) = (Handing::default(), Arc::new(Stage::default()));
        let endpoint = StreamableHttp::new(server.clone()).expect("a server");
        let body = wire::respond(&endpoint, wire::call(revision, "slow"), &stage).into_body();
        assert!(!server.is_over(), "{revision}");
        drop(body);
        assert_eq!(server.is_over(), !revision.is_legacy(), "{revision}");
        if revision.is_legacy() {
            server.may_finish.store(true, Ordering::SeqCst);
            let mut work = std::mem::take(&mut *stage.background.lock().expect("a lock"));
            assert!(wire::poll(work[0].as_mut()).is_ready());
            assert!(server.is_over(), "{revision}: finished in the background");
        }
    }
}

#[test]
fn so_is_the_end_of_background_work_that_the_platform_gives_up() {
    let (server, stage) = (Handing::default(), Arc::new(Stage::default()));
    let endpoint = StreamableHttp::new(server.clone()).expect("a server");
    drop(wire::respond(&endpoint, wire::call(Revision::V2025_11_25, "slow"), &stage));
    assert!(!server.is_over());
    stage.background.lock().expect("a lock").clear();
    assert!(server.is_over());
}

#[test]
fn an_answer_and_a_time_limit_end_a_request_too() {
    for revision in Revision::ALL {
        let (server, stage) = (Handing::default(), Arc::new(Stage::default()));
        let endpoint = StreamableHttp::new(server.clone()).expect("a server").time_limit(Duration::from_secs(1));
        wire::respond(&endpoint, wire::call(revision, "quick"), &stage);
        assert!(server.is_over(), "{revision}");

        let mut body = wire::respond(&endpoint, wire::call(revision, "slow"), &stage).into_body();
        assert!(wire::next_frame(&mut body).is_ready());
        assert!(wire::next_frame(&mut body).is_pending());
        assert!(!server.is_over(), "{revision}");
        stage.time_is_up.store(true, Ordering::SeqCst);
        assert!(wire::next_frame(&mut body).is_ready());
        assert!(server.is_over(), "{revision}");
        drop(body);
        assert!(stage.background.lock().expect("a lock").is_empty(), "{revision}");
    }
}

/// A platform that takes the time away at 9 s.
struct Nine(TestPlatform);

impl Platform for Nine {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.0.sleep(duration)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.0.random(bytes);
    }

    fn deadline(&self) -> Option<Duration> {
        Some(Duration::from_secs(9))
    }

    fn background(&self, work: BoxFuture<()>) {
        self.0.background(work);
    }
}

#[test]
fn the_deadline_is_the_earlier_of_the_servers_and_the_platforms() {
    for (is_limited_by_platform, limit, expected) in [
        (false, None, json!([null, null])),
        (false, Some(5), json!([5, 4])),
        (true, None, json!([9, 8])),
        (true, Some(5), json!([5, 4])),
        (true, Some(20), json!([9, 8])),
        (false, Some(u64::MAX), json!([u64::MAX, u64::MAX - 1])),
    ] {
        for revision in [Revision::LATEST, Revision::V2025_11_25] {
            let clock = TestPlatform::default();
            let platform: Arc<dyn Platform> =
                if is_limited_by_platform { Arc::new(Nine(clock)) } else { Arc::new(clock) };
            let mut endpoint = StreamableHttp::new(Handing::default()).expect("a server");
            if let Some(limit) = limit {
                endpoint = endpoint.time_limit(Duration::from_secs(limit));
            }
            let client = Client::from_endpoint(endpoint).with_platform(platform).with_revision(revision);
            let call = client.request("tools/call", json!({ "name": "time", "arguments": {} }));
            let result = pollster::block_on(call).result.expect("a result");
            let text = result["content"][0]["text"].as_str().expect("a text");
            let times: Value = pmcp_core::serde_json::from_str(text).expect("JSON");
            assert_eq!(times, expected, "{revision}, {limit:?} s");
        }
    }
}
