//! The adapter over real sockets: `run` as the calculator's process, `router` in an app of this process.

mod bodies;
mod concurrency;
mod ending;
mod http1;
mod http2;
mod places;
mod process;
mod refusals;
mod router;
mod unread;

use pmcp_tests::{Connection, Reply, Request, Server};
use serde_json::json;

const CALCULATOR: &str = "calculator-cloudrun";

fn add() -> Request {
    Request::call("add", json!({"a": 2, "b": 3}))
}

/// Takes `from` times `delay_ms`; with progress its answer is an event stream.
fn countdown(from: u32, delay_ms: u32) -> Request {
    Request::call("countdown", json!({"from": from, "delay_ms": delay_ms}))
}

fn assert_five(reply: &Reply) {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(reply.result()["content"][0]["text"], "5");
}

fn open_and_send(server: &Server, request: &Request) -> Connection {
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    connection.send(&request.to_bytes(server.addr())).expect("the server reads");
    connection
}
