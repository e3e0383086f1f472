//! Sessions that two processes share through Redis: each request of a client may reach the other process, and Redis
//! may go away and come back.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use pmcp_tests::{Client, Connection, Redis, Reply, Request, Server, exchange};
use serde_json::{Value, json};

const VERSION: &str = "2025-11-25";
/// More than Redis needs to be found again.
const BACK: Duration = Duration::from_secs(15);

/// Two processes of the package `name`.
fn pair(name: &str, redis: &Redis) -> [Server; 2] {
    [(); 2].map(|()| Server::start(name, &[("REDIS_URL", &redis.url()), ("PMCP_SESSIONS", "shared")]))
}

fn send(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

fn initialize(server: &Server) -> Reply {
    let info = json!({"name": "raw", "version": "1"});
    let params = json!({"protocolVersion": VERSION, "capabilities": {"elicitation": {}}, "clientInfo": info});
    send(server, &Request::legacy(None, "initialize", params))
}

fn open_session(server: &Server) -> String {
    let reply = initialize(server);
    assert_eq!(reply.result()["protocolVersion"], VERSION);
    reply.head.header("mcp-session-id").expect("a session id").to_owned()
}

fn in_session(session: &str, method: &str, params: Value) -> Request {
    Request::legacy(Some(VERSION), method, params).header("Mcp-Session-Id", session)
}

fn call(session: &str, tool: &str, arguments: Value) -> Request {
    in_session(session, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}))
}

fn verb(verb: &str, session: &str) -> Request {
    Request::post("").verb(verb).header("Mcp-Session-Id", session).header("MCP-Protocol-Version", VERSION)
}

fn post(session: &str, message: &Value) -> Request {
    let request = Request::post(message.to_string()).header("Content-Type", "application/json");
    request.header("Mcp-Session-Id", session).header("MCP-Protocol-Version", VERSION)
}

/// A stream whose head has been read.
fn stream(server: &Server, request: &Request) -> Connection {
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    let head = connection.read_head().expect("a reply");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}\n{}", server.log());
    connection
}

fn next(stream: &mut Connection) -> Option<Value> {
    stream.read_event().expect("the stream lives")
}

/// Calls the tool that asks; gives its stream and the question's id.
fn ask(server: &Server, session: &str) -> (Connection, Value) {
    let mut asking = stream(server, &call(session, "test_elicitation", json!({"message": "Who?"})));
    loop {
        let message = next(&mut asking).expect("a question");
        if message["method"] == "elicitation/create" {
            return (asking, message["id"].clone());
        }
    }
}

fn answer(server: &Server, session: &str, question: &Value) -> u16 {
    let result = json!({"action": "accept", "content": {"username": "ada", "email": "ada@example.com"}});
    send(server, &post(session, &json!({"jsonrpc": "2.0", "id": question, "result": result}))).status()
}

fn assert_answered(mut asking: Connection) {
    let last = std::iter::from_fn(|| next(&mut asking)).last().expect("an answer");
    let text = last["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{last}"));
    assert!(text.contains("action=accept") && text.contains("ada@example.com"), "{last}");
}

#[test]
fn an_answer_reaches_the_handler_from_the_other_instance() {
    let Some(redis) = Redis::start("an_answer_reaches_the_handler_from_the_other_instance") else { return };
    let [first, second] = pair("conformance-cloudrun", &redis);
    let session = open_session(&first);
    for (here, there) in [(&first, &second), (&second, &first), (&first, &first)] {
        let (asking, question) = ask(here, &session);
        // Nobody waits for these, and they are taken all the same.
        assert_eq!(answer(there, &session, &json!("never")), 202);
        assert_eq!(answer(there, &open_session(there), &question), 202, "in somebody else's session");
        assert_eq!(answer(there, &session, &question), 202);
        assert_answered(asking);
        assert_eq!(answer(here, &session, &question), 202, "answered already");
    }
    // The level of log messages is remembered wherever the next call arrives.
    let logs = |server: &Server| {
        let messages = send(server, &call(&session, "test_tool_with_logging", json!({}))).messages();
        messages.iter().filter(|message| message["method"] == "notifications/message").count()
    };
    assert!(logs(&second) > 0);
    let set = in_session(&session, "logging/setLevel", json!({"level": "emergency"}));
    assert_eq!(send(&first, &set).result(), json!({}));
    assert_eq!(logs(&second), 0);
}

