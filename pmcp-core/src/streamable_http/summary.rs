//! What a request is about, and what it is answered when its own answer cannot be delivered: for adapters that log
//! requests, and whose platform takes answers up to a length only.

use std::borrow::Cow;

use http::{HeaderMap, Response, StatusCode, header};

use super::{Body, Refusal, StreamableHttp, cors, era, headers};
use crate::{
    error::Error,
    jsonrpc::{ErrorCode, Message, Request, RequestId, short},
    protocol::{RequestParams, Revision},
    server::Answer,
};

/// What a request is about, as its client wrote it: whether it was any good is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary<'a> {
    /// The revision it speaks; `None` where it contradicts itself.
    pub revision: Option<Revision>,
    /// The method, such as `tools/call`; no more than the first 200 bytes.
    pub method: Cow<'a, str>,
    /// The tool, the prompt or the resource it names; no more than the first 200 bytes. Of a task the first 8 of its id, as
    /// who knows the whole may ask for it.
    pub name: Option<Cow<'a, str>>,
}

impl StreamableHttp {
    /// What the message in `body` is about; `None` where it is no request: a notification, a batch, no message at all.
    pub fn summarize<'a>(&self, headers: &HeaderMap, body: &'a [u8]) -> Option<Summary<'a>> {
        let Ok(Message::Request(Request { method, params, .. })) = Message::parse(body) else { return None };
        let params = RequestParams::parse(params);
        let revision = self.revision_of(headers, &method, &params);
        let name = params.ok().and_then(|params| params.told_name(&method));
        Some(Summary { revision, method: short(method), name: name.map(short) })
    }

    /// The answer to the request in `body` whose own cannot be delivered: a result with `isError` where a tool was
    /// called, so that the model reads `reason`, and an error otherwise.
    pub fn fail(&self, headers: &HeaderMap, body: &[u8], reason: &str) -> Response<Body> {
        let answer = match Message::parse(body) {
            Ok(Message::Request(Request { id, method, params })) => {
                let revision = self.revision_of(headers, &method, &RequestParams::parse(params));
                self.encode_failure(&id, &method, revision.unwrap_or(Revision::LATEST), reason)
            }
            _ => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::INTERNAL_ERROR, reason).into_response(),
        };
        cors::allow(answer, headers.get(header::ORIGIN).cloned())
    }

    fn encode_failure(&self, id: &RequestId, method: &str, revision: Revision, reason: &str) -> Response<Body> {
        let outcome = match method {
            "tools/call" => Answer::tool(Err::<String, _>(Error::failed(reason))),
            _ => Err(Error::Internal(reason.to_owned())),
        };
        self.encode(revision, id, outcome)
    }

    fn revision_of(
        &self,
        headers: &HeaderMap,
        method: &str,
        params: &Result<RequestParams<'_>, crate::jsonrpc::ErrorObject>,
    ) -> Option<Revision> {
        let version = headers::agreed(headers, &headers::PROTOCOL_VERSION).ok()?;
        match (era::decide(version, method, params), params) {
            (Ok(era::Era::Modern), _) => Some(Revision::LATEST),
            (Ok(era::Era::Legacy(header)), Ok(params)) => Some(self.legacy.revision(header, method, params)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use serde_json::Value;

    use super::*;
    use crate::server::Server;

    fn endpoint() -> StreamableHttp {
        StreamableHttp::new(Server::builder("test", "1.0.0")).expect("an empty server")
    }

    const MODERN: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add","_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    const OLDER: &str = r#"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"x:y"}}"#;

    #[test]
    fn says_what_a_request_is_about() {
        let endpoint = endpoint();
        let summarize = |body: &'static str| {
            let headers = HeaderMap::new();
            let summary = endpoint.summarize(&headers, body.as_bytes());
            summary.map(|summary| (summary.revision, summary.method, summary.name))
        };
        let about = |revision, method: &'static str, name: &'static str| {
            Some((Some(revision), Cow::Borrowed(method), Some(Cow::Borrowed(name))))
        };
        assert_eq!(summarize(MODERN), about(Revision::LATEST, "tools/call", "add"));
        assert_eq!(summarize(OLDER), about(Revision::V2025_03_26, "resources/read", "x:y"));
        assert_eq!(summarize("[]"), None);
        let long = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "ä".repeat(5_000));
        let told = endpoint.summarize(&HeaderMap::new(), long.as_bytes()).expect("a request").method;
        assert_eq!(told, format!("{} … (cut)", "ä".repeat(100)));
        assert_eq!(summarize(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), None);
    }

    #[test]
    fn tells_nobody_how_to_ask_for_a_task() {
        for (id, told) in [("0123456789abcdef", "01234567"), ("\u{e9}12345\u{e9}7", "\u{e9}12345")] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tasks/get","params":{{"taskId":"{id}"}}}}"#);
            let name = endpoint().summarize(&HeaderMap::new(), body.as_bytes()).expect("a request").name;
            assert_eq!(name.as_deref(), Some(told));
        }
    }

    #[test]
    fn a_tool_fails_where_the_model_reads_it_and_all_else_as_an_error() {
        let fail = |body: &str| {
            let response = endpoint().fail(&HeaderMap::new(), body.as_bytes(), "too long");
            let json = response.body().as_full().cloned().expect("a whole body");
            assert!(!response.body().is_end_stream());
            (response.status().as_u16(), serde_json::from_slice::<Value>(&json).expect("JSON"))
        };
        let (status, answer) = fail(MODERN);
        assert_eq!((status, &answer["id"], &answer["result"]["isError"]), (200, &7.into(), &true.into()));
        assert_eq!(answer["result"]["content"][0]["text"], "too long");
        assert_eq!(answer["result"]["resultType"], "complete");
        let (status, answer) = fail(OLDER);
        assert_eq!((status, &answer["id"], &answer["error"]["message"]), (200, &"a".into(), &"too long".into()));
        assert_eq!(fail("[]").0, 500);
    }
}
