//! What the adapter refuses by itself: a JSON-RPC error that pages of an allowed origin can read, and no others.

use std::time::Duration;

use pmcp_tests::{Connection, Reply, Request, Server};

use super::{CALCULATOR, add, countdown, open_and_send};

const ALLOWED: &str = "https://app.example";

/// Refuses at little cost: bodies of 1,000 bytes, in half a second, one request at a time.
fn server() -> Server {
    let limits = [
        ("PMCP_ALLOWED_ORIGINS", ALLOWED),
        ("PMCP_MAX_BODY_BYTES", "1000"),
        ("PMCP_BODY_TIMEOUT_MS", "500"),
        ("PMCP_MAX_CONCURRENCY", "1"),
    ];
    Server::start(CALCULATOR, &limits)
}

/// Each is refused with this status as long as the one place is taken.
fn refused() -> [(Request, u16); 4] {
    [
        (add().header("Content-Length", "1001"), 413),
        (add().body(vec![b' '; 1001]).chunked(), 413),
        (add().header("Content-Length", "999"), 408),
        (add(), 503),
    ]
}

/// Takes the one place; its first event shows that it has it.
fn fill(server: &Server) -> Connection {
    let mut connection = open_and_send(server, &countdown(6000, 10).with_progress());
    assert_eq!(connection.read_head().expect("a reply begins").status, 200);
    connection
}

fn send(server: &Server, request: &Request) -> Reply {
    open_and_send(server, request).read_reply().expect("a refusal")
}

#[test]
fn pages_of_an_allowed_origin_can_read_them() {
    let server = server();
    let _held = fill(&server);
    for (request, status) in refused() {
        let reply = send(&server, &request.header("Origin", ALLOWED));
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert_eq!(reply.head.header("access-control-allow-origin"), Some(ALLOWED), "{reply:?}");
        assert!(reply.head.header("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("origin")), "{reply:?}");
        let message = reply.message();
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        assert!(message["error"]["code"].is_i64() && message["error"]["message"].is_string(), "{message}");
    }
}

#[test]
fn programs_are_told_the_same_without_cors() {
    let server = server();
    let _held = fill(&server);
    for (request, status) in refused() {
        let reply = send(&server, &request);
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert_eq!(reply.head.header("access-control-allow-origin"), None, "{reply:?}");
        assert!(reply.message()["error"]["message"].is_string(), "{}", reply.text());
    }
}

#[test]
fn pages_of_a_foreign_origin_and_foreign_names_learn_nothing_of_them() {
    let server = server();
    let _held = fill(&server);
    for (request, status) in refused() {
        // Of what is complete, the core itself may not be asked while all places are taken; the answer is the same.
        for (name, value) in [("Origin", "https://evil.example"), ("Host", "evil.example")] {
            let reply = send(&server, &request.clone().header(name, value));
            assert_eq!(reply.status(), 403, "{name} instead of {status}: {}", reply.text());
            assert_eq!(reply.head.header("access-control-allow-origin"), None, "{reply:?}");
        }
    }
}

#[test]
fn a_connection_whose_body_was_not_read_is_closed() {
    let server = server();
    for (request, status) in refused().into_iter().take(3) {
        let mut connection = open_and_send(&server, &request);
        let reply = connection.read_reply().expect("a refusal");
        assert_eq!((reply.status(), reply.head.header("connection")), (status, Some("close")), "{}", reply.text());
        connection.socket().set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        assert!(connection.is_closed_by_server().expect("closed"));
    }
}
