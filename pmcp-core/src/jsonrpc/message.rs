//! Requests, notifications and responses: parsed without copying, encoded into one buffer.

use std::borrow::Cow;

use serde::{Serialize, de::IgnoredAny};

use super::{
    ErrorCode, ErrorObject, RawJson, RequestId,
    id::MOST_ID_BYTES,
    raw::{Fault, MOST_LEVELS, Members},
};

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
    pub params: Option<RawJson<'a>>,
}

/// A notification: a request without an id.
#[derive(Debug)]
pub struct Notification<'a> {
    /// For example `notifications/cancelled`.
    pub method: Cow<'a, str>,
    /// The unparsed `params`; `None` when there are none.
    pub params: Option<RawJson<'a>>,
}

/// A client's answer to a request of the server.
#[derive(Debug)]
pub struct Response<'a> {
    /// The id of the request it answers.
    pub id: RequestId,
    /// The unparsed result; `None` where it is an error.
    pub result: Option<RawJson<'a>>,
    /// The unparsed error; `None` where it is a result.
    pub error: Option<RawJson<'a>>,
}

/// Why a message could not be parsed, with the id that the answer echoes where it could be read.
pub(crate) type Unparsed = (Option<RequestId>, ErrorObject);

/// What a body or a line may be.
pub(crate) enum Body<'a> {
    Message(Result<Message<'a>, Unparsed>),
    /// An array, in which messages may be.
    Batch(RawJson<'a>),
    /// Too much of something.
    TooDeep,
}

impl<'a> Body<'a> {
    /// Reads `json`, which may nest `levels` deep, at most 128.
    pub(crate) fn parse(json: &'a [u8], levels: usize) -> Self {
        Self::parse_with(json, levels, |_| ()).0
    }

    /// The same, and what `params` makes of the members of the message's parameters, where these are an object.
    pub(crate) fn parse_with<T>(
        json: &'a [u8],
        levels: usize,
        params: impl Fn(&mut Members<'a>) -> T,
    ) -> (Self, Option<T>) {
        let mut read_params = None;
        (Self::read(json, levels, &params, &mut read_params), read_params)
    }

    fn read<T>(
        json: &'a [u8],
        levels: usize,
        params: &impl Fn(&mut Members<'a>) -> T,
        read_params: &mut Option<T>,
    ) -> Self {
        let not_json = |error: &dyn std::fmt::Display| {
            let message = format!("The body is not JSON in UTF-8: {error}.");
            Self::Message(Err((None, ErrorObject::new(ErrorCode::PARSE_ERROR, message))))
        };
        let json = match std::str::from_utf8(json) {
            Ok(json) => json,
            Err(error) => return not_json(&error),
        };
        let read = match Members::unchecked(json, levels) {
            Some(mut members) => {
                let envelope = Envelope::read(&mut members, params, read_params);
                members.check().map(|()| Self::Message(Message::open(envelope)))
            }
            None => RawJson::parse(json, levels).map(|json| match json.is_array() {
                true => Self::Batch(json),
                false => Self::Message(Message::open(None)),
            }),
        };
        read.unwrap_or_else(|fault| match fault {
            Fault::TooDeep => Self::TooDeep,
            // Read again by who says where.
            Fault::Malformed => match serde_json::from_str::<IgnoredAny>(json) {
                Err(error) => not_json(&error),
                Ok(_) => not_json(&"a character is where it must not be"),
            },
        })
    }
}

impl<'a> Message<'a> {
    /// Parses one message.
    ///
    /// # Errors
    /// [`ErrorCode::PARSE_ERROR`] where `json` is not JSON in UTF-8, [`ErrorCode::INVALID_REQUEST`] where it is no
    /// message; with the id, where it could be read.
    pub fn parse(json: &'a [u8]) -> Result<Self, (Option<RequestId>, ErrorObject)> {
        match Body::parse(json, MOST_LEVELS) {
            Body::Message(message) => message,
            Body::Batch(_) => Self::open(None),
            Body::TooDeep => invalid(None, format!("The body nests deeper than {MOST_LEVELS} levels.")),
        }
    }

    /// The message that is an element of a batch.
    pub(crate) fn read(json: RawJson<'a>) -> Result<Self, Unparsed> {
        Self::open(if json.is_object() { Envelope::read(&mut json.members(), &|_| (), &mut None) } else { None })
    }

    fn open(envelope: Option<Envelope<'a>>) -> Result<Self, Unparsed> {
        let Some(Envelope { jsonrpc, id, method, params, result, error }) = envelope else {
            return invalid(None, "The body must be one JSON-RPC message: an object whose members appear once.");
        };
        let id = match id.map(RequestId::read) {
            None => None,
            Some(Some(id)) => Some(id),
            Some(None) => {
                return invalid(
                    None,
                    format!(
                        "The id of a request must be a string of at most {MOST_ID_BYTES} bytes or an integer of 64 \
                         bits, written without a fraction; never null."
                    ),
                );
            }
        };
        if jsonrpc.map(RawJson::get) != Some(r#""2.0""#) {
            return invalid(id, r#"A message must carry "jsonrpc": "2.0"."#);
        }
        let Some(method) = method else {
            return match (id, result.is_some() || error.is_some()) {
                (Some(id), true) => Ok(Self::Response(Response { id, result, error })),
                (id, _) => invalid(id, "A message must carry a method."),
            };
        };
        let Some(method) = method.string() else {
            return invalid(id, "The method must be a string.");
        };
        if result.is_some() || error.is_some() {
            return invalid(id, "A message is a request or a response, not both.");
        }
        Ok(match id {
            Some(id) => Self::Request(Request { id, method, params }),
            None => Self::Notification(Notification { method, params }),
        })
    }
}

/// The members of a message; one that is `null` is there.
#[derive(Default)]
struct Envelope<'a> {
    jsonrpc: Option<RawJson<'a>>,
    id: Option<RawJson<'a>>,
    method: Option<RawJson<'a>>,
    params: Option<RawJson<'a>>,
    result: Option<RawJson<'a>>,
    error: Option<RawJson<'a>>,
}

impl<'a> Envelope<'a> {
    /// `None` where one is there twice.
    fn read<T>(
        members: &mut Members<'a>,
        params: &impl Fn(&mut Members<'a>) -> T,
        read_params: &mut Option<T>,
    ) -> Option<Self> {
        let (mut envelope, mut is_good) = (Self::default(), true);
        while let Some(name) = members.name() {
            let (member, value) = match &*name {
                "params" => {
                    let (value, read) = members.value_with(params)?;
                    *read_params = read;
                    (&mut envelope.params, value)
                }
                "jsonrpc" => (&mut envelope.jsonrpc, members.value()?),
                "id" => (&mut envelope.id, members.value()?),
                "method" => (&mut envelope.method, members.value()?),
                "result" => (&mut envelope.result, members.value()?),
                "error" => (&mut envelope.error, members.value()?),
                _ => {
                    members.value()?;
                    continue;
                }
            };
            is_good &= member.replace(value).is_none();
        }
        is_good.then_some(envelope)
    }
}

fn invalid<T>(id: Option<RequestId>, message: impl Into<String>) -> Result<T, Unparsed> {
    Err((id, ErrorObject::new(ErrorCode::INVALID_REQUEST, message)))
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
        assert_eq!(request.params.map(RawJson::get), Some(r#"{"k":[1]}"#));
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
}
