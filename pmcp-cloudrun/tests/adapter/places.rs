//! Who holds a place among the requests in flight: complete requests, and work that outlives its client. Requests that
//! are still coming in hold none, but share a limit of bytes.

use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Reply, Request, Server, exchange};
use serde_json::json;

use super::{CALCULATOR, add, assert_five, open_and_send};

const ONE_PLACE: (&str, &str) = ("PMCP_MAX_CONCURRENCY", "1");
const AT_ONCE: Duration = Duration::from_secs(2);

fn call(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

/// A good head whose body of `length` bytes does not come to its end.
fn unfinished(length: usize) -> Request {
    add().header("Content-Length", length.to_string())
}

/// In a revision whose handlers go on when their client leaves.
fn legacy_countdown(from: u32, delay_ms: u32) -> Request {
    let params = json!({"name": "countdown", "arguments": {"from": from, "delay_ms": delay_ms}});
    Request::legacy(Some("2025-11-25"), "tools/call", params)
}

fn wait_for_a_place(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let reply = call(server, &add());
        if reply.status() == 200 {
            return;
        }
        assert!(Instant::now() < deadline, "the place was never free again: {}", reply.text());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn bodies_that_stall_hold_no_place() {
    let server = Server::start(CALCULATOR, &[ONE_PLACE]);
    let mut chunked = add().chunked().to_bytes(server.addr());
    chunked.truncate(chunked.len() - b"0\r\n\r\n".len());
    let mut held: Vec<_> = (0..20).map(|_| open_and_send(&server, &unfinished(100_000))).collect();
    held.extend((0..20).map(|_| {
        let mut connection = Connection::open(server.addr()).expect("the server accepts");
        connection.send(&chunked).expect("the server reads");
        connection
    }));
    thread::sleep(Duration::from_millis(200));
    for _ in 0..20 {
        let begin = Instant::now();
        assert_five(&call(&server, &add()));
        assert!(begin.elapsed() < AT_ONCE, "took {:?}", begin.elapsed());
    }
    drop(held);
}

#[test]
fn a_body_that_stalled_takes_its_place_when_it_is_there() {
    let server = Server::start(CALCULATOR, &[ONE_PLACE]);
    let request = add().to_bytes(server.addr());
    let (begin, end) = request.split_at(request.len() - 10);
    let mut slow = Connection::open(server.addr()).expect("the server accepts");
    slow.send(begin).expect("the server reads");
    thread::sleep(Duration::from_millis(100));
    assert_five(&call(&server, &add()));
    slow.send(end).expect("the server reads");
    assert_five(&slow.read_reply().expect("an answer"));
}

#[test]
fn bodies_together_are_bounded_while_they_come_in() {
    let server = Server::start(CALCULATOR, &[("PMCP_MAX_BUFFERED_BYTES", "100000")]);
    let stalled = || open_and_send(&server, &unfinished(200_000).body(vec![b' '; 60_000]));
    let first = stalled();
    thread::sleep(Duration::from_millis(200));
    let mut second = stalled();
    let refused = second.read_reply().expect("a refusal before its end");
    assert_eq!((refused.status(), refused.head.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert!(second.is_closed_by_server().expect("closed: the rest of the body is no request"));
    // Whoever sends little at once is served meanwhile.
    assert_five(&call(&server, &add()));

    drop(first);
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut large = add().message().expect("JSON").to_string().into_bytes();
    large.resize(90_000, b' ');
    loop {
        let reply = call(&server, &add().body(large.clone()).chunked());
        if reply.status() == 200 {
            break assert_five(&reply);
        }
        assert!(Instant::now() < deadline, "what broke off was never given back: {}", reply.text());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn work_of_a_client_that_vanished_holds_its_place_to_its_end() {
    let server = Server::start(CALCULATOR, &[ONE_PLACE]);
    for request in [legacy_countdown(1, 1500), legacy_countdown(150, 10).param("_meta", json!({"progressToken": 1}))] {
        let begin = Instant::now();
        let held = open_and_send(&server, &request);
        // An earlier question could itself take the place that it asks for.
        thread::sleep(Duration::from_millis(200));
        assert_eq!(call(&server, &add()).status(), 503);
        drop(held);
        thread::sleep(Duration::from_millis(300));
        let meanwhile = call(&server, &add());
        assert_eq!(meanwhile.status(), 503, "its work goes on, yet it counted nowhere: {}", meanwhile.text());
        wait_for_a_place(&server);
        assert!(begin.elapsed() >= Duration::from_millis(1400), "over after {:?}", begin.elapsed());
    }
}

#[test]
fn work_of_vanished_clients_ends_with_the_process() {
    let mut server = Server::start(CALCULATOR, &[("PMCP_SHUTDOWN_GRACE_MS", "300")]);
    let held: Vec<_> = (0..10).map(|_| open_and_send(&server, &legacy_countdown(600, 100))).collect();
    thread::sleep(Duration::from_millis(300));
    drop(held);
    thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    server.terminate();
    let status = server.wait(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{status}: {}", server.log());
    assert!(begin.elapsed() >= Duration::from_millis(250), "nothing was waited for: {:?}", begin.elapsed());
}
