//! Listening over stdio: what changes comes as lines among others, until either side has enough.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use pmcp_core::{
    Notifier,
    platform::{BoxFuture, Platform},
    serde_json::{Value, json},
    stdio::Stdio,
    testing::TestPlatform,
};

use crate::{call, cancel, modern, pipe::Pipe, server::Desk};

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Drains when the test says so.
#[derive(Default)]
struct Draining {
    platform: TestPlatform,
    drains: Arc<AtomicBool>,
    waiting: Arc<Mutex<Vec<Waker>>>,
}

impl Platform for Draining {
    fn now(&self) -> Duration {
        self.platform.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.platform.sleep(duration)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.platform.random(bytes);
    }

    fn draining(&self) -> BoxFuture<()> {
        let (drains, waiting) = (Arc::clone(&self.drains), Arc::clone(&self.waiting));
        Box::pin(poll_fn(move |task| {
            waiting.lock().expect("a lock").push(task.waker().clone());
            if drains.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        }))
    }

    fn background(&self, work: BoxFuture<()>) {
        self.platform.background(work);
    }
}

fn listen(id: impl Into<Value>) -> String {
    modern(id, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }))
}

fn ids(lines: &[Value], method: &str) -> Vec<Value> {
    let of_method = lines.iter().filter(|line| line["method"] == method);
    of_method.map(|line| line["params"]["_meta"][SUBSCRIPTION_ID].clone()).collect()
}

#[test]
fn changes_come_until_either_side_has_enough() {
    let (pipe, platform, notifier) = (Pipe::new(), Arc::new(Draining::default()), Notifier::local());
    let server = Desk::default().into_builder().notifier(&notifier);
    // A subscription is no handler that takes too long.
    let server = Stdio::new(server).expect("a server").time_limit(Duration::from_millis(1));
    pipe.play(&server, platform.clone(), |turn| {
        let changed = "notifications/tools/list_changed";
        pipe.write(listen("a") + &listen(7));
        turn.waits();
        let lines = pipe.lines();
        assert_eq!(ids(&lines, "notifications/subscriptions/acknowledged"), [json!("a"), json!(7)]);
        assert_eq!(lines.len(), 2);

        pollster::block_on(notifier.tools_changed()).expect("a local bus");
        pipe.write(modern(1, "tools/call", call("at_once")));
        turn.waits();
        let lines = pipe.lines();
        assert_eq!(ids(&lines, changed), [json!("a"), json!(7)]);
        assert_eq!(lines.len(), 3);

        pipe.write(cancel("a"));
        pollster::block_on(notifier.tools_changed()).expect("a local bus");
        turn.waits();
        let lines = pipe.lines();
        assert_eq!((ids(&lines, changed), lines.len()), (vec![json!(7)], 1));

        platform.drains.store(true, Ordering::SeqCst);
        std::mem::take(&mut *platform.waiting.lock().expect("a lock")).into_iter().for_each(Waker::wake);
        turn.waits();
        let lines = pipe.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!((&lines[0]["id"], &lines[0]["result"]["_meta"][SUBSCRIPTION_ID]), (&json!(7), &json!(7)));
        assert_eq!(lines[1]["method"], "notifications/cancelled");
        assert_eq!(lines[1]["params"], json!({ "requestId": 7 }));
    });
}

#[test]
fn what_cannot_be_listened_to_is_refused_and_not_torn_down() {
    let pipe = Pipe::new();
    let server = Stdio::new(Desk::default().into_builder().notifier(&Notifier::local())).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        pipe.write(modern(1, "subscriptions/listen", json!({ "notifications": 7 })));
        turn.waits();
        let lines = pipe.lines();
        assert_eq!((lines.len(), &lines[0]["error"]["code"]), (1, &json!(-32602)));
    });
}
