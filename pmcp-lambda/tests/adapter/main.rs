//! The adapter as Lambda sees it: a process that asks a Runtime API for events, here one that is made up.

mod events;
mod invocations;
mod limits;
mod process;
#[cfg(unix)]
mod secrets;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use pmcp_tests::{Front, Lambda, Reply, Request, example};
use serde_json::{Value, json};

/// Far more than any of these takes.
const MINUTE: Duration = Duration::from_secs(60);

/// The server of tests/probe.
static PROBE: LazyLock<PathBuf> = LazyLock::new(|| example("pmcp-lambda", "lambda-probe"));

fn probe(env: &[(&str, &str)]) -> Lambda {
    Lambda::start(&PROBE, env)
}

fn call(tool: &str, arguments: Value) -> Request {
    Request::call(tool, arguments)
}

/// The same in a revision that opens with `initialize`.
fn older_call(tool: &str, arguments: Value) -> Request {
    Request::legacy(Some("2025-11-25"), "tools/call", json!({ "name": tool, "arguments": arguments }))
}

fn text(reply: &Reply) -> String {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.result()["content"][0]["text"].as_str().expect("a text").to_owned()
}

/// The lines of the log that are about answered requests.
fn answered(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "answered").collect()
}

/// What the probe's tool `request` says of `event`, with the message put in.
fn described(lambda: &Lambda, front: Front, mut event: Value) -> Value {
    let request = older_call("request", json!({}));
    event["body"] = String::from_utf8_lossy(request.bytes()).into();
    let reply = front.unwrap(lambda.invoke(&event, MINUTE));
    serde_json::from_str(&text(&reply)).expect("JSON")
}
