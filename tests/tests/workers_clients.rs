//! A Worker on workerd whose clients go before they are answered, read nothing, or are somebody; and settings of all kinds.

use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Reply, Request, Workerd, exchange, tool};
use serde_json::{Value, json};

const OLDER: &str = "2025-11-25";

fn send(workerd: &Workerd, request: &Request) -> Reply {
    exchange(workerd.addr(), &request.to_bytes(workerd.addr()))
        .unwrap_or_else(|error| panic!("{error}\n{}", workerd.log()))
}

fn text(reply: &Reply) -> String {
    let messages = reply.messages();
    let text = messages.last().expect("an answer")["result"]["content"][0]["text"].clone();
    text.as_str().unwrap_or_else(|| panic!("{}", reply.text())).to_owned()
}

/// Waits until as many handlers hold something.
fn expect_held(workerd: &Workerd, count: usize) {
    let begin = Instant::now();
    loop {
        let held = text(&send(workerd, &Request::call("held", json!({}))));
        if held == count.to_string() {
            return;
        }
        let log = || workerd.log();
        assert!(begin.elapsed() < Duration::from_secs(15), "{held} handlers hold something, not {count}:\n{}", log());
        thread::sleep(Duration::from_millis(50));
    }
}

fn hold(ms: u32) -> Request {
    Request::call("hold", json!({ "ms": ms }))
}

fn hold_as_before(ms: u32) -> Request {
    let params = json!({"name": "hold", "arguments": {"ms": ms}});
    Request::legacy(Some(OLDER), "tools/call", params)
}

/// Begins requests on connections that are reset when they are dropped: an answer came that was never read.
fn begin(workerd: &Workerd, requests: &[Vec<u8>]) -> Vec<Connection> {
    let first = Request::post("").verb("GET").path("/health").to_bytes(workerd.addr());
    let connections = requests.iter().map(|request| {
        let mut connection = Connection::open(workerd.addr()).expect("workerd accepts");
        connection.send(&first).expect("workerd reads");
        connection.send(request).expect("workerd reads");
        connection
    });
    connections.collect()
}

fn bytes(workerd: &Workerd, request: &Request, count: usize) -> Vec<Vec<u8>> {
    vec![request.to_bytes(workerd.addr()); count]
}

fn ends(workerd: &Workerd) -> usize {
    workerd.log().matches("held to the end").count()
}

#[test]
fn a_client_that_resets_before_its_answer_begins_ends_its_handler() {
    let Some(workerd) = Workerd::start("a_client_that_resets", "panicking", &[]) else { return };
    let connections = begin(&workerd, &bytes(&workerd, &hold(120_000), 20));
    expect_held(&workerd, 20);
    drop(connections);
    expect_held(&workerd, 0);
    assert_eq!(ends(&workerd), 0, "{}", workerd.log());
    // Of an older revision they are let finish.
    let connections = begin(&workerd, &bytes(&workerd, &hold_as_before(3_000), 20));
    expect_held(&workerd, 20);
    drop(connections);
    expect_held(&workerd, 0);
    assert_eq!(ends(&workerd), 20, "{}", workerd.log());
    assert!(!workerd.log().contains("Uncaught"), "{}", workerd.log());
}

#[test]
fn in_a_session_too_and_what_it_waited_for_is_given_back() {
    let variables = [("PMCP_SESSIONS", "shared")];
    let Some(workerd) = Workerd::start("in_a_session_too", "panicking", &variables) else { return };
    let session = open_session(&workerd, "");
    // Each has a stream that could cancel it, of which a session has 256.
    let hold_and_reset = |ids: std::ops::Range<usize>| {
        let held = |id: usize| hold_as_before(6_000).header("mcp-session-id", &session).set("id", json!(id));
        let requests: Vec<_> = ids.clone().map(|id| held(id).to_bytes(workerd.addr())).collect();
        let connections = begin(&workerd, &requests);
        expect_held(&workerd, ids.len());
        drop(connections);
        expect_held(&workerd, 0);
    };
    hold_and_reset(0..150);
    hold_and_reset(150..300);
    assert_eq!(ends(&workerd), 300, "{}", workerd.log());
    assert!(!workerd.log().contains("Durable Object"), "{}", workerd.log());
    let params = json!({"name": "flood", "arguments": {"messages": 3, "bytes": 1}});
    let streamed = Request::legacy(Some(OLDER), "tools/call", params).with_progress();
    assert_eq!(text(&send(&workerd, &streamed.header("mcp-session-id", &session))), "flooded");
    // More at once are too many. Whoever reads the log cannot use the session.
    hold_and_reset(300..570);
    workerd.expect_in_log("the Durable Object of a session");
    assert!(!workerd.log().contains(&session), "{}", workerd.log());
}

#[test]
fn without_the_flag_a_handler_whose_client_resets_runs_to_its_end() {
    let Some(workerd) = Workerd::start_unflagged("without_the_flag", "panicking", &[]) else { return };
    for request in [hold(3_000), hold_as_before(3_000)] {
        let before = ends(&workerd);
        let connections = begin(&workerd, &bytes(&workerd, &request, 20));
        expect_held(&workerd, 20);
        drop(connections);
        expect_held(&workerd, 0);
        assert_eq!(ends(&workerd), before + 20, "{}", workerd.log());
    }
}

