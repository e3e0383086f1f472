//! `subscriptions/listen` between processes: changes cross from one to the other through Redis, Redis goes away and
//! comes back, readers stall, servers end.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Client, Connection, Redis, Request, Server, exchange};
use serde_json::{Value, json};

const NOTES: &str = "notes-cloudrun";

/// More than Redis needs to be found again, and less than the streams hold out.
const BACK: Duration = Duration::from_secs(15);

fn listen_request(filter: Value) -> Request {
    Request::modern("subscriptions/listen", json!({ "notifications": filter }))
}

/// A stream whose acknowledgement has been read.
fn listen(server: &Server, filter: Value) -> Connection {
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(&listen_request(filter.clone()).to_bytes(server.addr())).expect("the server reads");
    let head = connection.read_head().expect("a reply begins");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}\n{}", server.log());
    let first = event(&mut connection);
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(first["params"]["notifications"], filter, "{first}");
    connection
}

fn listen_to(server: &Server, names: &[&str]) -> Connection {
    let uris: Vec<_> = names.iter().map(|name| format!("notes://{name}")).collect();
    listen(server, json!({ "resourceSubscriptions": uris }))
}

fn event(stream: &mut Connection) -> Value {
    stream.read_event().expect("the stream lives").expect("an event")
}

/// The note of the next event.
fn heard(stream: &mut Connection) -> String {
    let event = event(stream);
    assert_eq!(event["method"], "notifications/resources/updated", "{event}");
    assert_eq!(event["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{event}");
    event["params"]["uri"].as_str().expect("a URI").trim_start_matches("notes://").to_owned()
}

fn write(server: &Server, name: &str) -> String {
    let request = Request::call("write_note", json!({ "name": name, "text": "rain" }));
    let reply = exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer");
    let result = reply.result();
    assert_ne!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}

/// Asserts that `stream` ends with the result of its request and nothing else.
fn assert_ends(mut stream: Connection) {
    let last = event(&mut stream);
    let id = "io.modelcontextprotocol/subscriptionId";
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(1), &json!("complete")), "{last}");
    assert_eq!(last["result"]["_meta"][id], 1, "{last}");
    assert_eq!(stream.read_event().expect("a proper end"), None);
}

#[test]
fn a_change_is_heard_at_the_other_process_through_redis() {
    let Some(redis) = Redis::start("a_change_is_heard_at_the_other_process_through_redis") else { return };
    let url = redis.url();
    let [first, second] = [(); 2].map(|()| Server::start(NOTES, &[("REDIS_URL", &url)]));
    let mut at_first = listen_to(&first, &["today", "tomorrow"]);
    let mut at_second = listen_to(&second, &["today"]);

    assert_eq!(write(&second, "yesterday"), "Wrote yesterday.");
    assert_eq!(write(&second, "tomorrow"), "Wrote tomorrow.");
    assert_eq!(write(&first, "today"), "Wrote today.");
    assert_eq!(heard(&mut at_first), "tomorrow");
    assert_eq!(heard(&mut at_first), "today");
    assert_eq!(heard(&mut at_second), "today");
}

