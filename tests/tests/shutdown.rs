//! SIGTERM: what is in flight is answered, streams end properly, nothing new is accepted, exit code 0.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Request, Server};
use serde_json::{Value, json};

const IN_FLIGHT: usize = 200;

/// A short grace time, so that a test can outlast it.
const GRACE: (&str, &str) = ("PMCP_SHUTDOWN_GRACE_MS", "500");

/// A request that takes a second; with progress its answer is an event stream.
fn countdown(from: u32, delay_ms: u32) -> Request {
    Request::call("countdown", json!({"from": from, "delay_ms": delay_ms}))
}

fn open_and_send(server: &Server, request: &Request) -> Connection {
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    connection
}

fn assert_counted(message: &Value) {
    assert!(message["result"].is_object(), "{message}");
    assert_ne!(message["result"]["isError"], true, "{message}");
}

#[test]
fn two_hundred_requests_in_flight_are_all_answered() {
    let mut server = Server::start("calculator-cloudrun", &[]);
    let mut idle = open_and_send(&server, &Request::call("add", json!({"a": 2, "b": 3})));
    assert_eq!(idle.read_reply().expect("an answer").result()["content"][0]["text"], "5");

    let plain: Vec<_> = (0..IN_FLIGHT / 2).map(|_| open_and_send(&server, &countdown(2, 500))).collect();
    let streamed: Vec<_> =
        (0..IN_FLIGHT / 2).map(|_| open_and_send(&server, &countdown(2, 500).with_progress())).collect();
    // The first event of every stream: all of these requests are in their handlers now.
    let mut streamed: Vec<_> = streamed
        .into_iter()
        .map(|mut connection| {
            let head = connection.read_head().expect("a reply begins");
            assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
            let event = connection.read_event().expect("the stream lives").expect("a first event");
            assert_eq!(event["method"], "notifications/progress", "{event}");
            connection
        })
        .collect();

    server.terminate();
    assert_refuses_soon(&server);
    assert!(server.is_running(), "it ended with requests in flight");

    for connection in &mut streamed {
        let mut last = Value::Null;
        // The end of the stream is the proper one: an early one is an error.
        while let Some(event) = connection.read_event().expect("the stream ends properly") {
            last = event;
        }
        assert_counted(&last);
    }
    for mut connection in plain {
        let reply = connection.read_reply().expect("a complete answer");
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_counted(&reply.message());
    }
    assert!(idle.is_closed_by_server().expect("an idle connection is closed"), "an idle connection got bytes");

    let status = server.wait(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", server.log());
}

/// New connections must be refused while the old ones are still served.
fn assert_refuses_soon(server: &Server) {
    let deadline = Instant::now() + Duration::from_millis(400);
    loop {
        match TcpStream::connect_timeout(&server.addr(), Duration::from_secs(1)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            other => assert!(Instant::now() < deadline, "still accepting after SIGTERM: {other:?}"),
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn without_requests_it_ends_at_once() {
    let mut server = Server::start("calculator-cloudrun", &[]);
    let mut idle = Connection::open(server.addr()).expect("the server accepts");
    let begin = Instant::now();
    server.terminate();
    let status = server.wait(Duration::from_secs(3));
    assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", server.log());
    assert!(begin.elapsed() < Duration::from_secs(2), "took {:?}", begin.elapsed());
    assert!(idle.is_closed_by_server().expect("a silent connection is closed"));
}

#[test]
fn clients_that_left_do_not_hold_it() {
    let mut server = Server::start("calculator-cloudrun", &[]);
    let request = countdown(100, 1000);
    for request in [&request, &request.clone().with_progress()] {
        let connections: Vec<_> = (0..20).map(|_| open_and_send(&server, request)).collect();
        thread::sleep(Duration::from_millis(200));
        // In this revision a client that goes away has cancelled its request.
        drop(connections);
    }
    thread::sleep(Duration::from_millis(200));
    server.terminate();
    let status = server.wait(Duration::from_secs(3));
    assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", server.log());
}

#[test]
fn what_outlasts_the_grace_time_is_ended_properly() {
    let mut server = Server::start("calculator-cloudrun", &[GRACE]);
    let mut plain = open_and_send(&server, &countdown(1000, 100));
    let mut streamed = open_and_send(&server, &countdown(1000, 100).with_progress());
    let head = streamed.read_head().expect("a reply begins");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
    streamed.read_event().expect("the stream lives").expect("a first event");

    server.terminate();
    let mut last = Value::Null;
    while let Some(event) = streamed.read_event().expect("the stream ends properly") {
        last = event;
    }
    assert!(last.get("result").is_none(), "no result can have come: {last}");
    // The other one never began to be answered: a status that says so, or a closed connection.
    match plain.read_reply() {
        Ok(reply) => assert!(reply.status() >= 500, "{} {}", reply.status(), reply.text()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}"),
    }
    let status = server.wait(Duration::from_secs(3));
    assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", server.log());
}
