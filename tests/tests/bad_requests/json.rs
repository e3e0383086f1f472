//! Bodies that are not JSON, not JSON-RPC, too large or too deep, and `_meta` that is not there.

use pmcp_tests::{MODERN, Request};
use serde_json::{Value, json};

use crate::Expect::{Error, ErrorWithoutId, Success};
use crate::{Row, add, row};

const FIVE_MB: usize = 5 * 1024 * 1024;
const DEEP: usize = 10_000;

pub(crate) fn rows() -> Vec<Row> {
    [not_json(), not_json_rpc(), arrays_and_responses(), too_much(), meta()].into_iter().flatten().collect()
}

fn not_json() -> Vec<Row> {
    let parse_error = |name, body: &[u8]| row(name, add().body(body), 400, ErrorWithoutId(-32700));
    vec![
        parse_error("an empty body", b""),
        parse_error("a body that is prose", b"add 2 and 3, please"),
        parse_error("a JSON body cut short", br#"{"jsonrpc":"2.0","id":1,"method":"#),
        parse_error("two JSON values in one body", br#"{"jsonrpc":"2.0","id":1} {"jsonrpc":"2.0","id":2}"#),
        parse_error("single quotes", b"{'jsonrpc':'2.0','id':1,'method':'tools/list'}"),
        parse_error("a trailing comma", br#"{"jsonrpc":"2.0","id":1,"method":"tools/list",}"#),
        parse_error("a number that is NaN", br#"{"jsonrpc":"2.0","id":NaN,"method":"tools/list"}"#),
        parse_error("wrong UTF-8 in a string", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/\xff\xfe\"}"),
        parse_error("an overlong UTF-8 form", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools\xc0\xaflist\"}"),
        parse_error("UTF-16 instead of UTF-8", b"\xff\xfe{\0\"\0j\0"),
        parse_error("a control character in a string", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools\n/list\"}"),
        parse_error("a body of NUL bytes", &[0; 64]),
    ]
}

fn not_json_rpc() -> Vec<Row> {
    let invalid = |name, body: &str| row(name, add().body(body), 400, ErrorWithoutId(-32600));
    let with_id = |name, id: Value| row(name, add().set("id", id), 400, ErrorWithoutId(-32600));
    vec![
        with_id("id null", Value::Null),
        with_id("id a fraction", json!(1.5)),
        with_id("id a boolean", json!(true)),
        with_id("id an object", json!({})),
        with_id("id an array", json!([1])),
        invalid("a body that is the value null", "null"),
        invalid("a body that is a number", "42"),
        invalid("a body that is a string", r#""tools/list""#),
        invalid("an empty object", "{}"),
        row("jsonrpc missing", add().unset("jsonrpc"), 400, Error(-32600)),
        row("jsonrpc 1.0", add().set("jsonrpc", json!("1.0")), 400, Error(-32600)),
        row("jsonrpc a number", add().set("jsonrpc", json!(2.0)), 400, Error(-32600)),
        row("method missing", add().unset("method"), 400, Error(-32600)),
        row("method a number", add().set("method", json!(7)), 400, Error(-32600)),
        row("method null", add().set("method", Value::Null), 400, Error(-32600)),
        row("params an array: no _meta in it", add().set("params", json!([2, 3])), 400, Error(-32602)),
        row("params a string: no _meta in it", add().set("params", json!("a=2")), 400, Error(-32602)),
        row("a string id is echoed as a string", add().set("id", json!("one")), 200, Success)
            .check(|message| message["id"] == "one"),
    ]
}

fn arrays_and_responses() -> Vec<Row> {
    let array = |name, version: &str| {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#;
        row(name, Request::post(batch).header("MCP-Protocol-Version", version), 400, ErrorWithoutId(-32600))
    };
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}}).to_string();
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}}).to_string();
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    vec![
        array("an array, 2026-07-28", MODERN),
        array("an array, 2025-11-25", "2025-11-25"),
        array("an array, 2025-06-18", "2025-06-18"),
        array("an array, 2024-11-05", "2024-11-05"),
        row("an empty array", Request::post("[]"), 400, ErrorWithoutId(-32600)),
        row("a batch with initialize", Request::post(json!([initialize]).to_string()), 400, ErrorWithoutId(-32600)),
        // A response is no request: its id is the server's own, so nothing is echoed.
        row(
            "a response, 2026-07-28",
            Request::post(response.clone()).header("MCP-Protocol-Version", MODERN),
            400,
            ErrorWithoutId(-32600),
        ),
        row(
            "an error response, 2026-07-28",
            Request::post(error).header("MCP-Protocol-Version", MODERN),
            400,
            ErrorWithoutId(-32600),
        ),
        row(
            "a response, of a version that is newer still",
            Request::post(response).header("MCP-Protocol-Version", "2099-01-01"),
            400,
            ErrorWithoutId(-32600),
        ),
    ]
}

fn too_much() -> Vec<Row> {
    let large = || add().param("padding", json!("x".repeat(FIVE_MB)));
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP));
    // serde_json would refuse to build these, so they are put in as text.
    let deep = |place: &str, value: String| {
        let message = add().param(place, json!("HERE")).message().map(|message| message.to_string());
        add().body(message.unwrap_or_default().replace("\"HERE\"", &value))
    };
    vec![
        row("5 MB", large(), 413, ErrorWithoutId(-32600)),
        row("5 MB in chunks", large().chunked(), 413, ErrorWithoutId(-32600)),
        row(
            "5 MB announced, never sent",
            add().header("Content-Length", FIVE_MB.to_string()),
            413,
            ErrorWithoutId(-32600),
        ),
        row("10,000 arrays deep", deep("arguments", nested("[", "]")), 400, ErrorWithoutId(-32600)),
        row("10,000 objects deep", deep("arguments", nested("{\"a\":", "}")), 400, ErrorWithoutId(-32600)),
        row("10,000 deep where nobody looks", deep("unknown", nested("[", "]")), 400, ErrorWithoutId(-32600)),
        row("100,000 open brackets and nothing else", add().body("[".repeat(100_000)), 400, ErrorWithoutId(-32600)),
    ]
}

fn meta() -> Vec<Row> {
    let invalid = |name, request: Request| row(name, request, 400, Error(-32602));
    vec![
        invalid("params missing", add().unset("params")),
        invalid(
            "_meta missing",
            add().edit(|message| {
                message["params"].as_object_mut().expect("an object").remove("_meta");
            }),
        ),
        invalid("_meta a string", add().param("_meta", json!("2026-07-28"))),
        invalid("_meta an array", add().param("_meta", json!([]))),
        invalid("_meta empty", add().param("_meta", json!({}))),
        invalid("protocolVersion missing", add().without_meta("protocolVersion")),
        invalid("protocolVersion a number", add().meta("protocolVersion", json!(20_260_728))),
        invalid("protocolVersion null", add().meta("protocolVersion", Value::Null)),
        invalid("clientCapabilities missing", add().without_meta("clientCapabilities")),
        invalid("clientCapabilities an array", add().meta("clientCapabilities", json!([]))),
        invalid("clientCapabilities null", add().meta("clientCapabilities", Value::Null)),
        invalid(
            "server/discover without clientCapabilities",
            Request::modern("server/discover", json!({})).without_meta("clientCapabilities"),
        ),
        row("unknown keys in _meta are passed over", add().meta("fromTheFuture", json!([1])), 200, Success),
    ]
}
