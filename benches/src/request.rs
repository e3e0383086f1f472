//! The requests that every server is sent, in revision 2026-07-28, and what a right answer to each is.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use serde_json::{Value, json};

use crate::Result;

/// The revision that all are asked in.
pub const REVISION: &str = "2026-07-28";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `tools/call` of the tool `add`, which adds two integers.
    Call,
    /// `tools/list`.
    List,
    /// `server/discover`.
    Discover,
}

impl Question {
    /// Its method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Call => "tools/call",
            Self::List => "tools/list",
            Self::Discover => "server/discover",
        }
    }

    /// The headers beside those of every HTTP request, by name.
    pub fn headers(self) -> Vec<(&'static str, &'static str)> {
        let mut headers = vec![
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
            ("user-agent", "pmcp-benches"),
            ("mcp-protocol-version", REVISION),
            ("mcp-method", self.method()),
        ];
        if self == Self::Call {
            headers.push(("mcp-name", "add"));
        }
        headers
    }

    /// The body, as a client writes it.
    pub fn body(self) -> String {
        self.body_with(0)
    }

    /// The same with so many bytes more, which no server looks at.
    pub fn body_with(self, padding: usize) -> String {
        let mut params = match self {
            Self::Call => json!({ "name": "add", "arguments": { "a": 40, "b": 2 } }),
            Self::List | Self::Discover => json!({}),
        };
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientInfo": { "name": "pmcp-benches", "version": "1.0.0" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        if padding > 0 {
            params["_meta"]["com.example/padding"] = "x".repeat(padding).into();
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": self.method(), "params": params }).to_string()
    }

    /// The request as an adapter hands it to the core, with so many bytes more.
    pub fn request_with(self, padding: usize) -> Request<Bytes> {
        let body = self.body_with(padding);
        let length = body.len();
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        for (name, value) in self.headers() {
            headers.insert(name, HeaderValue::from_static(value));
        }
        request
    }

    /// Why `answer`, a JSON-RPC message, does not answer this; `Ok` where it does.
    ///
    /// # Errors
    /// What is wrong, with the answer.
    pub fn check(self, answer: &[u8]) -> Result<()> {
        let shown = || String::from_utf8_lossy(answer).chars().take(400).collect::<String>();
        let message: Value = serde_json::from_slice(answer).map_err(|error| format!("{error}: {}", shown()))?;
        let result = &message["result"];
        let right = message["id"] == 1
            && match self {
                Self::Call => {
                    let text = result["content"][0]["text"].as_str().unwrap_or_default();
                    // turul has an object around each number.
                    result["isError"] != true && matches!(text.trim(), "42" | r#"{"output":42}"#)
                }
                Self::List => result["tools"].as_array().is_some_and(|tools| {
                    tools.iter().any(|tool| tool["name"] == "add" && tool["inputSchema"]["properties"]["a"].is_object())
                }),
                Self::Discover => {
                    result["supportedVersions"].as_array().is_some_and(|all| all.contains(&REVISION.into()))
                }
            };
        if right { Ok(()) } else { Err(format!("no right answer to {}: {}", self.method(), shown()).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_by_hand_is_a_right_answer() {
        let answer = by_hand::answer(Question::Call.body().as_bytes()).expect("a call");
        Question::Call.check(&answer).expect("right");
    }

    #[test]
    fn a_wrong_answer_is_refused() {
        for wrong in [
            &br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"41"}]}}"#[..],
            br#"{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"42"}]}}"#,
            br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"42"}],"isError":true}}"#,
            br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#,
            b"not JSON",
        ] {
            assert!(Question::Call.check(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
