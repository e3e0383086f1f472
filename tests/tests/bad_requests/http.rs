//! Requests that are wrong as HTTP: verb, path, content type, sizes, framing.

use pmcp_tests::Request;
use serde_json::json;

use crate::Expect::{Closed, Refused, Success};
use crate::{Row, add, bytes, row};

pub(crate) fn rows() -> Vec<Row> {
    [verbs_and_paths(), content_types(), floods(), framing(), other_protocols()].into_iter().flatten().collect()
}

fn verbs_and_paths() -> Vec<Row> {
    let not_allowed = |name, verb: &str| row(name, Request::post("").verb(verb), 405, Refused);
    let not_found = |name, path: &str| row(name, add().path(path), 404, Refused);
    vec![
        not_allowed("GET", "GET"),
        not_allowed("DELETE", "DELETE"),
        not_allowed("PUT", "PUT"),
        not_allowed("PATCH", "PATCH"),
        not_allowed("a verb nobody knows", "BREW"),
        row(
            "GET for an event stream",
            Request::post("")
                .verb("GET")
                .header("Accept", "text/event-stream")
                .header("MCP-Protocol-Version", "2025-11-25")
                .header("Last-Event-ID", "7"),
            405,
            Refused,
        ),
        row("DELETE of a session", Request::post("").verb("DELETE").header("Mcp-Session-Id", "made-up"), 405, Refused),
        not_found("a path that is not there", "/mcp2"),
        not_found("the root", "/"),
        not_found("the old transport's path", "/sse"),
        not_found("the path in capitals", "/MCP"),
        row("a query string is passed over", add().path("/mcp?from=test"), 200, Success),
    ]
}

fn content_types() -> Vec<Row> {
    let refused = |name, value: &str| row(name, add().header("Content-Type", value), 415, Refused);
    vec![
        refused("content type text/plain", "text/plain"),
        refused("content type of a form", "application/x-www-form-urlencoded"),
        refused("content type that begins like JSON", "application/json-seq"),
        refused("content type with JSON as a parameter", "text/plain; application/json"),
        refused("content type that is empty", ""),
        row("no content type", add().without_header("Content-Type"), 415, Refused),
        row(
            "content type with a charset",
            add().header("Content-Type", "application/json; charset=utf-8"),
            200,
            Success,
        ),
        row("a body in gzip", add().header("Content-Encoding", "gzip"), 415, Refused),
        row("a body encoded as itself", add().header("Content-Encoding", "identity"), 200, Success),
        row("content type in capitals", add().header("Content-Type", "Application/JSON"), 200, Success),
    ]
}

fn floods() -> Vec<Row> {
    let many = (0..200).fold(add(), |request, n| request.header(&format!("X-Flood-{n}"), "x"));
    let large = (0..20).fold(add(), |request, n| request.header(&format!("X-Flood-{n}"), "x".repeat(4096)));
    vec![
        row("200 headers", many, 431, Refused),
        row("80 KiB in 20 headers", large, 431, Refused),
        row("one header of 70 KiB", add().header("X-Flood", "x".repeat(70 * 1024)), 431, Refused),
        row("one header name of 70 KiB", add().header(&"x".repeat(70 * 1024), "x"), 431, Refused),
        row("a path of 70 KiB", add().path(&format!("/{}", "x".repeat(70 * 1024))), 431, Refused),
    ]
}

fn framing() -> Vec<Row> {
    let good = add();
    let body = good.message().map(|message| message.to_string()).unwrap_or_default();
    let length = body.len();
    // The headers of a good request, with only the framing left open.
    let framed = |framing: &str, body: &str| {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: add\r\n{framing}\r\n\r\n{body}"
        )
    };
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked");
    let both_reversed = format!("Transfer-Encoding: chunked\r\nContent-Length: {length}");
    vec![
        bytes(
            "the framing that the next rows spoil",
            framed(&format!("Content-Length: {length}"), &body),
            200,
            Success,
        ),
        bytes("Content-Length not a number", framed("Content-Length: many", &body), 400, Refused),
        bytes("Content-Length negative", framed("Content-Length: -5", &body), 400, Refused),
        bytes("Content-Length with a sign", framed(&format!("Content-Length: +{length}"), &body), 400, Refused),
        bytes(
            "Content-Length twice, and different",
            framed(&format!("Content-Length: {length}\r\nContent-Length: 5"), &body),
            400,
            Refused,
        ),
        bytes("Content-Length beyond 64 bits", framed("Content-Length: 99999999999999999999", &body), 400, Refused),
        // The length is passed over then (RFC 9112, section 6.3): the chunks alone decide.
        bytes("Content-Length and Transfer-Encoding", framed(&both, &chunked), 200, Success),
        bytes("Transfer-Encoding and Content-Length", framed(&both_reversed, &chunked), 200, Success),
        bytes("Transfer-Encoding unknown", framed("Transfer-Encoding: rot13", &body), 400, Refused),
        bytes(
            "Transfer-Encoding chunked, but not last",
            framed("Transfer-Encoding: chunked, gzip", &chunked),
            400,
            Refused,
        ),
        bytes(
            "a chunk size that is no number",
            framed("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"),
            400,
            Closed,
        ),
        bytes("a body shorter than its Content-Length", framed("Content-Length: 5000", &body), 408, Refused),
        bytes(
            "chunks that end early",
            framed("Transfer-Encoding: chunked", &format!("{length:x}\r\n{body}")),
            408,
            Refused,
        ),
        bytes("headers that end early", "POST /mcp HTTP/1.1\r\nHost: loc", 400, Closed),
    ]
}

fn other_protocols() -> Vec<Row> {
    vec![
        bytes("a request line without a version", "POST /mcp\r\nHost: localhost\r\n\r\n", 400, Refused),
        bytes("a request line of one word", "HELLO\r\n\r\n", 400, Refused),
        row("an HTTP version that does not exist", add().protocol("HTTP/3.7"), 400, Refused),
        row("a header without a name", add().header("", "x"), 400, Refused),
        row("a header name with a space", add().header("X Flood", "x"), 400, Refused),
        row("a NUL byte in a header", add().header("X-Flood", b"a\0b"), 400, Refused),
        bytes("a folded header", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Fold: a\r\n b\r\n\r\n", 400, Refused),
        bytes("HTTP/1.1 without Host", "POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400, Refused),
        row("Host twice", add().header("Host", "localhost").another_header("Host", "evil.example"), 400, Refused),
        row(
            "HTTP/1.0 without routing headers",
            Request::post(json!({}).to_string()).protocol("HTTP/1.0"),
            400,
            Refused,
        ),
        bytes("the start of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400, Closed),
        bytes("a broken HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 400, Closed),
        bytes("nothing at all", "", 400, Closed),
    ]
}
