//! Headers that are missing, differ from the body, or come from the wrong place.

use pmcp_tests::{MODERN, Request};
use serde_json::{Value, json};

use crate::Expect::{Error, Refused, Success};
use crate::{Row, add, row};

const MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

pub(crate) fn rows() -> Vec<Row> {
    [protocol_version(), method_and_name(), base64_names(), origin_and_host()].into_iter().flatten().collect()
}

fn protocol_version() -> Vec<Row> {
    let mismatch = |name, request: Request| row(name, request, 400, Error(MISMATCH));
    let in_both = |version: &str| add().header("MCP-Protocol-Version", version).meta("protocolVersion", json!(version));
    vec![
        mismatch("MCP-Protocol-Version missing", add().without_header("MCP-Protocol-Version")),
        mismatch("MCP-Protocol-Version empty", add().header("MCP-Protocol-Version", "")),
        mismatch("header an older version than _meta", add().header("MCP-Protocol-Version", "2025-11-25")),
        mismatch("header an unknown version, _meta not", add().header("MCP-Protocol-Version", "2099-01-01")),
        mismatch("_meta an older version than the header", add().meta("protocolVersion", json!("2025-11-25"))),
        mismatch(
            "MCP-Protocol-Version twice, and different (a proxy might read the other one)",
            add().another_header("MCP-Protocol-Version", "2025-11-25"),
        ),
        row("an unknown version in both", in_both("2099-01-01"), 400, Error(UNSUPPORTED_VERSION))
            .check(|message| names_versions(message, "2099-01-01")),
        row("a legacy version in both", in_both("2025-11-25"), 400, Error(UNSUPPORTED_VERSION))
            .check(|message| names_versions(message, "2025-11-25")),
        row(
            "server/discover with an unknown version",
            Request::modern("server/discover", json!({}))
                .header("MCP-Protocol-Version", "DRAFT")
                .meta("protocolVersion", json!("DRAFT")),
            400,
            Error(UNSUPPORTED_VERSION),
        )
        .check(|message| names_versions(message, "DRAFT")),
        row("header names in any case", in_any_case(), 200, Success),
        row("space around header values", spaced(), 200, Success),
    ]
}

fn names_versions(message: &Value, requested: &str) -> bool {
    let data = &message["error"]["data"];
    data["requested"] == requested && data["supported"].as_array().is_some_and(|list| list.contains(&json!(MODERN)))
}

fn in_any_case() -> Request {
    add()
        .without_header("MCP-Protocol-Version")
        .without_header("Mcp-Method")
        .without_header("Mcp-Name")
        .header("mcp-protocol-VERSION", MODERN)
        .header("MCP-METHOD", "tools/call")
        .header("mcp-name", "add")
}

fn spaced() -> Request {
    add()
        .header("MCP-Protocol-Version", format!(" \t{MODERN} "))
        .header("Mcp-Method", "  tools/call\t")
        .header("Mcp-Name", " add ")
}

