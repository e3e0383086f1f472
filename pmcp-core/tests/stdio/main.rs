//! Lines in, lines out: what a client of either era meets over stdio.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

mod asking;
mod cancellation;
mod eras;
mod framing;
mod pipe;
mod server;
mod subscriptions;
mod wrong;

use std::sync::Arc;

use pmcp_core::{
    serde_json::{self, Value, json},
    stdio,
    testing::TestPlatform,
};

use server::Desk;

/// What the server writes to these lines, when they are there at once and nothing follows.
fn answers(lines: &[u8]) -> Vec<Value> {
    let mut written = Vec::new();
    let platform = Arc::new(TestPlatform::default());
    pollster::block_on(stdio::serve(Desk::default(), lines, &mut written, platform)).expect("memory does not fail");
    assert!(written.is_empty() || written.ends_with(b"\n"), "a line without an end");
    let written = String::from_utf8(written).expect("UTF-8");
    written.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A line with a request of revision 2026-07-28.
fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> String {
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    legacy(id, method, params)
}

/// A line with a request that says nothing of its revision.
fn legacy(id: impl Into<Value>, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params }).to_string() + "\n"
}

fn initialize(revision: &str) -> String {
    let client = json!({ "name": "test", "version": "1.0.0" });
    let capabilities = json!({ "roots": {}, "sampling": {} });
    legacy(
        "open",
        "initialize",
        json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": client }),
    )
}

fn call(name: &str) -> Value {
    json!({ "name": name, "arguments": {}, "_meta": { "progressToken": name } })
}

fn cancel(id: impl Into<Value>) -> String {
    let params = json!({ "requestId": id.into() });
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }).to_string() + "\n"
}