#[test]
fn redis_goes_away_and_comes_back() {
    let Some(mut redis) = Redis::start("redis_goes_away_and_comes_back") else { return };
    let url = redis.url();
    let [first, second] = [(); 2].map(|()| Server::start(NOTES, &[("REDIS_URL", &url)]));
    let mut stream = listen_to(&first, &["today", "tomorrow"]);

    redis.stop();
    assert_eq!(write(&second, "today"), "Wrote today. Those who listen to it will hear of it later.");
    // Once the loss is noticed, whoever wants to listen is told that it is no use.
    let deadline = Instant::now() + BACK;
    let refused = loop {
        let request = listen_request(json!({ "toolsListChanged": true }));
        let mut connection = Connection::open(first.addr()).expect("the server accepts");
        connection.send(&request.to_bytes(first.addr())).expect("the server reads");
        let head = connection.read_head().expect("a reply begins");
        if !head.is_event_stream() {
            let body = connection.read_body(&head).expect("a whole answer");
            break serde_json::from_slice::<Value>(&body).expect("JSON");
        }
        assert!(Instant::now() < deadline, "still listening without Redis");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(refused["error"]["code"], -32603, "{refused}");
    assert!(!refused.to_string().contains("127.0.0.1"), "an address for the operator only: {refused}");
    assert!(first.log().contains("cannot reach Redis at 127.0.0.1:"), "{}", first.log());

    redis.start_again();
    let back = Instant::now();
    // What was missed is not known, so all that is listened to may have changed.
    let mut names = [heard(&mut stream), heard(&mut stream)];
    names.sort();
    assert_eq!(names, ["today", "tomorrow"]);
    assert!(back.elapsed() < BACK, "heard only after {:?}", back.elapsed());

    assert_eq!(write(&second, "tomorrow"), "Wrote tomorrow.");
    assert_eq!(heard(&mut stream), "tomorrow");
    let mut anew = listen_to(&first, &["today"]);
    assert_eq!(write(&second, "today"), "Wrote today.");
    assert_eq!(heard(&mut anew), "today");
}

#[test]
fn without_redis_to_begin_with_streams_are_refused_and_work_goes_on() {
    // A port that nobody listens on.
    let server = Server::start(NOTES, &[("REDIS_URL", "redis://127.0.0.1:1")]);
    let request = listen_request(json!({ "toolsListChanged": true }));
    let reply = exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer");
    assert_eq!(reply.message()["error"]["code"], -32603, "{}", reply.text());
    assert_eq!(write(&server, "today"), "Wrote today. Those who listen to it will hear of it later.");
}

#[test]
fn streams_end_with_a_result_at_sigterm() {
    let mut server = Server::start(NOTES, &[]);
    let streams: Vec<_> = (0..50).map(|_| listen_to(&server, &["today"])).collect();
    let begin = Instant::now();
    server.terminate();
    streams.into_iter().for_each(assert_ends);
    let status = server.wait(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", server.log());
    // They are not waited for as a request in flight is.
    assert!(begin.elapsed() < Duration::from_secs(3), "took {:?}", begin.elapsed());
}

#[test]
fn no_time_limit_ends_a_stream() {
    let server = Server::start(NOTES, &[("PMCP_TIME_LIMIT_MS", "300")]);
    let mut stream = listen_to(&server, &["today"]);
    thread::sleep(Duration::from_secs(1));
    write(&server, "today");
    assert_eq!(heard(&mut stream), "today");
}

#[test]
fn a_reader_that_stops_reading_is_dropped() {
    let server = Server::start(NOTES, &[("PMCP_WRITE_TIMEOUT_MS", "1000")]);
    // Long, so that the kernel's buffers fill soon.
    let name = "a".repeat(8000);
    let mut stream = listen_to(&server, &[&name]);
    let mut writer = Connection::open(server.addr()).expect("the server accepts");
    let request = Request::call("write_note", json!({ "name": name, "text": "rain" })).to_bytes(server.addr());
    let mut changes = 0;
    let deadline = Instant::now() + Duration::from_secs(8);
    while Instant::now() < deadline {
        writer.send(&request).expect("the server reads");
        writer.read_reply().expect("others are served meanwhile");
        changes += 1;
    }
    let mut read = 0;
    let end = loop {
        match stream.read_event() {
            Ok(Some(_)) => read += 1,
            end => break end,
        }
    };
    assert!(read < changes, "all of {changes} changes were kept for it");
    let error = end.expect_err("cut off");
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn typescript_sdk_v2_listens() {
    let test = "typescript_sdk_v2_listens";
    let Some(client) = Client::find(test, "listen.mjs") else { return };
    let Some(redis) = Redis::start(test) else { return };
    let url = redis.url();
    let [mut first, second] = [(); 2].map(|()| Server::start(NOTES, &[("REDIS_URL", &url)]));
    client.run(&[&first.url(), &second.url(), &first.pid().to_string()], 5);
    let status = first.wait(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", first.log());
}
