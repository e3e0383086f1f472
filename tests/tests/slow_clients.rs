//! Slow and broken clients: each costs one connection, others are answered at once, and the server ends the stall.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Request, Server, example, exchange};
use serde_json::json;

/// Short limits, so that the tests need not wait for the usual ones.
const LIMITS: [(&str, &str); 3] =
    [("PMCP_HEADER_TIMEOUT_MS", "1000"), ("PMCP_BODY_TIMEOUT_MS", "1000"), ("PMCP_WRITE_TIMEOUT_MS", "1000")];

/// Within this time a stalled connection must be gone: the limit and room for a busy machine.
const GONE: Duration = Duration::from_secs(6);

/// How many clients misbehave at the same time.
const CLIENTS: usize = 50;

fn add() -> Request {
    Request::call("add", json!({"a": 2, "b": 3}))
}

fn assert_answers_at_once(server: &Server) {
    for _ in 0..10 {
        let begin = Instant::now();
        let reply = exchange(server.addr(), &add().to_bytes(server.addr())).expect("an answer");
        assert_eq!(reply.result()["content"][0]["text"], "5");
        assert!(begin.elapsed() < Duration::from_secs(1), "took {:?}", begin.elapsed());
    }
}

fn open_many(clients: usize, server: &Server, first_bytes: &[u8]) -> Vec<Connection> {
    (0..clients)
        .map(|_| {
            let mut connection = Connection::open(server.addr()).expect("the server accepts");
            connection.send(first_bytes).expect("the server reads");
            connection
        })
        .collect()
}

/// Every connection must end, with or without a refusal before, within [`GONE`] of `begin`.
fn assert_all_closed(connections: Vec<Connection>, begin: Instant) {
    for mut connection in connections {
        match connection.read_reply() {
            Ok(reply) => {
                assert_eq!(reply.status(), 408, "a refusal says why: {}", reply.text());
                assert!(connection.is_closed_by_server().expect("closed after the refusal"));
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                "not closed: {error}"
            ),
        }
        assert!(begin.elapsed() < GONE, "closed only after {:?}", begin.elapsed());
    }
}

#[test]
fn clients_that_say_nothing() {
    let server = Server::start("calculator-cloudrun", &LIMITS);
    let begin = Instant::now();
    let connections = open_many(CLIENTS, &server, b"");
    assert_answers_at_once(&server);
    assert_all_closed(connections, begin);
}

#[test]
fn clients_that_stop_within_the_preface_of_http_2() {
    let server = Server::start_executable(&example("pmcp-cloudrun", "http2"), &LIMITS);
    let begin = Instant::now();
    let connections = open_many(CLIENTS, &server, b"PRI * HTTP/2.0\r\n");
    assert_answers_at_once(&server);
    assert_all_closed(connections, begin);
}

#[test]
fn a_header_that_never_ends() {
    let server = Server::start("calculator-cloudrun", &LIMITS);
    let begin = Instant::now();
    let mut connections = open_many(CLIENTS, &server, b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    assert_answers_at_once(&server);
    // A byte now and then must not win more time: the limit is for the whole head.
    let mut open = connections.len();
    while open > 0 && begin.elapsed() < GONE {
        open = connections.iter_mut().filter_map(|connection| connection.send(b"x").ok()).count();
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(open, 0, "{open} connections still open after {:?}", begin.elapsed());
    assert_answers_at_once(&server);
}

#[test]
fn a_body_that_stalls() {
    let server = Server::start("calculator-cloudrun", &LIMITS);
    let begin = Instant::now();
    let request = add().header("Content-Length", "100000").to_bytes(server.addr());
    let connections = open_many(CLIENTS, &server, &request);
    assert_answers_at_once(&server);
    assert_all_closed(connections, begin);
}

#[test]
fn a_chunked_body_that_stalls() {
    let server = Server::start("calculator-cloudrun", &LIMITS);
    let begin = Instant::now();
    let mut request = add().chunked().to_bytes(server.addr());
    request.truncate(request.len() - b"0\r\n\r\n".len());
    let connections = open_many(CLIENTS, &server, &request);
    assert_answers_at_once(&server);
    assert_all_closed(connections, begin);
}

#[test]
fn a_reader_that_stops_reading() {
    const STEPS: u64 = 1_000_000;
    let server = Server::start("calculator-cloudrun", &LIMITS);
    let request = Request::call("countdown", json!({"from": STEPS, "delay_ms": 0})).with_progress();
    let mut connections = open_many(10, &server, &request.to_bytes(server.addr()));
    for connection in &mut connections {
        let head = connection.read_head().expect("a reply begins");
        assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
    }
    // Nobody reads now. What the sockets hold is the kernel's; beyond that the server must wait, not buffer.
    thread::sleep(Duration::from_secs(2));
    assert_answers_at_once(&server);
    assert_memory_below(&server, 64 * 1024);
    thread::sleep(GONE - Duration::from_secs(2));

    for mut connection in connections {
        let mut steps = 0;
        let end = loop {
            match connection.read_event() {
                Ok(Some(message)) if message.get("result").is_some() => {
                    panic!("all {STEPS} steps were sent")
                }
                Ok(Some(_)) => steps += 1,
                end => break end,
            }
        };
        // A proper end or a torn one, but an end, and long before the last step.
        if let Err(error) = end {
            assert!(
                matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                "not closed: {error}"
            );
        }
        assert!(steps < STEPS, "{steps}");
    }
    assert_answers_at_once(&server);
}

/// Linux tells how much memory a process holds; elsewhere there is nothing to check.
fn assert_memory_below(server: &Server, kib: u64) {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", server.pid())) else {
        return;
    };
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok())
        .expect("VmRSS in KiB");
    assert!(resident < kib, "{resident} KiB resident");
}