#[test]
fn uploads_that_are_reset_leave_no_memory_behind() {
    let test = "uploads_that_are_reset";
    let Some(node) = tool(test, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(workerd) = Workerd::start_inspected(test, "panicking", &[]) else { return };
    let upload = |count: usize| {
        let mut chunked =
            Request::call("held", json!({})).header("transfer-encoding", "chunked").body("").to_bytes(workerd.addr());
        chunked.extend_from_slice(format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20)).as_bytes());
        let mut sized =
            Request::call("held", json!({})).header("content-length", "1000").body("").to_bytes(workerd.addr());
        sized.push(b' ');
        for upload in [chunked, sized] {
            let connections = begin(&workerd, &vec![upload; count]);
            thread::sleep(Duration::from_secs(1));
            drop(connections);
            thread::sleep(Duration::from_millis(500));
        }
        workerd.heap(&node)
    };
    // Memory that was needed once is not given back.
    let before = upload(10);
    for _ in 0..3 {
        upload(10);
    }
    let after = upload(10);
    assert!(after.wasm <= before.wasm + (6 << 20), "{before:?}, then {after:?}");
}

#[test]
fn a_client_that_reads_nothing_is_given_up() {
    let variables = [("PMCP_TIME_LIMIT_MS", "1000")];
    let Some(workerd) = Workerd::start("a_client_that_reads_nothing", "panicking", &variables) else { return };
    let flood = Request::call("flood", json!({"messages": 100_000, "bytes": 20_000})).with_progress();
    let unread = begin(&workerd, &bytes(&workerd, &flood, 5));
    expect_held(&workerd, 5);
    expect_held(&workerd, 0);
    drop(unread);
    // And one that reads is not, however long nothing comes.
    let listen = Request::modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let mut stream = Connection::open(workerd.addr()).expect("workerd accepts");
    stream.send(&listen.to_bytes(workerd.addr())).expect("workerd reads");
    assert!(stream.read_head().expect("a head").is_event_stream());
    assert!(stream.read_event().expect("an event").is_some());
    stream.socket().set_read_timeout(Some(Duration::from_secs(4))).expect("a socket");
    assert!(stream.read_event().is_err(), "nothing ends it");
}

fn open_session(workerd: &Workerd, user: &str) -> String {
    let info = json!({"name": "raw", "version": "1"});
    let params = json!({"protocolVersion": OLDER, "capabilities": {}, "clientInfo": info});
    let reply = send(workerd, &Request::legacy(None, "initialize", params).header("x-user", user));
    reply.head.header("mcp-session-id").expect("a session id").to_owned()
}

#[test]
fn who_calls_is_known_to_handlers_and_has_sessions_of_its_own() {
    let variables = [("PMCP_SESSIONS", "shared")];
    let Some(workerd) = Workerd::start("who_calls", "panicking", &variables) else { return };
    let who = Request::call("principal", json!({}));
    assert_eq!(text(&send(&workerd, &who)), "nobody");
    assert_eq!(text(&send(&workerd, &who.clone().header("x-user", "ann"))), "ann");
    let session = open_session(&workerd, "ann");
    for (user, status) in [("ann", 200), ("bob", 404)] {
        let ping = Request::legacy(Some(OLDER), "ping", json!({})).header("mcp-session-id", &session);
        assert_eq!(send(&workerd, &ping.header("x-user", user)).status(), status, "{user}");
    }
}

#[test]
fn settings_may_be_numbers_and_what_cannot_be_read_is_said() {
    let test = "settings_may_be_numbers";
    let call = Request::call("held", json!({}));
    for (variable, value, status) in [
        ("PMCP_MAX_BODY_BYTES", "10", 413),
        ("PMCP_SESSIONS", "true", 500),
        ("PMCP_ALLOWED_HOSTS", r#"["a.example"]"#, 500),
        ("PMCP_ALLOWED_ORIGINS", "{}", 500),
        ("PMCP_TIME_LIMIT_MS", "null", 500),
    ] {
        let Some(workerd) = Workerd::start_unflagged(test, "panicking", &[(variable, value)]) else { return };
        assert_eq!(send(&workerd, &call).status(), status, "{variable}: {}", workerd.log());
        if status == 500 {
            workerd.expect_in_log(variable);
        }
    }
    let Some(workerd) = Workerd::start_unflagged(test, "panicking", &[("PMCP_STATE_KEYS", r#"["c2VjcmV0"]"#)]) else {
        return;
    };
    assert_eq!(send(&workerd, &call).status(), 500);
    workerd.expect_in_log("PMCP_STATE_KEYS");
    assert!(!workerd.log().contains("c2VjcmV0"), "{}", workerd.log());
}

#[test]
fn a_request_that_is_none_is_told_so_in_json_and_one_that_is_too_long_at_once() {
    let Some(workerd) = Workerd::start("a_request_that_is_none", "panicking", &[]) else { return };
    let reply = send(&workerd, &Request::call("held", json!({})).header("x-odd", b"a\x01b"));
    assert_eq!((reply.status(), reply.head.header("content-type")), (400, Some("application/json")));
    let error: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(error["error"]["code"], -32600, "{error}");
    // Of which nothing else is sent.
    let long = Request::call("held", json!({})).header("content-length", "4294967297").body("");
    assert_eq!(send(&workerd, &long).status(), 413);
}