fn method_and_name() -> Vec<Row> {
    let mismatch = |name, request: Request| row(name, request, 400, Error(MISMATCH));
    let prompt =
        || Request::modern("prompts/get", json!({"name": "explain_calculation", "arguments": {"expression": "1"}}));
    let resource = || Request::modern("resources/read", json!({"uri": "calculator://constants/pi"}));
    vec![
        mismatch("Mcp-Method missing", add().without_header("Mcp-Method")),
        mismatch(
            "Mcp-Method missing on tools/list",
            Request::modern("tools/list", json!({})).without_header("Mcp-Method"),
        ),
        mismatch("Mcp-Method another method", add().header("Mcp-Method", "tools/list")),
        mismatch("Mcp-Method in capitals", add().header("Mcp-Method", "TOOLS/CALL")),
        mismatch("Mcp-Method empty", add().header("Mcp-Method", "")),
        mismatch(
            "Mcp-Method twice, and different (a proxy might read the other one)",
            add().another_header("Mcp-Method", "tools/list"),
        ),
        mismatch("Mcp-Name missing on tools/call", add().without_header("Mcp-Name")),
        mismatch("Mcp-Name missing on prompts/get", prompt().without_header("Mcp-Name")),
        mismatch("Mcp-Name missing on resources/read", resource().without_header("Mcp-Name")),
        mismatch("Mcp-Name another tool", add().header("Mcp-Name", "divide")),
        mismatch("Mcp-Name another prompt", prompt().header("Mcp-Name", "another")),
        mismatch("Mcp-Name another resource", resource().header("Mcp-Name", "calculator://constants/e")),
        mismatch("Mcp-Name in capitals", add().header("Mcp-Name", "ADD")),
        mismatch("Mcp-Name of bytes that are not UTF-8", add().header("Mcp-Name", b"\xff\xfe")),
        mismatch(
            "Mcp-Name twice, and different (a proxy might read the other one)",
            add().another_header("Mcp-Name", "divide"),
        ),
        mismatch(
            "Mcp-Name without a name in the body",
            Request::modern("tools/call", json!({"arguments": {}})).header("Mcp-Name", "add"),
        ),
        row("Mcp-Param headers nobody declared", add().header("Mcp-Param-Region", "eu"), 200, Success),
    ]
}

fn base64_names() -> Vec<Row> {
    let named = |value: &str| Request::call("subtract", json!({"a": 2, "b": 3})).header("Mcp-Name", value);
    let mismatch = |name, value: &str| row(name, named(value), 400, Error(MISMATCH));
    vec![
        row("Mcp-Name in base64", named("=?base64?c3VidHJhY3Q=?="), 200, Success),
        mismatch("base64 of another name", "=?base64?ZGl2aWRl?="),
        mismatch("base64 outside its alphabet", "=?base64?###?="),
        mismatch("base64 without its padding", "=?base64?c3VidHJhY3Q?="),
        mismatch("base64 with too much padding", "=?base64?c3VidHJhY3Q==?="),
        mismatch("base64 with bits left over", "=?base64?c3VidHJhY3R=?="),
        mismatch("base64 with a space in it", "=?base64?c3Vid HJhY3Q=?="),
        mismatch("base64 in the URL alphabet", "=?base64?c3VidHJhY3Q_-w==?="),
        mismatch("base64 of bytes that are not UTF-8", "=?base64?//79?="),
        mismatch("base64 of nothing", "=?base64??="),
        mismatch("base64 marker in capitals: a literal", "=?BASE64?c3VidHJhY3Q=?="),
        mismatch("base64 without its end: a literal", "=?base64?c3VidHJhY3Q="),
    ]
}

fn origin_and_host() -> Vec<Row> {
    let refused = |name, header: &str, value: &str| row(name, add().header(header, value), 403, Refused);
    vec![
        refused("a foreign Origin", "Origin", "https://evil.example"),
        refused("Origin null", "Origin", "null"),
        refused("an Origin that begins like a local one", "Origin", "http://localhost.evil.example"),
        refused("an Origin that ends like a local one", "Origin", "http://evil-localhost"),
        refused("an Origin with a local user name", "Origin", "http://localhost:80@evil.example"),
        refused("an Origin that is not a URL", "Origin", "localhost"),
        refused("a foreign Host", "Host", "evil.example"),
        refused("a foreign Host with a local port", "Host", "evil.example:8080"),
        refused("a Host that begins like a local one", "Host", "127.0.0.1.evil.example"),
        row(
            "a foreign Origin comes before a broken body",
            add().header("Origin", "https://evil.example").body("{"),
            403,
            Refused,
        ),
        row(
            "a foreign Origin on GET comes before the verb",
            Request::post("").verb("GET").header("Origin", "https://evil.example"),
            403,
            Refused,
        ),
        row("Origin localhost", add().header("Origin", "http://localhost:6274"), 200, Success),
        row("Origin 127.0.0.1", add().header("Origin", "http://127.0.0.1:3000"), 200, Success),
        row("Host localhost", add().header("Host", "localhost"), 200, Success),
    ]
}