/// What Redis says to a command, in one line.
fn tell(redis: &Redis, command: &str) -> String {
    let mut connection = TcpStream::connect(redis.url().trim_start_matches("redis://")).expect("Redis accepts");
    connection.write_all(format!("{command}\r\n").as_bytes()).expect("Redis reads");
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).expect("Redis answers");
    line.trim().to_owned()
}

/// How many keys there are.
fn keys(redis: &Redis) -> usize {
    tell(redis, "DBSIZE").trim_start_matches(':').parse().expect("a number")
}

#[test]
fn nothing_is_kept_of_what_was_waited_for() {
    let Some(redis) = Redis::start("nothing_is_kept_of_what_was_waited_for") else { return };
    let [first, second] = pair("conformance-cloudrun", &redis);
    let session = open_session(&first);
    let calls = 10;
    for _ in 0..calls {
        let (asking, question) = ask(&first, &session);
        assert_eq!(answer(&second, &session, &question), 202);
        assert_answered(asking);
    }
    // The session, the list of its streams, and a stream for each call; none for cancellations or answers.
    let deadline = Instant::now() + BACK;
    while keys(&redis) != 2 + calls {
        assert!(Instant::now() < deadline, "{} keys after {calls} calls", keys(&redis));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(send(&second, &verb("DELETE", &session)).status(), 204);
    assert_eq!(keys(&redis), 0);
}

#[test]
fn a_stream_that_can_be_written_no_more_ends() {
    let Some(redis) = Redis::start("a_stream_that_can_be_written_no_more_ends") else { return };
    let [first, _] = pair("conformance-cloudrun", &redis);
    let session = open_session(&first);
    // Redis is full in the middle of the call, unless that was faster.
    for _ in 0..10 {
        let mut working = stream(&first, &call(&session, "test_tool_with_progress", json!({})));
        next(&mut working).expect("the first message");
        assert_eq!(tell(&redis, "CONFIG SET maxmemory 1"), "+OK");
        while next(&mut working).is_some() {}
        assert_eq!(tell(&redis, "CONFIG SET maxmemory 0"), "+OK");
        if first.log().contains("the rest of a stream is lost") {
            return;
        }
    }
    panic!("Redis was never full in time:\n{}", first.log());
}

#[test]
fn the_end_of_a_session_or_a_request_is_heard_at_the_other_instance() {
    let Some(redis) = Redis::start("the_end_of_a_session_or_a_request_is_heard") else { return };
    let [mut first, second] = pair("conformance-cloudrun", &redis);
    let session = open_session(&first);
    let (mut cancelled, question) = ask(&first, &session);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(send(&second, &post(&session, &cancel)).status(), 202);
    let withdrawn = next(&mut cancelled).expect("what the handler asked is not asked any more");
    assert_eq!(
        (&withdrawn["method"], &withdrawn["params"]["requestId"]),
        (&json!("notifications/cancelled"), &question)
    );
    assert_eq!(next(&mut cancelled), None, "what was cancelled is not answered");

    let (mut asking, _) = ask(&first, &session);
    let mut told = stream(&first, &verb("GET", &session));
    assert_eq!(send(&second, &verb("DELETE", &session)).status(), 204);
    assert_eq!(next(&mut told), None);
    assert_eq!(next(&mut asking), None);
    assert_eq!(send(&first, &in_session(&session, "ping", json!({}))).status(), 404);
    // Nobody waits for an answer any more.
    first.terminate();
    assert_eq!(first.wait(Duration::from_secs(5)).code(), Some(0), "{}", first.log());
}

#[test]
fn a_stream_is_taken_up_at_the_other_instance() {
    let Some(redis) = Redis::start("a_stream_is_taken_up_at_the_other_instance") else { return };
    let [first, second] = pair("conformance-cloudrun", &redis);
    let session = open_session(&second);
    let mut begun = stream(&first, &call(&session, "test_tool_with_progress", json!({})));
    let (id, prime) = begun.read_event_with_id().expect("the stream lives").expect("an event");
    assert!(prime.is_null(), "{prime}");
    begun.close();
    for (server, from) in [(&second, &id), (&first, &id)] {
        let mut resumed = stream(server, &verb("GET", &session).header("Last-Event-ID", from));
        let messages: Vec<_> = std::iter::from_fn(|| next(&mut resumed)).collect();
        let progress: Vec<_> = messages.iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(progress, [0.0, 50.0, 100.0], "{messages:?}");
        let text = &messages.last().expect("an answer")["result"]["content"][0]["text"];
        assert_eq!(text, "Tool with progress executed successfully");
    }
}

#[test]
fn one_stream_is_told_of_what_was_subscribed_to_anywhere() {
    let Some(redis) = Redis::start("one_stream_is_told_of_what_was_subscribed_to_anywhere") else { return };
    let servers = pair("notes-cloudrun", &redis);
    let [first, second] = &servers;
    let session = open_session(first);
    let mut told = stream(first, &verb("GET", &session));
    let names: Vec<_> = (0..20).map(|n| format!("n{n}")).collect();
    // At both at once: none undoes another.
    thread::scope(|scope| {
        for (name, server) in names.iter().zip(servers.iter().cycle()) {
            let request = in_session(&session, "resources/subscribe", json!({"uri": format!("notes://{name}")}));
            scope.spawn(move || assert_eq!(send(server, &request).result(), json!({})));
        }
    });
    let write = |name: &str| {
        let reply = send(second, &call(&session, "write_note", json!({"name": name, "text": "x"})));
        assert_eq!(reply.message()["result"]["content"][0]["text"], format!("Wrote {name}."), "{}", reply.text());
    };
    let heard = |told: &mut Connection, name: &str| {
        while next(told).expect("a change")["params"]["uri"] != format!("notes://{name}") {}
    };
    thread::sleep(Duration::from_millis(500));
    for name in &names {
        write(name);
        heard(&mut told, name);
    }
    // Asked for at another instance, the changes are told there, and here no more.
    let mut anew = stream(second, &verb("GET", &session));
    while next(&mut told).is_some() {}
    thread::sleep(Duration::from_millis(300));
    write("n1");
    heard(&mut anew, "n1");
}

#[test]
fn redis_goes_away_and_comes_back() {
    let Some(mut redis) = Redis::start("shared sessions: redis_goes_away_and_comes_back") else { return };
    let [first, second] = pair("conformance-cloudrun", &redis);
    let session = open_session(&first);
    let (mut asking, question) = ask(&first, &session);

    redis.stop();
    let refused = [
        initialize(&second),
        send(&second, &in_session(&session, "ping", json!({}))),
        send(&second, &verb("DELETE", &session)),
        send(&second, &verb("GET", &session)),
    ];
    for reply in refused {
        assert_eq!(reply.status(), 503, "{}", reply.text());
        let error = &reply.message()["error"];
        assert_eq!(error["message"], "The server cannot reach its sessions; try again.");
    }
    assert_eq!(answer(&second, &session, &question), 503);
    assert!(second.log().contains("cannot reach Redis at 127.0.0.1:"), "{}", second.log());
    // Who has no session does not need it.
    let alone = Request::legacy(Some(VERSION), "ping", json!({}));
    assert_eq!(send(&second, &alone).result(), json!({}));
    let modern = Request::call("test_simple_text", json!({}));
    assert_eq!(send(&second, &modern).status(), 200);

    redis.start_again();
    let begin = Instant::now();
    // This Redis keeps nothing on disk, so the sessions are gone, and what waited in them ends.
    assert_eq!(send(&second, &in_session(&session, "ping", json!({}))).status(), 404);
    while next(&mut asking).is_some() {}
    let anew = open_session(&second);
    let (asking, question) = ask(&first, &anew);
    assert_eq!(answer(&second, &anew, &question), 202);
    assert_answered(asking);
    assert!(begin.elapsed() < BACK, "well again only after {:?}", begin.elapsed());
}

#[test]
fn typescript_sdk_v1_has_a_session_with_two_instances() {
    let test = "typescript_sdk_v1_has_a_session_with_two_instances";
    let Some(client) = Client::find(test, "sessions-v1.mjs") else { return };
    let Some(redis) = Redis::start(test) else { return };
    let [first, second] = pair("conformance-cloudrun", &redis);
    client.run(&[&first.url(), &second.url()], 6);
}
