//! Well-formed requests for what is not there, or with the wrong arguments.

use pmcp_tests::Request;
use serde_json::{Value, json};

use crate::Expect::{Error, Success, ToolError};
use crate::{Row, add, row};

pub(crate) fn rows() -> Vec<Row> {
    [unknown_methods(), unknown_names(), wrong_params(), wrong_arguments()].into_iter().flatten().collect()
}

fn unknown_methods() -> Vec<Row> {
    let unknown = |name, method: &str| row(name, Request::modern(method, json!({})), 404, Error(-32601));
    vec![
        unknown("an unknown method", "tools/invent"),
        unknown("a method in the wrong case", "Tools/List"),
        unknown("a method of the other side", "sampling/createMessage"),
        unknown("a method of an extension that is off", "tasks/get"),
        unknown("initialize, removed", "initialize"),
        unknown("ping, removed", "ping"),
        unknown("logging/setLevel, removed", "logging/setLevel"),
        unknown("resources/subscribe, removed", "resources/subscribe"),
        unknown("resources/unsubscribe, removed", "resources/unsubscribe"),
        unknown("a notification's name with an id", "notifications/initialized"),
        row(
            "initialize with all of its params is still removed",
            Request::modern(
                "initialize",
                json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                }),
            ),
            404,
            Error(-32601),
        ),
    ]
}

fn unknown_names() -> Vec<Row> {
    let invalid = |name, request: Request| row(name, request, 200, Error(-32602));
    let read = |uri: &str| Request::modern("resources/read", json!({"uri": uri}));
    let complete = |reference: Value| {
        Request::modern("completion/complete", json!({"ref": reference, "argument": {"name": "name", "value": "p"}}))
    };
    vec![
        invalid("an unknown tool", Request::call("modulo", json!({}))),
        invalid("a tool in the wrong case", Request::call("Add", json!({"a": 2, "b": 3}))),
        invalid("a tool with an empty name", Request::call("", json!({}))),
        invalid(
            "an unknown tool with a name beyond ASCII",
            Request::call("größe", json!({})).header("Mcp-Name", "=?base64?Z3LDtsOfZQ==?="),
        ),
        invalid("an unknown prompt", Request::modern("prompts/get", json!({"name": "translate"}))),
        invalid("an unknown constant", read("calculator://constants/tau_and_a_half"))
            .check(|message| message["error"]["data"]["uri"] == "calculator://constants/tau_and_a_half"),
        invalid("an unknown scheme", read("file:///etc/passwd"))
            .check(|message| message["error"]["data"]["uri"] == "file:///etc/passwd"),
        invalid("a resource that is not a URI", read("not a uri")),
        invalid("a constant with a path in it", read("calculator://constants/../pi")),
        invalid("a constant with an encoded path in it", read("calculator://constants/%2e%2e%2fpi")),
        invalid("a constant that is broken percent-encoding", read("calculator://constants/%zz")),
        invalid("completion for an unknown prompt", complete(json!({"type": "ref/prompt", "name": "translate"}))),
        invalid(
            "completion for an unknown template",
            complete(json!({"type": "ref/resource", "uri": "calculator://variables/{name}"})),
        ),
        invalid("completion for an unknown kind", complete(json!({"type": "ref/tool", "name": "add"}))),
    ]
}

fn wrong_params() -> Vec<Row> {
    let invalid = |name, request: Request| row(name, request, 200, Error(-32602));
    let list = |method: &str, cursor: Value| Request::modern(method, json!({"cursor": cursor}));
    let prompt = |arguments: Value| {
        Request::modern("prompts/get", json!({"name": "explain_calculation", "arguments": arguments}))
    };
    vec![
        invalid("a bad cursor, tools", list("tools/list", json!("not-a-cursor"))),
        invalid("a bad cursor, resources", list("resources/list", json!("not-a-cursor"))),
        invalid("a bad cursor, templates", list("resources/templates/list", json!("not-a-cursor"))),
        invalid("a bad cursor, prompts", list("prompts/list", json!("not-a-cursor"))),
        invalid("a cursor that is a number", list("tools/list", json!(2))),
        invalid("arguments an array", Request::call("add", json!([2, 3]))),
        invalid("arguments a string", Request::call("add", json!("a=2&b=3"))),
        invalid("a prompt without its argument", prompt(json!({}))),
        invalid("a prompt without arguments", Request::modern("prompts/get", json!({"name": "explain_calculation"}))),
        invalid("a prompt argument that is a number", prompt(json!({"expression": 42}))),
        invalid("prompt arguments an array", prompt(json!(["1 + 1"]))),
        invalid("an unknown log level", add().meta("logLevel", json!("loud"))),
        invalid("a log level that is a number", add().meta("logLevel", json!(3))),
        invalid(
            "completion without an argument",
            Request::modern(
                "completion/complete",
                json!({"ref": {"type": "ref/resource", "uri": "calculator://constants/{name}"}}),
            ),
        ),
        // The header must be there and equal a name that is not: no header can be right.
        row("tools/call without a name", Request::modern("tools/call", json!({"arguments": {}})), 400, Error(-32020)),
        row("resources/read without a uri", Request::modern("resources/read", json!({})), 400, Error(-32020)),
    ]
}

fn wrong_arguments() -> Vec<Row> {
    let refused = |name, tool: &str, arguments: Value| row(name, Request::call(tool, arguments), 200, ToolError);
    vec![
        refused("an argument of the wrong type", "add", json!({"a": "two", "b": 3})),
        refused("an argument that is null", "add", json!({"a": null, "b": 3})),
        refused("an argument that is a fraction", "add", json!({"a": 1.5, "b": 3})),
        refused("an argument that is a list", "add", json!({"a": [2], "b": 3})),
        refused("an argument beyond 64 bits", "add", json!({"a": 1e30, "b": 3})),
        refused("an argument missing", "add", json!({"a": 2})),
        refused("all arguments missing", "add", json!({})),
        refused("an argument too many", "add", json!({"a": 2, "b": 3, "c": 4})),
        refused("an argument in the wrong case", "add", json!({"A": 2, "b": 3})),
        refused("a negative count", "countdown", json!({"from": -1, "delay_ms": 0})),
        refused("division by zero", "divide", json!({"a": 1, "b": 0})),
        refused("a sum beyond 64 bits", "add", json!({"a": i64::MAX, "b": 1})),
        refused("a difference beyond 64 bits", "subtract", json!({"a": i64::MIN, "b": 1})),
        refused("a product beyond 64 bits", "multiply", json!({"a": i64::MAX, "b": 2})),
        refused("a quotient beyond 64 bits", "divide", json!({"a": i64::MIN, "b": -1})),
        row("arguments left out", Request::modern("tools/call", json!({"name": "add"})), 200, ToolError),
        row("an integer written as 2.0", Request::call("add", json!({"a": 2.0, "b": 3})), 200, Success)
            .check(|message| message["result"]["content"][0]["text"] == "5"),
    ]
}
