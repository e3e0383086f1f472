//! Wrong requests, one row each: the exact answer, and the server still serving afterwards.

mod contract;
mod headers;
mod http;
mod json;
mod legacy;
mod methods;

use std::collections::BTreeSet;

use pmcp_tests::{Connection, Reply, Request, Server, exchange};
use serde_json::{Value, json};

/// One wrong request (or a right one that looks wrong) and its answer.
pub(crate) struct Row {
    name: &'static str,
    sent: Sent,
    status: u16,
    expect: Expect,
    check: fn(&Value) -> bool,
}

/// What goes over the wire.
pub(crate) enum Sent {
    /// An HTTP request.
    Request(Box<Request>),
    /// These bytes; afterwards the client says that it will send no more.
    Bytes(Vec<u8>),
}

/// What must be in the answer, besides its status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expect {
    /// A JSON-RPC error with this code, which echoes the request's id.
    Error(i64),
    /// A JSON-RPC error with this code and without an id, because none was read.
    ErrorWithoutId(i64),
    /// A tool result with `isError: true`.
    ToolError,
    /// A result.
    Success,
    /// Nothing in particular: the request was refused below JSON-RPC.
    Refused,
    /// The row's status, or no answer at all: in both cases the connection is closed.
    Closed,
}

impl Row {
    /// A further condition on the JSON-RPC message in the answer.
    pub(crate) fn check(mut self, check: fn(&Value) -> bool) -> Self {
        self.check = check;
        self
    }
}

/// A row about an HTTP request.
pub(crate) fn row(name: &'static str, request: Request, status: u16, expect: Expect) -> Row {
    Row { name, sent: Sent::Request(Box::new(request)), status, expect, check: |_| true }
}

/// A row about bytes that [`Request`] cannot produce.
pub(crate) fn bytes(name: &'static str, bytes: impl Into<Vec<u8>>, status: u16, expect: Expect) -> Row {
    Row { name, sent: Sent::Bytes(bytes.into()), status, expect, check: |_| true }
}

/// The request that all rows spoil: it is answered with `5`.
pub(crate) fn add() -> Request {
    Request::call("add", json!({"a": 2, "b": 3}))
}

fn all_rows() -> Vec<Row> {
    [json::rows(), headers::rows(), methods::rows(), legacy::rows(), http::rows()].into_iter().flatten().collect()
}

#[test]
fn every_wrong_request_has_its_answer() {
    // Bytes that are no whole request are given up soon.
    let limits = [("PMCP_HEADER_TIMEOUT_MS", "1000"), ("PMCP_BODY_TIMEOUT_MS", "1000")];
    let server = Server::start("calculator-cloudrun", &limits);
    assert_still_serving(&server, "the start");
    let mut failures = Vec::new();
    for row in all_rows() {
        if let Err(why) = verdict(&server, &row) {
            failures.push(format!("{}: {why}", row.name));
        }
        assert_still_serving(&server, row.name);
    }
    assert!(failures.is_empty(), "{} rows failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_table_is_long_enough_and_its_names_differ() {
    let rows = all_rows();
    let mut names = BTreeSet::new();
    for row in &rows {
        assert!(names.insert(row.name), "two rows are called {:?}", row.name);
    }
    let wrong = rows.iter().filter(|row| row.expect != Expect::Success).count();
    assert!(wrong >= 200, "only {wrong} wrong requests");
}

fn verdict(server: &Server, row: &Row) -> Result<(), String> {
    let reply = match &row.sent {
        Sent::Request(request) => exchange(server.addr(), &request.to_bytes(server.addr())),
        Sent::Bytes(bytes) => exchange_bytes(server, bytes),
    };
    match (reply, row.expect) {
        (Ok(reply), _) => judge(row, &reply),
        (Err(error), Expect::Closed) if error.kind() != std::io::ErrorKind::WouldBlock => Ok(()),
        (Err(error), _) => Err(format!("no answer: {error}")),
    }
}

fn exchange_bytes(server: &Server, bytes: &[u8]) -> std::io::Result<Reply> {
    let mut connection = Connection::open(server.addr())?;
    connection.send(bytes)?;
    connection.read_reply()
}

fn judge(row: &Row, reply: &Reply) -> Result<(), String> {
    let got = format!("{} {}", reply.status(), reply.text().chars().take(300).collect::<String>());
    let demand = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(format!("{what}; got {got}")) }
    };

    demand(reply.status() == row.status, &format!("expected status {}", row.status))?;
    if row.status == 405 {
        let allow = reply.head.header("allow").unwrap_or_default();
        demand(allow.split(',').any(|verb| verb.trim() == "POST"), &format!("expected POST in Allow: {allow:?}"))?;
    }
    match row.expect {
        Expect::Refused | Expect::Closed => Ok(()),
        Expect::Success | Expect::ToolError if !is_message(reply) => demand(false, "expected a message"),
        Expect::Success => {
            let message = reply.message();
            demand(message["result"].is_object(), "expected a result")?;
            demand((row.check)(&message), "the row's own check fails")
        }
        Expect::ToolError => {
            let message = reply.message();
            demand(message["result"]["isError"] == true, "expected isError: true")?;
            let text = message["result"]["content"][0]["text"].as_str().unwrap_or_default();
            demand(!text.is_empty(), "expected a text that says what is wrong")?;
            demand((row.check)(&message), "the row's own check fails")
        }
        Expect::Error(code) | Expect::ErrorWithoutId(code) => {
            demand(reply.head.header("content-type") == Some("application/json"), "expected JSON")?;
            let message = reply.message();
            demand(message["jsonrpc"] == "2.0", "expected jsonrpc 2.0")?;
            demand(message.get("result").is_none(), "expected no result")?;
            demand(message["error"]["code"] == code, &format!("expected code {code}"))?;
            demand(message["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "expected a message")?;
            let id = match row.expect {
                Expect::Error(_) => sent_id(row),
                _ => None,
            };
            demand(message.get("id") == id.as_ref(), &format!("expected id {id:?}"))?;
            demand((row.check)(&message), "the row's own check fails")
        }
    }
}

fn is_message(reply: &Reply) -> bool {
    reply.head.is_event_stream() || reply.head.header("content-type") == Some("application/json")
}

fn sent_id(row: &Row) -> Option<Value> {
    match &row.sent {
        Sent::Request(request) => request.message()?.get("id").cloned(),
        Sent::Bytes(_) => None,
    }
}

fn assert_still_serving(server: &Server, after: &str) {
    let reply = exchange(server.addr(), &add().to_bytes(server.addr()))
        .unwrap_or_else(|error| panic!("no answer after {after:?}: {error}; the server's log:\n{}", server.log()));
    assert_eq!(reply.status(), 200, "after {after:?}: {}", reply.text());
    assert_eq!(reply.result()["content"][0]["text"], "5", "after {after:?}");
}
