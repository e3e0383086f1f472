//! Wrong requests of clients that began with `initialize`: errors stay on status 200.

use pmcp_tests::Request;
use serde_json::json;

use crate::Expect::{Error, ErrorWithoutId, Success, ToolError};
use crate::{Row, row};

const NOVEMBER: Option<&str> = Some("2025-11-25");

pub(crate) fn rows() -> Vec<Row> {
    let invalid = |name, request: Request| row(name, request, 200, Error(-32602));
    let read = |version, uri: &str| Request::legacy(version, "resources/read", json!({"uri": uri}));
    let call =
        |tool: &str| Request::legacy(NOVEMBER, "tools/call", json!({"name": tool, "arguments": {"a": 2, "b": 3}}));
    vec![
        row(
            "an unknown version without _meta",
            Request::legacy(Some("2099-01-01"), "tools/list", json!({})),
            400,
            Error(-32602),
        ),
        row("a version that is no date", Request::legacy(Some("latest"), "tools/list", json!({})), 400, Error(-32602)),
        row(
            "the modern version without _meta",
            Request::legacy(Some("2026-07-28"), "tools/list", json!({})),
            400,
            Error(-32602),
        ),
        row("server/discover without _meta", Request::legacy(None, "server/discover", json!({})), 400, Error(-32602)),
        row(
            "server/discover without _meta, 2025-11-25",
            Request::legacy(NOVEMBER, "server/discover", json!({})),
            400,
            Error(-32602),
        ),
        row(
            "subscriptions/listen without _meta",
            Request::legacy(None, "subscriptions/listen", json!({"notifications": {}})),
            400,
            Error(-32602),
        ),
        row(
            "legacy, id null",
            Request::legacy(NOVEMBER, "ping", json!({})).set("id", json!(null)),
            400,
            ErrorWithoutId(-32600),
        ),
        row(
            "legacy, jsonrpc missing",
            Request::legacy(NOVEMBER, "ping", json!({})).unset("jsonrpc"),
            400,
            Error(-32600),
        ),
        row("legacy, an unknown method", Request::legacy(NOVEMBER, "tools/invent", json!({})), 200, Error(-32601)),
        row(
            "legacy, an unknown method, no header",
            Request::legacy(None, "tools/invent", json!({})),
            200,
            Error(-32601),
        ),
        row(
            "legacy, resources/subscribe was not offered",
            Request::legacy(NOVEMBER, "resources/subscribe", json!({"uri": "calculator://constants/pi"})),
            200,
            Error(-32601),
        ),
        invalid("legacy, an unknown tool", call("modulo")),
        invalid("legacy, tools/call without a name", Request::legacy(NOVEMBER, "tools/call", json!({}))),
        invalid(
            "legacy, arguments an array",
            Request::legacy(NOVEMBER, "tools/call", json!({"name": "add", "arguments": [2, 3]})),
        ),
        invalid("legacy, an unknown prompt", Request::legacy(NOVEMBER, "prompts/get", json!({"name": "translate"}))),
        invalid(
            "legacy, a prompt without its argument",
            Request::legacy(NOVEMBER, "prompts/get", json!({"name": "explain_calculation"})),
        ),
        invalid("legacy, a bad cursor", Request::legacy(NOVEMBER, "tools/list", json!({"cursor": "not-a-cursor"}))),
        invalid("initialize without a version", Request::legacy(None, "initialize", json!({"capabilities": {}}))),
        invalid(
            "initialize with a version that is a number",
            Request::legacy(
                None,
                "initialize",
                json!({
                    "protocolVersion": 2025,
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                }),
            ),
        ),
        row("legacy, an unknown resource", read(NOVEMBER, "calculator://constants/none"), 200, Error(-32002))
            .check(|message| message["error"]["data"]["uri"] == "calculator://constants/none"),
        row("legacy, an unknown resource, no header", read(None, "calculator://constants/none"), 200, Error(-32002)),
        row(
            "legacy, a wrong argument type",
            Request::legacy(NOVEMBER, "tools/call", json!({"name": "add", "arguments": {"a": "two", "b": 3}})),
            200,
            ToolError,
        ),
        // Header rules and routing headers of the modern revision do not apply here.
        row("legacy, an Mcp-Method that differs", call("add").header("Mcp-Method", "tools/list"), 200, Success),
        row("legacy, a session id nobody minted", call("add").header("Mcp-Session-Id", "made-up"), 200, Success),
        row("legacy, a Last-Event-ID on POST", call("add").header("Last-Event-ID", "7"), 200, Success),
    ]
}
