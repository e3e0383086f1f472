//! Requests, notifications and responses: parsed without copying, encoded into one buffer.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{ErrorCode, ErrorObject, RequestId};

/// One message from a client.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// Wants an answer.
    Request(Request<'a>),
    /// Wants none.
    Notification(Notification<'a>),
    /// Answers a request of the server; only older revisions have these.
    Response(Response<'a>),
}

/// A request: a method, its parameters and an id.
#[derive(Debug)]
pub struct Request<'a> {
    /// To be echoed in the answer.
    pub id: RequestId,
    /// For example `tools/call`.
    pub method: Cow<'a, str>,
    /// The unparsed `params`; `None` when there are none.
    pub params: Option<&'a RawValue>,
}

/// A notification: a request without an id.
#[derive(Debug)]
pub struct Notification<'a> {
    /// For example `notifications/cancelled`.
    pub method: Cow<'a, str>,
    /// The unparsed `params`; `None` when there are none.
    pub params: Option<&'a RawValue>,
}

/// A client's answer to a request of the server.
#[derive(Debug)]
pub struct Response<'a> {
    /// The id of the request it answers.
    pub id: RequestId,
    /// The unparsed result; `None` where it is an error.
    pub result: Option<&'a RawValue>,
    /// The unparsed error; `None` where it is a result.
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// A member that is `null` is there, which `Option` alone would not tell.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Why a message could not be parsed, with the id that the answer echoes where it could be read.
pub(crate) type Unparsed = (Option<RequestId>, ErrorObject);

impl<'a> Message<'a> {
    /// Parses one message.
    ///
    /// # Errors
    /// [`ErrorCode::PARSE_ERROR`] where `json` is not JSON in UTF-8, [`ErrorCode::INVALID_REQUEST`] where it is no
    /// message; with the id, where it could be read.
    pub fn parse(json: &'a [u8]) -> Result<Self, (Option<RequestId>, ErrorObject)> {
        let envelope = Envelope::parse(json)?;
        let id = match envelope.id.map(|raw| serde_json::from_str::<RequestId>(raw.get())) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => {
                return invalid(None, "The id of a request must be a string or an integer, and never null.");
            }
        };
        if envelope.jsonrpc.map(RawValue::get) != Some(r#""2.0""#) {
            return invalid(id, r#"A message must carry "jsonrpc": "2.0"."#);
        }
        let Some(method) = envelope.method else {
            return match (id, envelope.result.is_some() || envelope.error.is_some()) {
                (Some(id), true) => Ok(Self::Response(Response { id, result: envelope.result, error: envelope.error })),
                (id, _) => invalid(id, "A message must carry a method."),
            };
        };
        let Some(method) = string(method) else {
            return invalid(id, "The method must be a string.");
        };
        if envelope.result.is_some() || envelope.error.is_some() {
            return invalid(id, "A message is a request or a response, not both.");
        }
        let params = envelope.params;
        Ok(match id {
            Some(id) => Self::Request(Request { id, method, params }),
            None => Self::Notification(Notification { method, params }),
        })
    }
}

impl<'a> Envelope<'a> {
    fn parse(json: &'a [u8]) -> Result<Self, Unparsed> {
        let not_json = |error: &dyn std::fmt::Display| {
            (None, ErrorObject::new(ErrorCode::PARSE_ERROR, format!("The body is not JSON in UTF-8: {error}.")))
        };
        let json = std::str::from_utf8(json).map_err(|error| not_json(&error))?;
        // serde_json reads an array as a struct's fields in order, so an object is asked for first.
        if json.trim_ascii_start().starts_with('{')
            && let Ok(envelope) = serde_json::from_str(json)
        {
            return Ok(envelope);
        }
        // The slow path, for the right error: is it JSON at all?
        match serde_json::from_str::<&RawValue>(json) {
            Err(error) => Err(not_json(&error)),
            Ok(_) => invalid(None, "The body must be one JSON-RPC message: an object whose members appear once."),
        }
    }
}

fn invalid<T>(id: Option<RequestId>, message: &str) -> Result<T, Unparsed> {
    Err((id, ErrorObject::new(ErrorCode::INVALID_REQUEST, message)))
}

/// The string that `raw` is, borrowed where it has no escapes.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Borrowed<'_>>(raw.get()).ok().map(|borrowed| borrowed.0)
}

