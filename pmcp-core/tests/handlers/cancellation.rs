//! A client that is gone cancels its request in the newest revision, and in no older one.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use pmcp_core::{
    StreamableHttp,
    platform::Platform,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
};

use crate::wire::{self, Stage};

#[derive(Clone, Default)]
struct Slow {
    dropped: Arc<AtomicBool>,
    finished: Arc<AtomicBool>,
    may_finish: Arc<AtomicBool>,
}

/// Says that the handler's future is gone.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[server(name = "slow", version = "1.0.0")]
impl Slow {
    #[tool]
    async fn silent(&self) -> &str {
        let _guard = Guard(Arc::clone(&self.dropped));
        wire::until(&self.may_finish).await;
        self.finished.store(true, Ordering::SeqCst);
        "done"
    }

    #[tool]
    async fn talking(&self, cx: &Context) -> &str {
        let _guard = Guard(Arc::clone(&self.dropped));
        cx.progress(1, None, None).await;
        wire::until(&self.may_finish).await;
        for step in 2..100 {
            cx.progress(step, None, None).await;
        }
        self.finished.store(true, Ordering::SeqCst);
        "done"
    }

    #[tool]
    async fn panics_late(&self) -> &str {
        let _guard = Guard(Arc::clone(&self.dropped));
        wire::until(&self.may_finish).await;
        panic!("in the background")
    }
}

impl Slow {
    fn is(&self) -> (bool, bool) {
        (self.dropped.load(Ordering::SeqCst), self.finished.load(Ordering::SeqCst))
    }
}

/// Lets what was handed to the background run to its end.
fn finish_in_the_background(server: &Slow, stage: &Stage, revision: Revision) {
    assert_eq!(server.is(), (false, false), "{revision}: cancelled");
    let mut work = std::mem::take(&mut *stage.background.lock().expect("a lock"));
    assert_eq!(work.len(), 1, "{revision}");
    assert_eq!(wire::poll(work[0].as_mut()), Poll::Pending, "{revision}");
    server.may_finish.store(true, Ordering::SeqCst);
    assert_eq!(wire::poll(work[0].as_mut()), Poll::Ready(()), "{revision}");
}

/// What must be true of a request whose client is gone.
fn check(server: &Slow, stage: &Stage, revision: Revision) {
    if revision.is_legacy() {
        finish_in_the_background(server, stage, revision);
        assert_eq!(server.is(), (true, true), "{revision}");
    } else {
        assert_eq!(server.is(), (true, false), "{revision}: not cancelled");
        assert!(stage.background.lock().expect("a lock").is_empty(), "{revision}");
    }
}

#[test]
fn a_dropped_body_cancels_or_goes_on_in_the_background() {
    for revision in Revision::ALL {
        for frames in [0, 1] {
            let (server, stage) = (Slow::default(), Arc::new(Stage::default()));
            let endpoint = StreamableHttp::new(server.clone()).expect("a server");
            let mut body = wire::respond(&endpoint, wire::call(revision, "talking"), &stage).into_body();
            for _ in 0..frames {
                assert!(wire::next_frame(&mut body).is_ready());
                assert!(wire::next_frame(&mut body).is_pending());
            }
            assert_eq!(server.is(), (false, false));
            drop(body);
            check(&server, &stage, revision);
        }
    }
}

#[test]
fn so_does_a_client_that_is_gone_before_the_response() {
    for revision in Revision::ALL {
        let (server, stage) = (Slow::default(), Arc::new(Stage::default()));
        let endpoint = StreamableHttp::new(server.clone()).expect("a server");
        let platform: Arc<dyn Platform> = stage.clone();
        {
            let mut response = pin!(endpoint.respond(wire::call(revision, "silent"), &platform));
            assert!(wire::poll(response.as_mut()).is_pending());
            assert_eq!(server.is(), (false, false));
        }
        check(&server, &stage, revision);
    }
}

#[test]
fn a_body_that_was_read_to_its_end_cancels_nothing() {
    for revision in Revision::ALL {
        let (server, stage) = (Slow::default(), Arc::new(Stage::default()));
        let endpoint = StreamableHttp::new(server.clone()).expect("a server");
        server.may_finish.store(true, Ordering::SeqCst);
        let messages = wire::rest(wire::respond(&endpoint, wire::call(revision, "talking"), &stage).into_body());
        assert_eq!(messages.len(), 100, "{revision}");
        assert_eq!(messages[99]["result"]["content"][0]["text"], "done", "{revision}");
        assert_eq!(server.is(), (true, true));
        assert!(stage.background.lock().expect("a lock").is_empty(), "{revision}");
    }
}

#[cfg(panic = "unwind")]
#[test]
fn a_panic_in_the_background_ends_there() {
    let (server, stage) = (Slow::default(), Arc::new(Stage::default()));
    let endpoint = StreamableHttp::new(server.clone()).expect("a server");
    let platform: Arc<dyn Platform> = stage.clone();
    {
        let mut response = pin!(endpoint.respond(wire::call(Revision::V2025_11_25, "panics_late"), &platform));
        assert!(wire::poll(response.as_mut()).is_pending());
    }
    finish_in_the_background(&server, &stage, Revision::V2025_11_25);
    assert_eq!(server.is(), (true, false));
}

#[test]
fn the_requests_of_a_dropped_batch_go_on() {
    let (server, stage) = (Slow::default(), Arc::new(Stage::default()));
    let endpoint = StreamableHttp::new(server.clone()).expect("a server");
    let platform: Arc<dyn Platform> = stage.clone();
    let mut request = wire::call(Revision::V2025_03_26, "silent");
    let call = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "silent" } });
    *request.body_mut() = Value::Array(vec![call(1), call(2)]).to_string().into();
    {
        let mut response = pin!(endpoint.respond(request, &platform));
        assert!(wire::poll(response.as_mut()).is_pending());
    }
    let mut work = std::mem::take(&mut *stage.background.lock().expect("a lock"));
    assert_eq!((work.len(), server.is()), (2, (false, false)));
    server.may_finish.store(true, Ordering::SeqCst);
    assert!(work.iter_mut().all(|work| wire::poll(work.as_mut()).is_ready()));
    assert_eq!(server.is(), (true, true));
}
