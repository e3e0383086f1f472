//! The table of wrong lines: each is answered, or passed over, and the next line is served.

use std::sync::Arc;

use pmcp_core::{serde_json::json, stdio::Stdio, testing::TestPlatform};

use crate::{answers, call, initialize, legacy, modern, pipe::Pipe, server::Desk};

/// A wrong line, the code it is answered with, and the id that the answer echoes; no code for no answer.
type Row<'a> = (&'a [u8], Option<i64>, &'a str);

const ROWS: &[Row<'_>] = &[
    // Not JSON.
    (b"hello", Some(-32700), "null"),
    (b"{", Some(-32700), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"", Some(-32700), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}", Some(-32700), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}", Some(-32700), "null"),
    (b"{'jsonrpc':'2.0','id':1,'method':'ping'}", Some(-32700), "null"),
    (b"Content-Length: 42", Some(-32700), "null"),
    (b"\0", Some(-32700), "null"),
    // Not UTF-8.
    (b"\xff\xfe", Some(-32700), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", Some(-32700), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":\"\xc3\",\"method\":\"ping\"}", Some(-32700), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\xed\xa0\x80\"}}", Some(-32700), "null"),
    (b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", Some(-32700), "null"),
    // JSON, but no message.
    (b"1", Some(-32600), "null"),
    (b"null", Some(-32600), "null"),
    (b"\"ping\"", Some(-32600), "null"),
    (b"{}", Some(-32600), "null"),
    (b"[]", Some(-32600), "null"),
    (b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", Some(-32600), "null"),
    (b"{\"id\":1,\"method\":\"ping\"}", Some(-32600), "1"),
    (b"{\"jsonrpc\":\"1.0\",\"id\":\"a\",\"method\":\"ping\"}", Some(-32600), "\"a\""),
    (b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", Some(-32600), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", Some(-32600), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", Some(-32600), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1}", Some(-32600), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", Some(-32600), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", Some(-32600), "null"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"result\":{}}", Some(-32600), "1"),
    // A message whose parameters are wrong.
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":[]}", Some(-32602), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":1}}", Some(-32602), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}", Some(-32602), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}", Some(-32602), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/clientCapabilities\":{}}}}", Some(-32602), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":7,\"io.modelcontextprotocol/clientCapabilities\":{}}}}", Some(-32602), "1"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":7}}", Some(-32602), "1"),
    // What is not to be answered, wrong or not.
    (b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/no_such\"}", None, ""),
    (b"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"at_once\"}}", None, ""),
    (b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":[]}", None, ""),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", None, ""),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"no\"}}", None, ""),
];

#[test]
fn every_wrong_line_is_answered_and_the_next_is_served() {
    assert!(ROWS.len() >= 25);
    for (line, code, id) in ROWS {
        let shown = String::from_utf8_lossy(line);
        let mut lines = [line, &b"\n"[..]].concat();
        lines.extend_from_slice(modern("next", "server/discover", json!({})).as_bytes());
        let answers = answers(&lines);
        assert_eq!(answers.len(), 1 + usize::from(code.is_some()), "{shown}: {answers:?}");
        if let Some(code) = code {
            assert_eq!(answers[0]["error"]["code"], *code, "{shown}");
            assert_eq!(answers[0].get("id").map_or("null".to_owned(), ToString::to_string), *id, "{shown}");
            assert!(answers[0]["error"]["message"].as_str().is_some_and(|text| text.ends_with('.')), "{shown}");
        }
        assert!(answers[answers.len() - 1]["result"].is_object(), "{shown}");
    }
}

#[test]
fn in_an_opened_connection_they_are_no_less_wrong() {
    for (line, code, _) in ROWS {
        let shown = String::from_utf8_lossy(line);
        let (first, last) = (initialize("2025-11-25"), legacy("next", "ping", json!({})));
        let answers = answers(&[first.as_bytes(), line, b"\n", last.as_bytes()].concat());
        // A request without `_meta` is good here.
        let expected = code.filter(|_| *line != b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
        assert_eq!(answers[1]["error"]["code"].as_i64(), expected, "{shown}");
        assert_eq!(answers[answers.len() - 1]["id"], "next", "{shown}");
    }
}

#[test]
fn a_line_that_is_too_long_is_answered_once_and_skipped() {
    let pipe = Pipe::new();
    let server = Stdio::new(Desk::default()).expect("a server").max_line_bytes(1_000);
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        pipe.write("x".repeat(1_001));
        turn.waits();
        let lines = pipe.lines();
        assert_eq!((lines.len(), &lines[0]["error"]["code"]), (1, &json!(-32600)));
        assert!(lines[0]["error"]["message"].as_str().is_some_and(|text| text.contains("1000 bytes")), "{lines:?}");
        for _ in 0..10 {
            pipe.write("y".repeat(100_000));
            turn.waits();
        }
        assert_eq!((pipe.lines().len(), pipe.unread()), (0, 0));
        pipe.write("\n".to_owned() + &modern(1, "tools/call", call("at_once")));
        turn.waits();
        assert_eq!(pipe.lines()[0]["id"], 1);
    });
}

#[test]
fn the_limit_is_four_megabytes() {
    let padded = |bytes: usize| {
        let line = modern(1, "tools/call", call("at_once"));
        let line = line.trim_end();
        format!("{line}{}\n", " ".repeat(bytes - line.len()))
    };
    assert!(answers(padded(4 << 20).as_bytes())[0]["result"].is_object());
    let answers = answers((padded((4 << 20) + 1) + &padded(1_000)).as_bytes());
    assert_eq!(answers[0]["error"]["code"], -32600);
    assert!(answers[1]["result"].is_object());
}

#[test]
fn deep_nesting_is_refused_before_it_is_parsed() {
    let deep = |levels: usize| {
        let nested = "[".repeat(levels) + &"]".repeat(levels);
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{{\"a\":{nested}}}}}\n")
    };
    assert!(answers(deep(62).as_bytes())[0]["result"].is_object());
    assert_eq!(answers(deep(63).as_bytes())[0]["error"]["code"], -32600);
    assert_eq!(answers(deep(1_000_000).as_bytes())[0]["error"]["code"], -32600);
    assert_eq!(answers(("[".repeat(1_000_000) + "\n").as_bytes())[0]["error"]["code"], -32600);
}
