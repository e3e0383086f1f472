//! Requests in flight are bounded: one too many is sent away, and a place is free again however its request ended.

use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Reply, Request, Server, exchange};

use super::{CALCULATOR, add, assert_five, countdown, open_and_send};

const PLACES: usize = 4;

fn server() -> Server {
    Server::start(CALCULATOR, &[("PMCP_MAX_CONCURRENCY", "4")])
}

fn call(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

/// Asks until the status is as expected: what happens on other connections takes its time.
fn wait_for(server: &Server, status: u16) -> Reply {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let reply = call(server, &add());
        if reply.status() == status {
            return reply;
        }
        assert!(Instant::now() < deadline, "still {}, not {status}: {}", reply.status(), reply.text());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Fills all places with streams that take a minute; the first events show that they have them.
fn fill_with_streams(server: &Server) -> Vec<Connection> {
    let open = || {
        let mut connection = open_and_send(server, &streamed());
        let head = connection.read_head().expect("a reply begins");
        assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
        connection
    };
    let held = (0..PLACES).map(|_| open()).collect();
    assert_eq!(call(server, &add()).status(), 503);
    held
}

/// Fills all places with requests that take a minute. Nothing shows when they have them, so some come too many.
fn fill(server: &Server) -> Vec<Connection> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut held = Vec::new();
    while call(server, &add()).status() == 200 {
        assert!(Instant::now() < deadline, "{} requests in flight, and still a place", held.len());
        held.push(open_and_send(server, &countdown(60, 1000)));
        thread::sleep(Duration::from_millis(5));
    }
    held
}

/// Its first event comes at once, the last after a minute.
fn streamed() -> Request {
    countdown(6000, 10).with_progress()
}

#[test]
fn one_too_many_is_sent_away() {
    let server = server();
    let _held = fill(&server);

    let mut connection = open_and_send(&server, &add());
    let reply = connection.read_reply().expect("a refusal");
    assert_eq!(reply.status(), 503, "{}", reply.text());
    assert_eq!(reply.head.header("retry-after"), Some("1"));
    assert!(reply.text().contains("try again"), "{}", reply.text());
    // Probes must not take a busy server for a dead one.
    let healthy = call(&server, &Request::post("").verb("GET").path("/healthz"));
    assert_eq!(healthy.status(), 200, "{}", healthy.text());
    assert!(server.log().contains("too many requests in flight"), "{}", server.log());
}

#[test]
fn who_was_sent_away_may_try_again_on_the_same_connection() {
    let server = server();
    let held = fill(&server);
    let mut connection = open_and_send(&server, &add());
    assert_eq!(connection.read_reply().expect("a refusal").status(), 503);

    drop(held);
    wait_for(&server, 200);
    connection.send(&add().to_bytes(server.addr())).expect("the connection is open");
    assert_five(&connection.read_reply().expect("an answer"));
}

#[test]
fn clients_that_vanish_leave_their_places() {
    let server = server();
    for _ in 0..3 {
        drop(fill(&server));
        wait_for(&server, 200);
    }
    // All places are free again, or these streams would not have them.
    wait_until_all_are_free(&server);
    for _ in 0..3 {
        drop(fill_with_streams(&server));
        wait_until_all_are_free(&server);
    }
}

#[test]
fn answered_and_refused_requests_leave_their_places() {
    let server = server();
    let too_long = Request::post(vec![b' '; 5 << 20]);
    let not_json = Request::post("{");
    let short_stream = countdown(2, 1).with_progress();
    for _ in 0..PLACES + 1 {
        assert_eq!(call(&server, &too_long).status(), 413);
        assert_eq!(call(&server, &not_json).status(), 400);
        assert_eq!(call(&server, &short_stream).status(), 200);
        // A request that breaks off within its body.
        open_and_send(&server, &add().header("Content-Length", "100000")).close();
    }
    wait_until_all_are_free(&server);
}

/// Fills the places once more. The server learns of a client that left only after a moment.
fn wait_until_all_are_free(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let mut held: Vec<_> = (0..PLACES).map(|_| open_and_send(server, &streamed())).collect();
        let statuses: Vec<_> =
            held.iter_mut().map(|connection| connection.read_head().expect("a reply begins").status).collect();
        drop(held);
        thread::sleep(Duration::from_millis(50));
        if statuses == [200; PLACES] {
            break;
        }
        assert!(Instant::now() < deadline, "places were lost: {statuses:?}");
    }
    wait_for(server, 200);
}

#[test]
fn a_client_that_waits_for_each_answer_is_never_sent_away() {
    let server = Server::start(CALCULATOR, &[("PMCP_MAX_CONCURRENCY", "1")]);
    // Two connections, so that the next request need not be handled by the task that sent the last answer.
    let mut connections = [(); 2].map(|()| Connection::open(server.addr()).expect("the server accepts"));
    for round in 0..1000 {
        let connection = &mut connections[round % 2];
        connection.send(&add().to_bytes(server.addr())).expect("the server reads");
        let reply = connection.read_reply().expect("an answer");
        assert_eq!(reply.status(), 200, "round {round}: {}", reply.text());
    }
}
