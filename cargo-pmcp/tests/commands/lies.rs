//! Servers that do not say what the protocol has them say: what `cargo pmcp deploy test` makes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Folder;
use super::answers::start;

const JSON: &str = "200 OK\ncontent-type: application/json";

const DISCOVERED: &str = r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#;

const TOOLS: &str =
    r#"{"tools":[{"name":"greet","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}"#;

/// A server with these results, one after the other: its URL.
fn serving(head: &'static str, results: &[&str]) -> String {
    let results: Vec<String> = results.iter().map(|result| (*result).to_owned()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let url = start(move |_, _| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let result = results.get(number).map_or("{}", String::as_str);
        let message = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, number + 1);
        (head, if head == JSON { message } else { format!("data: {message}\n\n") })
    });
    url + "/mcp"
}

/// What is printed, and what is said of it.
fn test(name: &str, url: &str) -> (Option<i32>, String, String) {
    let output = Folder::new(name).run(&["deploy", "test", "--url", url]);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_answer_that_breaks_the_rules_does_not_pass() {
    let twice = TOOLS.replace("}]}", "},{\"name\":\"greet\",\"inputSchema\":{\"type\":\"object\"}}]}");
    for (results, step, told) in [
        (&["{}"][..], "server/discover", "`supportedVersions` is no list"),
        (
            &[r#"{"supportedVersions":["2025-11-25"],"capabilities":{}}"#],
            "server/discover",
            "`supportedVersions` lacks 2026-07-28, in which it was asked and has answered",
        ),
        (
            &[DISCOVERED, r#"{"tools":[{"name":"greet"}]}"#],
            "tools/list",
            "the tool \"greet\" has no `inputSchema` whose `type` is `object`",
        ),
        (&[DISCOVERED, &twice], "tools/list", "`tools` has two that are called \"greet\""),
        (&[DISCOVERED, TOOLS, "{}"], "tools/call greet", "`content` is no list"),
        (&[DISCOVERED, TOOLS, r#"{"content":"nope"}"#], "tools/call greet", "`content` is no list"),
        (
            &[DISCOVERED, TOOLS, r#"{"content":[{"type":"text"}]}"#],
            "tools/call greet",
            "a text of `content` has no `text`",
        ),
        (
            &[DISCOVERED, TOOLS, r#"{"content":[],"isError":"yes"}"#],
            "tools/call greet",
            "`isError` is neither true nor false",
        ),
        (
            &[DISCOVERED, TOOLS, r#"{"resultType":"input_required","inputRequests":{"1":{}}}"#],
            "tools/call greet",
            "it asks for input, and the client has declared nothing that it could be asked",
        ),
    ] {
        let url = serving(JSON, results);
        let (code, printed, words) = test("lies", &url);
        assert!(code == Some(1) && printed.ends_with(&format!("  no answer of MCP: {told}\n")), "{printed}");
        let advice = "see that the URL is that of a server of MCP: if it is, it breaks the rules there";
        assert_eq!(words, format!("error: {url} failed the test at {step}\n{advice}\n"));
    }
}

#[test]
fn a_token_that_an_answer_repeats_is_not_shown() {
    let folder = Folder::new("repeats");
    let failed = r#"{"content":[{"type":"text","text":"no Bearer s3cret-t0ken here"}],"isError":true}"#;
    let url = serving(JSON, &[DISCOVERED, TOOLS, failed]);
    let mut command = folder.command(&["deploy", "test", "--url", &url, "--token-from-env", "TOK"]);
    let output = command.env("TOK", "s3cret-t0ken").output().expect("starts");
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(printed.contains("no Bearer (hidden) here") && !printed.contains("s3cret"), "{printed}");
}

#[test]
fn a_media_type_is_the_same_in_large_letters() {
    let content = r#"{"content":[]}"#;
    let (code, printed, words) =
        test("lies-large", &serving("200 OK\nContent-Type: Text/Event-Stream", &[DISCOVERED, TOOLS, content]));
    assert_eq!(code, Some(0), "{printed} {words}");
    let (code, printed, _) = test("lies-html", &serving("200 OK\ncontent-type: text/html", &[DISCOVERED]));
    let told = "its Content-Type is text/html, and neither application/json nor text/event-stream\n";
    assert!(code == Some(1) && printed.ends_with(told), "{printed}");
}

#[test]
fn a_token_goes_to_nobody_in_the_clear() {
    let folder = Folder::new("clear");
    let told = |url: &str, token: &str| {
        let mut command = folder.command(&["deploy", "test", "--url", url, "--token-from-env", "TOK"]);
        let output = command.env("TOK", token).output().expect("starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let words = "error: http://mcp.example.com/mcp is not reached over TLS, and everybody on the way would see the token\nname the \
                 server's https:// address, or leave out --token-from-env\n";
    assert_eq!(told("http://mcp.example.com/mcp", "t0ken"), (Some(2), words.into()));
    let words = "error: what is in the variable that --token-from-env names is no token\nexport it without spaces, and without \
                 the end of its line\n";
    assert_eq!(told("https://mcp.example.com/mcp", "t0ken\n"), (Some(2), words.into()));
    for url in ["http://", "http://[::1"] {
        let (code, words) = folder.refused(&["deploy", "test", "--url", url]);
        assert!(
            code == Some(2) && words.starts_with(&format!("error: `{url}` is no address of a server\n")),
            "{words}"
        );
    }
}

#[test]
fn a_time_that_is_no_time_is_refused() {
    let folder = Folder::new("long");
    for timeout in ["0", "86401", "18446744073709551615"] {
        let (code, words) =
            folder.refused(&["deploy", "test", "--url", "http://127.0.0.1:1/mcp", "--timeout", timeout]);
        assert!(code == Some(2) && words.contains("--timeout <SECONDS>"), "{words}");
    }
}
