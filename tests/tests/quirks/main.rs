//! What real clients do that no specification asks of them: each is answered in a way that it survives.

mod fixture;
mod sdks;
mod stdio;

use fixture::{Block, Fixture};
use pmcp_tests::{Reply, Request, Server, exchange};
use serde_json::json;

#[test]
fn every_quirk_over_http_without_sessions() {
    replay_all("sessionless", &[]);
}

#[test]
fn every_quirk_over_http_with_sessions() {
    replay_all("sessions", &[("PMCP_SESSIONS", "memory")]);
}

fn replay_all(mode: &str, env: &[(&str, &str)]) {
    let server = Server::start("calculator-cloudrun", env);
    let fixtures = Fixture::all("http");
    assert!(fixtures.len() >= 10, "only {} files", fixtures.len());
    for fixture in fixtures {
        let mut session = None;
        for (number, block) in fixture.requests().iter().enumerate() {
            let reply = send(&server, block, session.as_deref());
            let place = format!("{}, request {}, {mode}", fixture.name, number + 1);
            let mut said = 0;
            for expected in
                block.expected.iter().filter(|expected| expected.mode.as_deref().is_none_or(|of| of == mode))
            {
                let told = reply.text();
                assert_eq!(Some(reply.status()), expected.status, "{place}: {told}");
                let message = if told.is_empty() { None } else { reply.messages().pop() };
                assert!(expected.holds(message.as_ref()), "{place}: {expected:?}, but: {told}");
                said += 1;
            }
            assert!(said > 0, "{place}: nothing is expected");
            session = reply.head.header("mcp-session-id").map(str::to_owned).or(session);
        }
        assert_eq!(
            session.is_some(),
            mode == "sessions" && fixture.name != "two-version-headers.http",
            "{}",
            fixture.name
        );
        let good = Request::call("add", json!({"a": 2, "b": 3})).to_bytes(server.addr());
        let reply = exchange(server.addr(), &good).expect("an answer");
        assert_eq!(reply.result()["content"][0]["text"], "5", "after {}", fixture.name);
    }
}

fn send(server: &Server, block: &Block, session: Option<&str>) -> Reply {
    let (head, body) = block.text.split_once("\n\n").unwrap_or((&block.text, ""));
    let body = body.trim();
    let mut bytes = String::new();
    for line in head.trim().lines().filter(|line| session.is_some() || !line.contains("{{session}}")) {
        let line = line.replace("{{host}}", &server.addr().to_string());
        bytes += &line.replace("{{session}}", session.unwrap_or_default());
        bytes += "\r\n";
    }
    if !body.is_empty() {
        bytes += &format!("Content-Length: {}\r\n", body.len());
    }
    bytes += "\r\n";
    bytes += body;
    exchange(server.addr(), bytes.as_bytes()).expect("an answer")
}
