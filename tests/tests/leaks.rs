//! Ten thousand streams that are opened and dropped leave nothing behind in the real process: no memory, no
//! connection, no thread, and no handler that goes on.

#![cfg(target_os = "linux")]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use pmcp_tests::{Connection, Request, Server, exchange};
use serde_json::json;

const MANY: usize = 10_000;
/// How many are open at the same time.
const TOGETHER: usize = 100;
/// What the allocator may keep for itself, and much less than ten thousand of anything.
const MORE_KILOBYTES: usize = 2_000;

/// What the process holds.
#[derive(Debug, PartialEq)]
struct Held {
    threads: usize,
    files: usize,
    kilobytes: usize,
}

impl Held {
    fn by(server: &Server) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the kernel's");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let files = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the server runs").count();
        Self { threads: number("Threads:"), files, kilobytes: number("VmRSS:") }
    }
}

/// How much processor time the server has used, in the ticks of the kernel (a hundred a second).
fn ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("the server runs");
    let (_, fields) = stat.rsplit_once(')').expect("a line of the kernel's");
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

/// Opens `count` streams with `request`, reads the first event of each, and drops them.
fn open_and_drop(server: &Server, request: &Request, count: usize) {
    let bytes = request.to_bytes(server.addr());
    for _ in 0..count / TOGETHER {
        let mut streams: Vec<_> = (0..TOGETHER)
            .map(|_| {
                let mut connection = Connection::open(server.addr()).expect("the server accepts");
                connection.send(&bytes).expect("the server reads");
                connection
            })
            .collect();
        for stream in &mut streams {
            let head = stream.read_head().expect("a reply");
            assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
        }
    }
}

fn levels_off(held: &[Held]) -> bool {
    held.windows(2).last().is_some_and(|pair| pair[1].kilobytes <= pair[0].kilobytes + MORE_KILOBYTES)
}

/// What it holds when the streams are closed.
fn closed(server: &Server, before: &Held) -> Held {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let now = Held::by(server);
        if now.files <= before.files && now.threads <= before.threads {
            return now;
        }
        assert!(Instant::now() < deadline, "it held {before:?} before {MANY} streams, and {now:?} after them");
        thread::sleep(Duration::from_millis(50));
    }
}

fn assert_nothing_stays(server: &Server, request: &Request) {
    // What is made once, and what the allocator keeps for itself: it takes some thousand streams to level off, more on
    // a busy machine. A leak goes on growing.
    open_and_drop(server, request, 5_000);
    thread::sleep(Duration::from_millis(300));
    let mut held = vec![Held::by(server)];
    while held.len() < 2 || !levels_off(&held) {
        assert!(held.len() < 4, "after each {MANY} streams more: {held:?}");
        open_and_drop(server, request, MANY);
        held.push(closed(server, &held[0]));
    }
    // Handlers and timers that went on would be seen at work.
    let begin = ticks(server);
    thread::sleep(Duration::from_millis(500));
    let used = ticks(server) - begin;
    assert!(used <= 10, "{used} ticks of work in half a second, although nobody asks for any; {held:?}");
    let good = Request::modern("server/discover", json!({})).to_bytes(server.addr());
    assert_eq!(exchange(server.addr(), &good).expect("an answer").status(), 200);
}

#[test]
fn listen_streams() {
    let server = Server::start("notes-cloudrun", &[]);
    let filter = json!({"resourceSubscriptions": ["notes://today"], "toolsListChanged": true});
    assert_nothing_stays(&server, &Request::modern("subscriptions/listen", json!({"notifications": filter})));
}

#[test]
fn calls_that_are_dropped_midway() {
    let server = Server::start("calculator-cloudrun", &[]);
    let call = Request::call("countdown", json!({"from": 100_000, "delay_ms": 20}));
    assert_nothing_stays(&server, &call.with_progress());
}

#[test]
fn streams_of_a_session() {
    let server = Server::start("notes-cloudrun", &[("PMCP_SESSIONS", "memory")]);
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"},
    });
    let reply = exchange(server.addr(), &Request::legacy(None, "initialize", params).to_bytes(server.addr()));
    let session = reply.expect("an answer").head.header("mcp-session-id").expect("a session").to_owned();
    let get = Request::post("").verb("GET").header("Mcp-Session-Id", session);
    assert_nothing_stays(&server, &get.header("MCP-Protocol-Version", "2025-11-25"));
}
