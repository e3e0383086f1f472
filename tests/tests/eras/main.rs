//! Good requests in each of the five revisions, and the shape of the answers that differs between them.

mod features;
mod lifecycle;

use pmcp_tests::{Reply, Request, Server, exchange};
use serde_json::{Value, json};

pub(crate) const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Clients of the two oldest revisions never send the version header.
pub(crate) fn header_of(version: &str) -> Option<&str> {
    (version >= "2025-06-18").then_some(version)
}

pub(crate) fn legacy(version: &str, method: &str, params: Value) -> Request {
    Request::legacy(header_of(version), method, params)
}

/// As [`legacy`], but the version is named even by clients that need not: what it says decides the shape.
pub(crate) fn named(version: &str, method: &str, params: Value) -> Request {
    Request::legacy(Some(version), method, params)
}

pub(crate) fn send(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

pub(crate) fn ask(server: &Server, request: &Request) -> Value {
    let reply = send(server, request);
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let message = reply.message();
    assert_eq!(message["jsonrpc"], "2.0");
    assert_eq!(message["id"], 1);
    reply.result()
}

pub(crate) fn initialize(version: &str) -> Request {
    Request::legacy(
        None,
        "initialize",
        json!({
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "eras", "version": "1.0.0"},
        }),
    )
}

/// What belongs to the modern revision alone.
pub(crate) fn assert_nothing_modern(result: &Value) {
    for key in ["resultType", "ttlMs", "cacheScope"] {
        assert!(result.get(key).is_none(), "{key} in {result}");
    }
    assert!(result["_meta"].get("io.modelcontextprotocol/serverInfo").is_none(), "serverInfo in {result}");
}
