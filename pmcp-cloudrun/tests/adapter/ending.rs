//! How the process ends while clients are in the middle of something.

use std::io::Read;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Request, Server, binary, run_to_end};
use serde_json::{Value, json};

use super::{CALCULATOR, add, assert_five, countdown, open_and_send};

const LIMIT: Duration = Duration::from_secs(10);
/// Well below the nine seconds that requests in flight are given.
const SOON: Duration = Duration::from_secs(4);

fn interrupt(server: &Server) {
    let status = Command::new("kill").args(["-INT", &server.pid().to_string()]).status().expect("kill starts");
    assert!(status.success(), "kill -INT failed: {status}");
}

fn assert_ended(server: &mut Server, begin: Instant) {
    let status = server.wait(LIMIT);
    assert_eq!(status.code(), Some(0), "{status}: {}", server.log());
    assert!(begin.elapsed() < SOON, "took {:?}: {}", begin.elapsed(), server.log());
}

#[test]
fn half_a_head_does_not_hold_it() {
    let mut server = Server::start(CALCULATOR, &[]);
    let open = |bytes: &[u8]| {
        let mut connection = Connection::open(server.addr()).expect("the server accepts");
        connection.send(bytes).expect("the server reads");
        connection
    };
    let mut used = open_and_send(&server, &add());
    assert_five(&used.read_reply().expect("an answer"));
    used.send(b"POST /mcp HTTP/1.1\r\nHost: loc").expect("the server reads");
    let held = [open(b"POST /mcp HTTP/1.1\r\nHost: loc"), open(b"P"), open(b"PRI * HTTP/2.0\r\n"), used];
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    server.terminate();
    assert_ended(&mut server, begin);
    drop(held);
}

#[test]
fn a_request_that_is_on_its_way_is_answered() {
    let mut server = Server::start(CALCULATOR, &[]);
    let request = add().to_bytes(server.addr());
    let (begin, end) = request.split_at(request.len() - 10);
    let mut slow = Connection::open(server.addr()).expect("the server accepts");
    slow.send(begin).expect("the server reads");
    thread::sleep(Duration::from_millis(100));
    server.terminate();
    thread::sleep(Duration::from_millis(1000));
    slow.send(end).expect("the server reads");
    assert_five(&slow.read_reply().expect("its head was there before the signal"));
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{}", server.log());
}

#[test]
fn who_connected_before_the_signal_is_answered() {
    let mut server = Server::start(CALCULATOR, &[]);
    // More than the server accepts before it learns of the signal.
    let connections: Vec<_> = (0..100).map(|_| open_and_send(&server, &add())).collect();
    server.terminate();
    for mut connection in connections {
        assert_five(&connection.read_reply().expect("an answer"));
    }
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{}", server.log());
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let mut server = Server::start(CALCULATOR, &[]);
    let mut streamed = open_and_send(&server, &countdown(600, 100).with_progress());
    assert_eq!(streamed.read_head().expect("a reply begins").status, 200);
    interrupt(&server);
    thread::sleep(Duration::from_millis(500));
    assert!(server.is_running(), "one Ctrl-C waits for what is in flight: {}", server.log());
    let begin = Instant::now();
    interrupt(&server);
    let mut last = Value::Null;
    while let Some(event) = streamed.read_event().expect("the stream ends properly") {
        last = event;
    }
    assert!(last["error"]["message"].as_str().is_some_and(|text| text.contains("shutting down")), "{last}");
    assert_ended(&mut server, begin);
}

#[test]
fn time_outs_of_zero_are_refused_by_name() {
    for variable in ["PMCP_HEADER_TIMEOUT_MS", "PMCP_BODY_TIMEOUT_MS", "PMCP_WRITE_TIMEOUT_MS"] {
        let finished = run_to_end(Command::new(binary(CALCULATOR)).env("PORT", "0").env(variable, "0"), LIMIT);
        assert_eq!(finished.status.and_then(|status| status.code()), Some(1), "{finished}");
        assert!(finished.stderr.contains(variable) && finished.stderr.contains("at least 1"), "{finished}");
    }
}

#[test]
fn a_slow_reader_gets_the_whole_of_its_answer() {
    const LENGTH: usize = 4_000_000;
    let mut server = Server::start(CALCULATOR, &[]);
    // Twice in its answer: in the message, and in the data of the error.
    let uri = format!("calculator://constants/{}", "x".repeat(LENGTH));
    let request = Request::legacy(Some("2025-11-25"), "resources/read", json!({ "uri": uri }));
    let mut connection = open_and_send(&server, &request);
    let head = connection.read_head().expect("a reply begins");
    let length: u64 = head.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    server.terminate();
    let (mut socket, mut read, mut part) = (connection.socket(), 0, vec![0; 200_000]);
    loop {
        match socket.read(&mut part).expect("the answer comes to its end") {
            0 => break,
            bytes => read += bytes as u64,
        }
        thread::sleep(Duration::from_millis(30));
    }
    // What came with the head is in the connection's own buffer.
    assert!(read + 16_384 >= length, "{read} of {length}");
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{}", server.log());
}
