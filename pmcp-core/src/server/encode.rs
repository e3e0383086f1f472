//! Results in revision 2026-07-28: what every result carries is added to what the feature answered.

use serde::Serialize;

use super::{Answer, AnswerBody};
use crate::protocol::{Cache, CacheScope, Meta, SERVER_INFO};

/// What ends an answer that is encoded when the server is built.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// Nothing, in an older revision.
    Older,
    /// What every result carries.
    Newest { cache: Option<Cache>, server_info: &'a [u8] },
}

impl End<'_> {
    /// Ends the object that `out` ends with.
    pub(crate) fn write(self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Older => Ok(()),
            Self::Newest { cache, server_info } => close(out, "complete", None, cache, server_info),
        }
    }
}

/// Writes the result object of `answer`; `server_info` is the encoded member of `_meta` that names the server.
pub(crate) fn encode_answer(out: &mut Vec<u8>, answer: &Answer, server_info: &[u8]) -> serde_json::Result<()> {
    match &answer.0 {
        AnswerBody::Prepared(result) => {
            out.extend_from_slice(result);
            Ok(())
        }
        AnswerBody::CallTool(result) => encode(out, result, result.meta.as_ref(), None, server_info),
        AnswerBody::ReadResource(result, cache) => encode(out, result, result.meta.as_ref(), Some(*cache), server_info),
        AnswerBody::GetPrompt(result) => encode(out, result, result.meta.as_ref(), None, server_info),
        AnswerBody::Complete(result) => encode(out, result, None, None, server_info),
        AnswerBody::InputRequired(result) => {
            serde_json::to_writer(&mut *out, result)?;
            close(out, "input_required", None, None, server_info)
        }
        AnswerBody::Object { result_type, json } => {
            out.extend_from_slice(json);
            close(out, result_type, None, None, server_info)
        }
        AnswerBody::Acknowledged => {
            out.extend_from_slice(br#"{"resultType":"complete","_meta":{"#);
            out.extend_from_slice(server_info);
            out.extend_from_slice(b"}}");
            Ok(())
        }
    }
}

/// Writes `result`, which is an object without `_meta`.
fn encode(
    out: &mut Vec<u8>,
    result: &impl Serialize,
    meta: Option<&Meta>,
    cache: Option<Cache>,
    server_info: &[u8],
) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, result)?;
    close(out, "complete", meta, cache, server_info)
}

/// Ends the object that `out` ends with by the members that all results share; `result_type` has nothing to escape.
fn close(
    out: &mut Vec<u8>,
    result_type: &'static str,
    meta: Option<&Meta>,
    cache: Option<Cache>,
    server_info: &[u8],
) -> serde_json::Result<()> {
    out.pop();
    out.extend_from_slice(br#","resultType":""#);
    out.extend_from_slice(result_type.as_bytes());
    out.push(b'"');
    if let Some(cache) = cache {
        let scope: &[u8] = match cache.scope {
            CacheScope::Public => br#","cacheScope":"public","ttlMs":"#,
            CacheScope::Private => br#","cacheScope":"private","ttlMs":"#,
        };
        out.extend_from_slice(scope);
        serde_json::to_writer(&mut *out, &cache.ttl_ms)?;
    }
    out.extend_from_slice(br#","_meta":{"#);
    for (key, value) in meta.into_iter().flatten().filter(|(key, _)| *key != SERVER_INFO) {
        serde_json::to_writer(&mut *out, key)?;
        out.push(b':');
        serde_json::to_writer(&mut *out, value)?;
        out.push(b',');
    }
    out.extend_from_slice(server_info);
    out.extend_from_slice(b"}}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::CallToolResult;

    #[test]
    fn adds_what_every_result_carries_and_keeps_the_authors_meta() {
        let mut result = CallToolResult::text("3");
        result.meta = json!({"example.com/k": 1}).as_object().cloned();
        let mut out = Vec::new();
        encode_answer(&mut out, &result.into(), br#""io.modelcontextprotocol/serverInfo":{}"#).expect("JSON");
        let expected = json!({
            "content": [{"type": "text", "text": "3"}],
            "resultType": "complete",
            "_meta": {"example.com/k": 1, "io.modelcontextprotocol/serverInfo": {}},
        });
        assert_eq!(serde_json::from_slice::<Value>(&out).expect("JSON"), expected);
    }
}
