//! A Worker whose handlers panic, on workerd: what else it was answering is not left hanging, and what comes next is
//! answered as if nothing had been. And one that cannot be built at all: it says why.

use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Reply, Request, Workerd, exchange};
use serde_json::{Value, json};

/// A panic takes a second to be noticed; the rest is for a busy machine. The server's time limit is minutes.
const SOON: Duration = Duration::from_secs(15);

fn call(workerd: &Workerd, tool: &str, arguments: Value) -> Reply {
    let request = Request::call(tool, arguments).to_bytes(workerd.addr());
    exchange(workerd.addr(), &request).expect("an answer")
}

/// Which call since the server was built this one is.
fn count(workerd: &Workerd, ms: u32) -> u64 {
    let reply = call(workerd, "wait", json!({ "ms": ms }));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let text = reply.messages()[0]["result"]["content"][0]["text"].clone();
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn a_panic_is_answered_and_the_next_request_finds_a_new_server() {
    let Some(workerd) = Workerd::start("a_panic_is_answered", "panicking", &[]) else { return };
    assert_eq!((count(&workerd, 0), count(&workerd, 0)), (1, 2));
    for after_ms in [0, 50] {
        let begin = Instant::now();
        let reply = call(&workerd, "panic", json!({ "after_ms": after_ms, "reports": false }));
        assert_eq!(reply.status(), 500, "{}", reply.text());
        assert!(begin.elapsed() < SOON, "after {:?}", begin.elapsed());
        // Whatever the handler held is free again.
        for expected in 1..=20 {
            assert_eq!(count(&workerd, 0), expected);
        }
    }
    workerd.expect_in_log("was asked to");
}

#[test]
fn what_was_under_way_ends_and_what_comes_meanwhile_is_answered() {
    let Some(workerd) = Workerd::start("what_was_under_way", "panicking", &[]) else { return };
    assert_eq!(count(&workerd, 0), 1);
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                // Within the isolate that panicked nothing can be waited for any more; minutes later is too late.
                assert_eq!(call(&workerd, "wait", json!({"ms": 120_000})).status(), 500);
                assert!(begin.elapsed() < SOON, "after {:?}", begin.elapsed());
            });
        }
        let panicking = scope.spawn(|| call(&workerd, "panic", json!({"after_ms": 300, "reports": false})).status());
        workerd.expect_in_log("was asked to");
        let mut counts: Vec<u64> =
            (0..20).map(|_| scope.spawn(|| count(&workerd, 10))).map(|call| call.join().expect("an answer")).collect();
        counts.sort_unstable();
        assert_eq!(counts, Vec::from_iter(1..=20));
        assert_eq!(panicking.join().expect("an answer"), 500);
    });
}

#[test]
fn a_stream_ends_with_its_handler() {
    let Some(workerd) = Workerd::start("a_stream_ends", "panicking", &[]) else { return };
    let begin = Instant::now();
    let request = Request::call("panic", json!({"after_ms": 300, "reports": true})).with_progress();
    let torn = exchange(workerd.addr(), &request.to_bytes(workerd.addr()));
    assert!(begin.elapsed() < SOON, "after {:?}", begin.elapsed());
    // The status was sent before, so the connection must say it: nobody may take this for the whole answer.
    assert!(torn.is_err(), "{torn:?}");
    assert_eq!(count(&workerd, 0), 1);
}

#[test]
fn what_waits_for_a_durable_object_ends() {
    let variables = [("PMCP_SESSIONS", "shared")];
    // The objects live in the other isolate, and go on.
    let Some(workerd) = Workerd::start_isolates("what_waits_for_a_durable_object", "panicking", &variables, 2) else {
        return;
    };
    let addr = workerd.addrs()[1];
    let info = json!({"name": "raw", "version": "1"});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
    let opened = exchange(addr, &Request::legacy(None, "initialize", params).to_bytes(addr)).expect("an answer");
    let session = opened.head.header("mcp-session-id").expect("a session").to_owned();
    let in_session = |request: Request| request.header("mcp-session-id", &session);
    let arguments = json!({"name": "panic", "arguments": {"after_ms": 120_000, "reports": true}});
    let streaming = Request::legacy(Some("2025-11-25"), "tools/call", arguments).with_progress();
    let listening = Request::modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let requests = [
        in_session(streaming),
        in_session(Request::legacy(Some("2025-11-25"), "ping", json!({})).verb("GET").body("")),
        listening,
    ];
    let streams = requests.map(|request| {
        let mut stream = Connection::open(addr).expect("workerd accepts");
        stream.send(&request.to_bytes(addr)).expect("workerd reads");
        let head = stream.read_head().unwrap_or_else(|error| panic!("{error}\n{}", workerd.log()));
        assert!(head.status == 200 && head.is_event_stream(), "{head:?}\n{}", workerd.log());
        stream
    });
    thread::sleep(Duration::from_millis(500));
    let begin = Instant::now();
    let panicking = Request::call("panic", json!({"after_ms": 0, "reports": false}));
    assert_eq!(exchange(addr, &panicking.to_bytes(addr)).expect("an answer").status(), 500);
    for (at, mut stream) in streams.into_iter().enumerate() {
        // What it was told before, and then no more.
        while stream.read_event().is_ok_and(|event| event.is_some()) {}
        assert!(begin.elapsed() < SOON, "stream {at} ended after {:?}", begin.elapsed());
    }
    let reply = exchange(addr, &Request::call("wait", json!({"ms": 0})).to_bytes(addr)).expect("an answer");
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

#[test]
fn a_server_that_cannot_be_built_says_why() {
    let Some(workerd) = Workerd::start_in_vain("a_server_that_cannot_be_built", "unbuildable") else { return };
    workerd.expect_in_log("tool `greet` is registered twice");
    workerd.expect_in_log("Uncaught");
    assert!(exchange(workerd.addr(), &Request::post("").to_bytes(workerd.addr())).is_err());
}
