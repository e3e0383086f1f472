//! How much one client can make a server keep in its session.

use pmcp_tests::{Connection, Redis, Reply, Request, Server, exchange};
use serde_json::{Value, json};

const VERSION: &str = "2025-11-25";

fn send(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

fn handshake(server: &Server, client_info: Value) -> Reply {
    let capabilities = json!({ "elicitation": {} });
    let params = json!({ "protocolVersion": VERSION, "capabilities": capabilities, "clientInfo": client_info });
    send(server, &Request::legacy(None, "initialize", params))
}

fn open_session(server: &Server) -> String {
    let reply = handshake(server, json!({ "name": "raw", "version": "1" }));
    reply.head.header("mcp-session-id").expect("a session id").to_owned()
}

fn in_session(session: &str, method: &str, params: Value) -> Request {
    Request::legacy(Some(VERSION), method, params).header("Mcp-Session-Id", session)
}

#[test]
fn what_a_client_says_of_itself_is_bounded() {
    let server = Server::start("notes-cloudrun", &[("PMCP_SESSIONS", "memory")]);
    // Pictures are left out, since nobody looks at them.
    let icon = json!({ "src": format!("data:image/png;base64,{}", "A".repeat(200_000)) });
    let with_icon = handshake(&server, json!({ "name": "raw", "version": "1", "icons": [icon] }));
    assert!(with_icon.head.header("mcp-session-id").is_some(), "{}", with_icon.text());
    let refused = handshake(&server, json!({ "name": "raw", "version": "1", "title": "A".repeat(100_000) }));
    assert!(refused.head.header("mcp-session-id").is_none());
    assert!(refused.text().contains("may take 65536 bytes"), "{}", refused.text());
}

#[test]
fn what_a_session_subscribes_to_is_bounded() {
    let server = Server::start("notes-cloudrun", &[("PMCP_SESSIONS", "memory")]);
    let session = open_session(&server);
    let subscribe = |name: &str| {
        let uri = format!("notes://{name}");
        send(&server, &in_session(&session, "resources/subscribe", json!({ "uri": uri }))).message()
    };
    assert_eq!(subscribe(&"a".repeat(60_000))["result"], json!({}));
    let refused = subscribe(&"b".repeat(60_000));
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert_eq!(subscribe("today")["result"], json!({}));
}

/// Opens a call that asks its client, and leaves; whether it was asked. At the limit either the stream or the question
/// is refused, and what is answered without a stream leaves nothing behind.
fn abandon(server: &Server, session: &str) -> bool {
    let params = json!({ "name": "test_elicitation", "arguments": { "message": "Who?" } });
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(&in_session(session, "tools/call", params).to_bytes(server.addr())).expect("the server reads");
    let head = connection.read_head().expect("a reply begins");
    head.status == 200 && head.header("content-type") == Some("text/event-stream")
}

fn streams_are_bounded(env: &[(&str, &str)]) {
    let server = Server::start("conformance-cloudrun", env);
    let session = open_session(&server);
    let taken = (0..300).take_while(|_| abandon(&server, &session)).count();
    assert!((60..=256).contains(&taken), "{taken} calls that nobody waits for were taken");
    // Others are served as ever.
    let other = open_session(&server);
    assert!(abandon(&server, &other));
}

#[test]
fn streams_of_a_session_in_memory_are_bounded() {
    streams_are_bounded(&[("PMCP_SESSIONS", "memory")]);
}

#[test]
fn streams_of_a_session_in_redis_are_bounded() {
    let Some(redis) = Redis::start("streams_of_a_session_in_redis_are_bounded") else { return };
    streams_are_bounded(&[("PMCP_SESSIONS", "shared"), ("REDIS_URL", &redis.url())]);
}