/// Whether `json` is an array at its root.
pub(crate) fn is_batch(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'[')
}

/// The elements of a batch.
pub(crate) fn split_batch(json: &[u8]) -> Result<Vec<&RawValue>, ErrorObject> {
    serde_json::from_slice(json)
        .map_err(|error| ErrorObject::new(ErrorCode::PARSE_ERROR, format!("The body is not JSON in UTF-8: {error}.")))
}

/// Whether `json` nests deeper than `limit` arrays and objects.
///
/// One pass over the bytes before any parser sees them, so that nothing recurses on what a stranger sent.
pub(crate) fn depth_exceeds(json: &[u8], limit: usize) -> bool {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Writes `{"jsonrpc":"2.0","id":…,"result":…}`, the result by `result`.
pub(crate) fn encode_reply(
    out: &mut Vec<u8>,
    id: &RequestId,
    result: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    serde_json::to_writer(&mut *out, id)?;
    out.extend_from_slice(br#","result":"#);
    result(out)?;
    out.push(b'}');
    Ok(())
}

/// Writes an error response; `id` is left out when it could not be read.
pub(crate) fn encode_error(id: Option<&RequestId>, error: &ErrorObject) -> Vec<u8> {
    #[derive(Serialize)]
    struct Response<'a> {
        jsonrpc: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RequestId>,
        error: &'a ErrorObject,
    }
    // Numbers, strings and a `Value` with string keys: nothing in here can fail to serialize.
    serde_json::to_vec(&Response { jsonrpc: "2.0", id, error }).unwrap_or_default()
}

/// Writes a request of the server.
pub(crate) fn encode_request(id: &str, method: &str, params: Option<&impl Serialize>) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Request<'a, P> {
        jsonrpc: &'static str,
        id: &'a str,
        method: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<&'a P>,
    }
    serde_json::to_vec(&Request { jsonrpc: "2.0", id, method, params })
}

/// Writes a notification.
pub(crate) fn encode_notification(method: &str, params: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Notification<'a, P> {
        jsonrpc: &'static str,
        method: &'a str,
        params: &'a P,
    }
    serde_json::to_vec(&Notification { jsonrpc: "2.0", method, params })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(json: &str) -> i32 {
        Message::parse(json.as_bytes()).expect_err(json).1.code.0
    }

    #[test]
    fn reads_the_three_kinds() {
        let request = Message::parse(br#" {"jsonrpc":"2.0","id":"a\u0062","method":"x\/y","params":{"k":[1]}}"#);
        let Ok(Message::Request(request)) = request else { panic!("{request:?}") };
        assert_eq!(request.id, RequestId::from("ab"));
        assert_eq!(request.method, "x/y");
        assert_eq!(request.params.map(RawValue::get), Some(r#"{"k":[1]}"#));
        assert!(matches!(Message::parse(br#"{"jsonrpc":"2.0","method":"n"}"#), Ok(Message::Notification(_))));
        assert!(matches!(Message::parse(br#"{"jsonrpc":"2.0","id":7,"result":{}}"#), Ok(Message::Response(_))));
    }

    #[test]
    fn tells_not_json_from_not_a_message() {
        assert_eq!(code("{"), -32700);
        assert_eq!(code(""), -32700);
        assert_eq!(code("{} {}"), -32700);
        let hidden = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"other\":\"\xff\"}";
        assert_eq!(Message::parse(hidden).expect_err("no UTF-8").1.code.0, -32700);
        for json in [
            "[]",
            "1",
            "null",
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":true,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#,
            r#"["2.0",1,"x",{},null,null]"#,
        ] {
            assert_eq!(code(json), -32600, "{json}");
        }
    }

    #[test]
    fn echoes_the_id_where_it_could_be_read() {
        let (id, _) = Message::parse(br#"{"id":"q","method":"x"}"#).expect_err("no jsonrpc");
        assert_eq!(id, Some(RequestId::from("q")));
    }

    #[test]
    fn counts_depth_outside_strings_only() {
        assert!(!depth_exceeds(br#"{"a":["[[[[\"[[",{}]}"#, 3));
        assert!(depth_exceeds(br#"{"a":[{}]}"#, 2));
        assert!(depth_exceeds("[".repeat(10_000).as_bytes(), 64));
    }
}
