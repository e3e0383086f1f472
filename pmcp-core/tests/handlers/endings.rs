//! A handler that takes too long is ended: by the time limit, or by the platform that stops.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use pmcp_core::{
    StreamableHttp,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::Revision,
    serde_json::json,
    testing::{Client, TestPlatform},
};

use crate::wire::{self, Stage};

#[derive(Clone, Default)]
struct Endless {
    dropped: Arc<AtomicBool>,
}

struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[server(name = "endless", version = "1.0.0")]
impl Endless {
    #[tool]
    async fn silent(&self) -> &str {
        let _guard = Guard(Arc::clone(&self.dropped));
        std::future::pending().await
    }

    #[tool]
    async fn talking(&self, cx: &Context) -> &str {
        let _guard = Guard(Arc::clone(&self.dropped));
        for step in 1.. {
            cx.progress(step, None, None).await;
            cx.sleep(Duration::from_secs(1)).await;
        }
        "never"
    }

    #[tool]
    async fn quick(&self, cx: &Context) -> &str {
        cx.sleep(Duration::from_secs(9)).await;
        "done"
    }

    #[resource("endless:resource")]
    async fn resource(&self) -> String {
        let _guard = Guard(Arc::clone(&self.dropped));
        std::future::pending().await
    }

    #[prompt]
    async fn prompt(&self, #[arg(complete = complete)] name: &str) -> String {
        let _guard = Guard(Arc::clone(&self.dropped));
        std::future::pending::<()>().await;
        name.to_owned()
    }

    async fn complete(&self, _: &str) -> Vec<String> {
        let _guard = Guard(Arc::clone(&self.dropped));
        std::future::pending().await
    }
}

/// Stops ten seconds after it was asked.
struct Stopping(TestPlatform);

impl Platform for Stopping {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.0.sleep(duration)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.0.random(bytes);
    }

    fn stopping(&self) -> BoxFuture<()> {
        self.0.sleep(Duration::from_secs(10))
    }

    fn background(&self, work: BoxFuture<()>) {
        self.0.background(work);
    }
}

/// Ends every kind of request; `status` is that of an answer of the newest revision without a stream.
async fn ends_all(client: impl Fn(&Endless) -> Client, status: u16, words: &str) {
    let requests = [
        ("tools/call", json!({ "name": "silent" })),
        ("tools/call", json!({ "name": "talking" })),
        ("resources/read", json!({ "uri": "endless:resource" })),
        ("prompts/get", json!({ "name": "prompt", "arguments": { "name": "x" } })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "prompt" }, "argument": { "name": "name", "value": "" } }),
        ),
    ];
    for (method, params) in requests {
        for revision in Revision::ALL {
            let server = Endless::default();
            let exchange = client(&server).with_revision(revision).request(method, params.clone()).await;
            let error = exchange.result.expect_err(method);
            let streams = params["name"] == "talking";
            let status = if streams || revision.is_legacy() { 200 } else { status };
            assert_eq!((exchange.status, error.code.0), (status, -32603), "{revision} {params}");
            assert!(error.message.contains(words), "{revision} {params}: {error}");
            assert!(server.dropped.load(Ordering::SeqCst), "{revision} {params}: the handler still runs");
            // One report at once, and one after each of nine seconds.
            let reports = if streams { 10 } else { 0 };
            assert!(
                exchange.notifications.len().abs_diff(reports) <= usize::from(streams),
                "{:?}",
                exchange.notifications
            );
        }
    }
    for revision in Revision::ALL {
        let quick = client(&Endless::default()).with_revision(revision).call_tool("quick", json!({})).await;
        assert_eq!(quick.expect("in time").content, [ContentBlock::text("done")], "{revision}");
    }
}

#[test]
fn the_time_limit_ends_a_handler() {
    let limited = |server: &Endless| {
        let endpoint = StreamableHttp::new(server.clone()).expect("a server").time_limit(Duration::from_secs(10));
        Client::from_endpoint(endpoint)
    };
    pollster::block_on(ends_all(limited, 500, "longer than 10000 ms"));
}

#[test]
fn a_platform_that_stops_ends_a_handler() {
    let stopping = |server: &Endless| {
        let client = Client::new(server.clone()).expect("a server");
        client.with_platform(Arc::new(Stopping(TestPlatform::default())))
    };
    pollster::block_on(ends_all(stopping, 503, "shutting down"));
}

#[test]
fn what_runs_in_the_background_ends_as_well() {
    for stops in [false, true] {
        let (server, stage) = (Endless::default(), Arc::new(Stage::default()));
        let endpoint = StreamableHttp::new(server.clone()).expect("a server").time_limit(Duration::from_secs(10));
        let platform: Arc<dyn Platform> = stage.clone();
        {
            let mut response = pin!(endpoint.respond(wire::call(Revision::V2025_06_18, "silent"), &platform));
            assert!(wire::poll(response.as_mut()).is_pending());
        }
        let mut work = stage.background.lock().expect("a lock").pop().expect("work");
        assert!(wire::poll(work.as_mut()).is_pending());
        if stops { &stage.stopping } else { &stage.time_is_up }.store(true, Ordering::SeqCst);
        assert_eq!(wire::poll(work.as_mut()), Poll::Ready(()));
        drop(work);
        assert!(server.dropped.load(Ordering::SeqCst));
    }
}

#[test]
fn a_silent_stream_shows_that_it_lives() {
    let stage = Arc::new(Stage::default());
    let endpoint = StreamableHttp::new(Endless::default()).expect("a server");
    let mut body = wire::respond(&endpoint, wire::call(Revision::LATEST, "talking"), &stage).into_body();
    let Poll::Ready(Some(first)) = wire::next_frame(&mut body) else { panic!("no progress") };
    assert_eq!(first[0]["method"], "notifications/progress");
    assert!(wire::next_frame(&mut body).is_pending());
    drop(body);

    struct Mute;

    #[server(name = "mute", version = "1.0.0")]
    impl Mute {
        #[tool]
        async fn wait(&self, cx: &Context) -> &str {
            cx.progress(1, None, None).await;
            std::future::pending().await
        }
    }

    let endpoint = StreamableHttp::new(Mute).expect("a server");
    let mut body = wire::respond(&endpoint, wire::call(Revision::LATEST, "wait"), &stage).into_body();
    assert!(wire::next_frame(&mut body).is_ready());
    assert!(wire::next_frame(&mut body).is_pending());
    stage.time_is_up.store(true, Ordering::SeqCst);
    assert_eq!(wire::next_frame(&mut body), Poll::Ready(Some(Vec::new())), "a comment");
}
