//! Request bodies: refused while they are still being sent, asked for where the client waits to be asked.

use std::io::Read;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Request, Server, exchange};
use serde_json::json;

use super::{CALCULATOR, add, assert_five};

const LIMIT: usize = 10_000;
const AT_ONCE: Duration = Duration::from_secs(2);

fn server() -> Server {
    Server::start(CALCULATOR, &[("PMCP_MAX_BODY_BYTES", "10000")])
}

/// A good request whose body has this length.
fn padded(length: usize) -> Request {
    let mut body = add().message().expect("JSON").to_string().into_bytes();
    body.resize(length, b' ');
    add().body(body)
}

fn assert_refused(mut connection: Connection, begin: Instant) {
    let reply = connection.read_reply().expect("a refusal");
    assert_eq!(reply.status(), 413, "{}", reply.text());
    assert!(reply.text().contains("10000"), "the limit is not named: {}", reply.text());
    assert!(begin.elapsed() < AT_ONCE, "took {:?}", begin.elapsed());
    assert!(connection.is_closed_by_server().expect("closed: the rest of the body is no request"));
}

#[test]
fn the_limit_is_exact() {
    let server = server();
    for request in [padded(LIMIT), padded(LIMIT).chunked()] {
        assert_five(&exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer"));
    }
    for request in [padded(LIMIT + 1), padded(LIMIT + 1).chunked()] {
        let reply = exchange(server.addr(), &request.to_bytes(server.addr())).expect("a refusal");
        assert_eq!(reply.status(), 413, "{}", reply.text());
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_body_comes() {
    let server = server();
    let request = add().body("").header("Content-Length", (LIMIT + 1).to_string());
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let begin = Instant::now();
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    assert_refused(connection, begin);
}

#[test]
fn chunks_over_the_limit_are_refused_before_the_last_comes() {
    let server = server();
    let mut request = padded(LIMIT + 1).chunked().to_bytes(server.addr());
    request.truncate(request.len() - b"0\r\n\r\n".len());
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let begin = Instant::now();
    connection.send(&request).expect("the server reads");
    assert_refused(connection, begin);
}

#[test]
fn a_client_that_waits_is_asked_for_the_body() {
    let server = server();
    let request = add().header("Expect", "100-continue").to_bytes(server.addr());
    let length = add().message().expect("JSON").to_string().len();
    let (head, body) = request.split_at(request.len() - length);

    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(head).expect("the server reads");
    let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.socket().read_exact(&mut asked).expect("an interim reply");
    assert_eq!(String::from_utf8_lossy(&asked), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.send(body).expect("the server reads");
    assert_five(&connection.read_reply().expect("an answer"));
}

#[test]
fn a_client_that_waits_with_a_body_too_long_is_not_asked() {
    let server = server();
    let request = add().body("").header("Expect", "100-continue").header("Content-Length", (LIMIT + 1).to_string());
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    let mut begin = [0; b"HTTP/1.1 413".len()];
    connection.socket().read_exact(&mut begin).expect("a refusal");
    assert_eq!(String::from_utf8_lossy(&begin), "HTTP/1.1 413");
}

#[test]
fn every_answer_is_in_events_for_those_who_read_nothing_else() {
    let server = Server::start(CALCULATOR, &[("PMCP_ANSWERS", "events")]);
    let answer = |request: &Request| exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer");
    let list = Request::legacy(Some("2025-11-25"), "tools/list", json!({}));
    let reply = answer(&list);
    assert!(reply.status() == 200 && reply.head.is_event_stream(), "{:?}", reply.head);
    assert_eq!(reply.messages()[0]["result"]["tools"][0]["name"], "add");
    let reply = answer(&list.header("Accept", "application/json"));
    assert!(!reply.head.is_event_stream() && reply.result()["tools"].is_array(), "{}", reply.text());
    // What is refused is no message of a stream.
    let refused = answer(&Request::post("{"));
    assert!(refused.status() == 400 && !refused.head.is_event_stream(), "{}", refused.text());
}
