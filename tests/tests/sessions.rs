//! Sessions of older revisions: what a client can do with one, what a stranger cannot, and what survives a connection.

use std::{
    thread,
    time::{Duration, Instant},
};

use pmcp_tests::{Client, Connection, Reply, Request, Server, exchange};
use serde_json::{Value, json};

const VERSION: &str = "2025-11-25";
const ENV: [(&str, &str); 1] = [("PMCP_SESSIONS", "memory")];

fn send(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

fn open_session(server: &Server, capabilities: Value) -> String {
    let params = json!({
        "protocolVersion": VERSION, "capabilities": capabilities, "clientInfo": {"name": "raw", "version": "1"},
    });
    let reply = send(server, &Request::legacy(None, "initialize", params));
    assert_eq!(reply.result()["protocolVersion"], VERSION);
    let id = reply.head.header("mcp-session-id").expect("a session id").to_owned();
    assert!(id.len() >= 22 && id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{id}");
    id
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

#[test]
fn two_clients_have_two_sessions_and_a_third_has_none() {
    let server = Server::start("calculator-cloudrun", &ENV);
    let (one, other) = (open_session(&server, json!({})), open_session(&server, json!({})));
    assert_ne!(one, other);
    assert_eq!(send(&server, &in_session(&one, "ping", json!({}))).result(), json!({}));
    assert_eq!(send(&server, &verb("DELETE", &one)).status(), 204);
    for gone in [one.as_str(), "made-up"] {
        assert_eq!(send(&server, &in_session(gone, "ping", json!({}))).status(), 404);
        assert_eq!(send(&server, &verb("DELETE", gone)).status(), 404);
        assert_eq!(send(&server, &verb("GET", gone).header("Last-Event-ID", "x.1")).status(), 404);
    }
    assert_eq!(send(&server, &in_session(&other, "ping", json!({}))).result(), json!({}));
    // A stream is opened, and a session ended, in a revision that has them.
    for verb_of in ["GET", "DELETE"] {
        for version in ["2026-07-28", "2099-01-01", "latest"] {
            assert_eq!(send(&server, &verb(verb_of, &other).header("MCP-Protocol-Version", version)).status(), 400);
        }
    }
    // What a client notifies of belongs to its session too, unless it is of the newest revision.
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let notify = |session: &str, version: &str| {
        let request = Request::post(initialized.clone()).header("Mcp-Session-Id", session);
        send(&server, &request.header("MCP-Protocol-Version", version)).status()
    };
    assert_eq!((notify(&other, VERSION), notify("made-up", VERSION)), (202, 404));
    assert_eq!((notify("made-up", "2026-07-28"), notify(&other, "2099-01-01")), (202, 400));
    // Without an id every request stands alone, as it does where there are no sessions.
    assert_eq!(send(&server, &Request::legacy(Some(VERSION), "ping", json!({}))).result(), json!({}));
    // There is nothing to say but in answer to a request, so no idle stream is held open.
    assert_eq!(send(&server, &verb("GET", &other)).status(), 405);
    // A client of the newest revision has no session, whatever a gateway adds.
    let modern = Request::call("add", json!({"a": 2, "b": 3})).header("Mcp-Session-Id", "made-up");
    assert_eq!(send(&server, &modern).result()["content"][0]["text"], "5");
}

#[test]
fn a_second_handshake_is_another_session() {
    let server = Server::start("calculator-cloudrun", &ENV);
    let first = open_session(&server, json!({}));
    let params = json!({"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}});
    let again = send(&server, &in_session(&first, "initialize", params));
    assert_ne!(again.head.header("mcp-session-id"), Some(first.as_str()));
    assert_eq!(send(&server, &in_session(&first, "ping", json!({}))).result(), json!({}));
}

/// The messages of one stream, with the id of each event, until it ends or `enough` says so.
fn read_stream(connection: &mut Connection, enough: impl Fn(&Value) -> bool) -> Vec<(String, Value)> {
    let head = connection.read_head().expect("a reply");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
    let mut events = Vec::new();
    while let Some(event) = connection.read_event_with_id().expect("the stream lives") {
        let done = enough(&event.1);
        events.push(event);
        if done {
            break;
        }
    }
    events
}

#[test]
fn a_broken_connection_is_taken_up_where_it_ended() {
    let server = Server::start("calculator-cloudrun", &ENV);
    let session = open_session(&server, json!({}));
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let request = call(&session, "countdown", json!({"from": 6, "delay_ms": 150}));
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    let before = read_stream(&mut connection, |message| message["params"]["progress"] == 2.0);
    connection.close();
    assert!(before[0].1.is_null(), "the first event only tells its id: {before:?}");

    let (last, _) = before.last().expect("events");
    let mut resumed = Connection::open(server.addr()).expect("the server accepts");
    resumed.send(&verb("GET", &session).header("Last-Event-ID", last).to_bytes(server.addr())).expect("read");
    let after = read_stream(&mut resumed, |_| false);
    let progress: Vec<_> = after.iter().filter_map(|(_, message)| message["params"]["progress"].as_f64()).collect();
    assert_eq!(progress, [3.0, 4.0, 5.0, 6.0], "each message once: {after:?}");
    let (end, answer) = after.last().expect("an answer");
    assert_eq!(answer["result"]["content"][0]["text"], "Counted down from 6.");

    // Once more, from the beginning: nothing was lost. From the end: nothing follows.
    let mut again = Connection::open(server.addr()).expect("the server accepts");
    again.send(&verb("GET", &session).header("Last-Event-ID", &before[0].0).to_bytes(server.addr())).expect("read");
    assert_eq!(read_stream(&mut again, |_| false).len(), 7);
    let mut behind = Connection::open(server.addr()).expect("the server accepts");
    behind.send(&verb("GET", &session).header("Last-Event-ID", end).to_bytes(server.addr())).expect("read");
    assert!(read_stream(&mut behind, |_| false).is_empty());
    // Another session finds nothing under the same id.
    let other = open_session(&server, json!({}));
    let mut foreign = Connection::open(server.addr()).expect("the server accepts");
    foreign.send(&verb("GET", &other).header("Last-Event-ID", &before[0].0).to_bytes(server.addr())).expect("read");
    assert!(read_stream(&mut foreign, |_| false).is_empty());
    for nonsense in ["", "x", "x.", "x.-1", "x.y"] {
        let request = verb("GET", &session).header("Last-Event-ID", nonsense);
        assert_eq!(send(&server, &request).status(), 400, "{nonsense:?}");
    }
}

#[test]
fn a_cancelled_request_says_nothing_more() {
    let server = Server::start("calculator-cloudrun", &ENV);
    let session = open_session(&server, json!({}));
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let request = call(&session, "countdown", json!({"from": 1000, "delay_ms": 50})).set("id", json!("count"));
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    read_stream(&mut connection, |message| message["params"]["progress"] == 1.0);

    let cancel = |id: Value| {
        let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let request = Request::post(message.to_string()).header("Mcp-Session-Id", &session);
        let request = request.header("Content-Type", "application/json").header("MCP-Protocol-Version", VERSION);
        send(&server, &request).status()
    };
    // Ids that nobody uses, and what is no id at all, are passed over.
    for other in [json!("other"), json!(1), json!(null), json!({"a": 1})] {
        assert_eq!(cancel(other), 202);
    }
    assert_eq!(cancel(json!("count")), 202);
    let begin = Instant::now();
    while let Some((_, message)) = connection.read_event_with_id().expect("the stream ends properly") {
        assert!(message.get("result").is_none() && message.get("error").is_none(), "{message}");
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "it went on");
    assert_eq!(cancel(json!("count")), 202, "too late is no error");
}

#[test]
fn the_level_of_log_messages_is_remembered() {
    let server = Server::start("conformance-cloudrun", &ENV);
    let session = open_session(&server, json!({}));
    let logs = || {
        let reply = send(&server, &call(&session, "test_tool_with_logging", json!({})));
        reply.messages().iter().filter(|message| message["method"] == "notifications/message").count()
    };
    assert!(logs() > 0);
    let set = |level: &str| send(&server, &in_session(&session, "logging/setLevel", json!({"level": level})));
    assert_eq!(set("emergency").result(), json!({}));
    assert_eq!(logs(), 0);
    assert_eq!(set("debug").result(), json!({}));
    assert!(logs() > 0);
    assert_eq!(set("loud").message()["error"]["code"], -32602);
}

#[test]
fn a_question_reaches_the_client_and_its_answer_the_handler() {
    let server = Server::start("conformance-cloudrun", &ENV);
    let session = open_session(&server, json!({"elicitation": {}}));
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection
        .send(&call(&session, "test_elicitation", json!({"message": "Who?"})).to_bytes(server.addr()))
        .expect("the server reads");
    let asked = read_stream(&mut connection, |message| message["method"] == "elicitation/create");
    let (_, question) = asked.last().expect("a question");
    assert_eq!(question["params"]["message"], "Who?");

    let answer = |id: &Value, session: &str| {
        let result = json!({"action": "accept", "content": {"username": "ada", "email": "ada@example.com"}});
        let message = json!({"jsonrpc": "2.0", "id": id, "result": result});
        let request = Request::post(message.to_string()).header("Content-Type", "application/json");
        let request = request.header("Mcp-Session-Id", session).header("MCP-Protocol-Version", VERSION);
        send(&server, &request).status()
    };
    // An answer to what was never asked, or in somebody else's session, is taken and reaches nobody.
    let stranger = open_session(&server, json!({}));
    assert_eq!(answer(&json!("never"), &session), 202);
    assert_eq!(answer(&question["id"], &stranger), 202);
    assert_eq!(answer(&question["id"], "made-up"), 404);
    connection.socket().set_read_timeout(Some(Duration::from_millis(300))).expect("a socket");
    assert!(connection.read_event_with_id().is_err(), "the handler heard a stranger");
    connection.socket().set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    assert_eq!(answer(&question["id"], &session), 202);
    assert_eq!(answer(&question["id"], &session), 202, "answered already, which is no fault");
    let mut last = Value::Null;
    while let Some((_, message)) = connection.read_event_with_id().expect("the stream lives") {
        last = message;
    }
    let text = last["result"]["content"][0]["text"].as_str().expect("a text");
    assert!(text.contains("action=accept") && text.contains("ada@example.com"), "{last}");
}

#[test]
fn a_question_is_withdrawn_when_its_request_is_cancelled() {
    let server = Server::start("conformance-cloudrun", &ENV);
    let session = open_session(&server, json!({"elicitation": {}}));
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection
        .send(&call(&session, "test_elicitation", json!({"message": "Who?"})).to_bytes(server.addr()))
        .expect("the server reads");
    let asked = read_stream(&mut connection, |message| message["method"] == "elicitation/create");
    let question = &asked.last().expect("a question").1;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let cancel = Request::post(cancel.to_string()).header("Mcp-Session-Id", &session);
    assert_eq!(send(&server, &cancel).status(), 202);
    let mut rest = Vec::new();
    while let Some((_, message)) = connection.read_event_with_id().expect("the stream ends properly") {
        rest.push(message);
    }
    let withdrawal = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": question["id"]},
    });
    assert_eq!(rest, [withdrawal]);
}

#[test]
fn answers_and_cancellations_may_come_in_batches() {
    let server = Server::start("conformance-cloudrun", &ENV);
    let params = json!({
        "protocolVersion": "2025-03-26", "capabilities": {"sampling": {}},
        "clientInfo": {"name": "raw", "version": "1"},
    });
    let reply = send(&server, &Request::legacy(None, "initialize", params));
    let session = reply.head.header("mcp-session-id").expect("a session id").to_owned();
    let post = |body: Value| Request::post(body.to_string()).header("Mcp-Session-Id", &session);
    let ask = |id: &str| {
        let mut connection = Connection::open(server.addr()).expect("the server accepts");
        let params = json!({"name": "test_sampling", "arguments": {"prompt": "Capital of France?"}});
        let call = post(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}));
        connection.send(&call.to_bytes(server.addr())).expect("the server reads");
        let head = connection.read_head().expect("a reply");
        assert!(head.is_event_stream(), "{head:?}");
        let (_, question) = connection.read_event_with_id().expect("the stream lives").expect("a question");
        assert_eq!(question["method"], "sampling/createMessage");
        (connection, question["id"].clone())
    };
    let ((mut first, question), (mut second, _)) = (ask("first"), ask("second"));
    let result = json!({"role": "assistant", "content": {"type": "text", "text": "Paris."}, "model": "none"});
    let batch = json!([
        {"jsonrpc": "2.0", "id": question, "result": result},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "second"}},
    ]);
    assert_eq!(send(&server, &post(batch.clone())).status(), 202);
    let (_, answer) = first.read_event_with_id().expect("the stream lives").expect("an answer");
    assert!(answer["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("Paris.")), "{answer}");
    let (_, withdrawal) = second.read_event_with_id().expect("the stream lives").expect("a withdrawal");
    assert_eq!(withdrawal["method"], "notifications/cancelled");
    assert_eq!(second.read_event_with_id().expect("the stream ends properly"), None);
    // No other revision has batches, whatever the header says or leaves out, and no other session.
    let newer = open_session(&server, json!({}));
    assert_eq!(send(&server, &post(batch.clone()).header("Mcp-Session-Id", newer)).status(), 400);
    assert_eq!(send(&server, &post(batch).header("Mcp-Session-Id", "made-up")).status(), 404);
}

#[test]
fn a_client_that_cannot_be_asked_is_told_at_once() {
    let server = Server::start("conformance-cloudrun", &ENV);
    let cannot = open_session(&server, json!({}));
    let begin = Instant::now();
    let request = call(&cannot, "test_elicitation", json!({"message": "Who?"}));
    assert_eq!(send(&server, &request).message()["error"]["code"], -32021);
    let alone =
        Request::legacy(Some(VERSION), "tools/call", json!({"name": "test_sampling", "arguments": {"prompt": "x"}}));
    assert_eq!(send(&server, &alone).result()["isError"], true);
    let can = open_session(&server, json!({"elicitation": {}}));
    let deaf = call(&can, "test_elicitation", json!({"message": "Who?"})).header("Accept", "application/json");
    assert_eq!(send(&server, &deaf).result()["isError"], true);
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_session_that_ends_lets_its_handlers_go() {
    let mut server = Server::start("conformance-cloudrun", &ENV);
    let session = open_session(&server, json!({"elicitation": {}}));
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection
        .send(&call(&session, "test_elicitation", json!({"message": "Who?"})).to_bytes(server.addr()))
        .expect("the server reads");
    read_stream(&mut connection, |message| message["method"] == "elicitation/create");
    assert_eq!(send(&server, &verb("DELETE", &session)).status(), 204);
    thread::sleep(Duration::from_millis(200));
    server.terminate();
    assert_eq!(server.wait(Duration::from_secs(5)).code(), Some(0), "{}", server.log());
}

#[test]
fn typescript_sdk_v1_answers_questions() {
    let Some(client) = Client::find("typescript_sdk_v1_answers_questions", "sessions-v1.mjs") else { return };
    let server = Server::start("conformance-cloudrun", &ENV);
    client.run(&[&server.url()], 5);
}

#[test]
fn typescript_sdk_v2_answers_in_rounds() {
    let Some(client) = Client::find("typescript_sdk_v2_answers_in_rounds", "asking-v2.mjs") else { return };
    let server = Server::start("conformance-cloudrun", &[]);
    client.run(&[&server.url()], 6);
}

#[test]
fn a_session_is_told_of_what_it_subscribed_to() {
    let server = Server::start("notes-cloudrun", &ENV);
    let params = json!({"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}});
    let opened = send(&server, &Request::legacy(None, "initialize", params));
    assert_eq!(opened.result()["capabilities"]["resources"]["subscribe"], true);
    let session = opened.head.header("mcp-session-id").expect("a session id").to_owned();
    let mut told = Connection::open(server.addr()).expect("the server accepts");
    told.send(&verb("GET", &session).to_bytes(server.addr())).expect("the server reads");
    let write = |name: &str| {
        let reply = send(&server, &call(&session, "write_note", json!({"name": name, "text": "x"})));
        assert_ne!(reply.message()["result"]["isError"], true, "{}", reply.text());
    };
    let subscription = |method: &str| {
        let request = in_session(&session, method, json!({"uri": "notes://today"}));
        assert_eq!(send(&server, &request).result(), json!({}));
    };
    subscription("resources/subscribe");
    subscription("resources/subscribe");
    thread::sleep(Duration::from_millis(300));
    write("today");
    let head = told.read_head().expect("a reply");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
    let mut events = Vec::new();
    while !events.iter().any(|event: &Value| event["method"] == "notifications/resources/updated") {
        events.push(told.read_event().expect("the stream lives").expect("an event"));
    }
    assert_eq!(events.last().expect("events")["params"], json!({"uri": "notes://today"}));
    // Of others, and of none any more, it hears nothing but that the list changed.
    subscription("resources/unsubscribe");
    thread::sleep(Duration::from_millis(300));
    write("today");
    write("tomorrow");
    assert_eq!(send(&server, &verb("DELETE", &session)).status(), 204);
    while let Some(event) = told.read_event().expect("the stream ends properly") {
        assert_ne!(event["method"], "notifications/resources/updated", "{event}");
    }
    // Without a session there is nobody to tell.
    let alone = Request::legacy(Some(VERSION), "resources/subscribe", json!({"uri": "notes://today"}));
    assert_eq!(send(&server, &alone).message()["error"]["code"], -32601);
}
