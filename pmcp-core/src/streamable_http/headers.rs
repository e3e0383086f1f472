//! The request headers that repeat what the body says (specification page `basic/transports/streamable-http`).

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use super::Refusal;
use crate::{jsonrpc::RawJson, protocol::RequestParams, schema::HeaderParam};

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The single value of a header, without the white space around it. Some platforms have joined by now what was there
/// twice: then it is the value that is compared, and none that a body has but with that very comma.
pub(super) fn value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    match (first.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value.trim_ascii())),
        (Ok(_), Some(_)) => Err(Refusal::header_mismatch(format!("The header {name} is there more than once."))),
        (Err(_), _) => {
            Err(Refusal::header_mismatch(format!("The header {name} has characters other than visible ASCII.")))
        }
    }
}

/// The value that all lines of a header agree on: clients and proxies exist that say the same twice, in two lines or in
/// one with a comma. For values that have no comma.
pub(super) fn agreed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let mut agreed = None;
    for line in headers.get_all(name) {
        let line = line.to_str().map_err(|_| {
            Refusal::header_mismatch(format!("The header {name} has characters other than visible ASCII."))
        })?;
        for value in items(line) {
            if *agreed.get_or_insert(value) != value {
                return Err(Refusal::header_mismatch(format!(
                    "The header {name} is there more than once, and says different things."
                )));
            }
        }
    }
    Ok(agreed)
}

/// `application/json`, with any parameters, as it is.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    if !essence.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Err(Refusal::unsupported_media_type("The content type of a request must be application/json."));
    }
    // What a small body unpacks to has no bound of its own, so none is unpacked.
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(Refusal::unsupported_media_type("Send the body without a content encoding."))
        }
        _ => Ok(()),
    }
}

/// Whether the client takes a stream of events as an answer. One that says nothing takes anything.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
    lines.peek().is_none() || lines.any(|line| line.as_bytes().split(|byte| *byte == b',').any(is_events))
}

/// Whether a range of media types has events in it, and is not one that the client takes none of.
fn is_events(range: &[u8]) -> bool {
    const EVENTS: [&[u8]; 3] = [b"text/event-stream", b"text/*", b"*/*"];
    let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    parts.next().is_some_and(|media| EVENTS.iter().any(|known| known.eq_ignore_ascii_case(media)))
        && !parts.any(|parameter| parameter.eq_ignore_ascii_case(b"q=0"))
}

/// What stands between the commas of a line, without the white space around it.
fn items(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let comma = line.bytes().position(|byte| byte == b',').unwrap_or(line.len());
        rest = line.get(comma + 1..);
        line.get(..comma).map(str::trim_ascii)
    })
}

/// `Mcp-Method` says what the body says.
pub(super) fn check_method(headers: &HeaderMap, method: &str) -> Result<(), Refusal> {
    check_equal(&METHOD, value(headers, &METHOD)?, method)
}

/// `Mcp-Name` says what the body says, for the methods that have a name.
pub(super) fn check_name(headers: &HeaderMap, method: &str, params: &RequestParams<'_>) -> Result<(), Refusal> {
    let Some((member, named)) = params.named(method) else { return Ok(()) };
    // Clients with tasks must send it; a server is told to refuse no more than what differs.
    if member == "taskId" && !headers.contains_key(&NAME) {
        return Ok(());
    }
    let named = RequestParams::optional_str(named, member);
    let sent = value(headers, &NAME)?.map(|value| decode(&NAME, value)).transpose()?;
    match named {
        Ok(Some(name)) => check_equal(&NAME, sent.as_deref(), &name),
        Ok(None) | Err(_) => Err(Refusal::header_mismatch(match sent {
            None => format!("The header {NAME} is missing; {method} requires it."),
            Some(sent) => format!("The header {NAME} is {sent:?}, but the body has no name that is a string."),
        })),
    }
}

fn check_equal(header: &HeaderName, sent: Option<&str>, expected: &str) -> Result<(), Refusal> {
    match sent {
        Some(sent) if sent == expected => Ok(()),
        Some(sent) => {
            Err(Refusal::header_mismatch(format!("The header {header} is {sent:?}, but the body says {expected:?}.")))
        }
        None => Err(Refusal::header_mismatch(format!(
            "The header {header} is missing; it must say {expected:?}, as the body does."
        ))),
    }
}

/// The `Mcp-Param-*` headers that the tool's schema asks for say what its arguments say.
#[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
pub(super) fn check_params(
    headers: &HeaderMap,
    params: &[HeaderParam],
    arguments: Option<RawJson<'_>>,
) -> Result<(), Refusal> {
    // What cannot be read here might still be read by the handler, and must not pass for absent.
    let arguments: Option<Value> =
        arguments.map(|raw| serde_json::from_str(raw.get())).transpose().map_err(|error| {
            Refusal::header_mismatch(format!("The arguments cannot be compared with the headers: {error}."))
        })?;
    let arguments = arguments.unwrap_or_default();
    for param in params {
        let argument = param.path.iter().try_fold(&arguments, |value, name| value.get(name)).unwrap_or(&Value::Null);
        let sent = value(headers, &param.header)?.map(|value| decode(&param.header, value)).transpose()?;
        let header = &param.header;
        let agrees = match (sent.as_deref(), argument) {
            (None, Value::Null) => true,
            (Some(sent), Value::String(string)) => sent == string,
            (Some(sent), Value::Bool(boolean)) => sent == if *boolean { "true" } else { "false" },
            (Some(sent), Value::Number(number)) => {
                // Beyond 2^53 several integers are the same double.
                const EXACT: f64 = 9_007_199_254_740_992.0;
                // As JSON has numbers: the tables of `str::parse` weigh 15 KB, which nothing else needs.
                let equal = |sent: f64| sent.abs() < EXACT && number.as_f64() == Some(sent);
                sent == number.to_string() || (sent == sent.trim() && serde_json::from_str(sent).is_ok_and(equal))
            }
            _ => false,
        };
        if !agrees {
            let path = param.path.join(".");
            return Err(Refusal::header_mismatch(match sent {
                None => {
                    format!("The header {header} is missing; it must repeat the argument {path}.")
                }
                Some(sent) => format!("The header {header} is {sent:?}, but the argument {path} is {argument}."),
            }));
        }
    }
    Ok(())
}

/// A header's value, decoded where it is in the form `=?base64?…?=`.
fn decode<'v>(header: &HeaderName, value: &'v str) -> Result<Cow<'v, str>, Refusal> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = BASE64_STANDARD.decode(encoded).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Cow::Owned).ok_or_else(|| {
        Refusal::header_mismatch(format!("The header {header} holds no base64 of UTF-8 between =?base64? and ?=."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn decodes_strictly() {
        assert_eq!(decode(&NAME, "=?base64?w6Q=?=").ok().as_deref(), Some("ä"));
        assert_eq!(decode(&NAME, "=?BASE64?w6Q=?=").ok().as_deref(), Some("=?BASE64?w6Q=?="));
        assert_eq!(decode(&NAME, "=?base64?w6Q=").ok().as_deref(), Some("=?base64?w6Q="));
        for bad in ["=?base64?w6Q?=", "=?base64?w6Q=\t?=", "=?base64?!!!!?=", "=?base64?/w==?="] {
            assert!(decode(&NAME, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn compares_numbers_by_value() {
        let params = [HeaderParam { path: vec!["n".into()], header: HeaderName::from_static("mcp-param-n") }];
        let check = |header: &'static str, json: &str| {
            let raw = RawJson::parse(json, 8).expect("JSON");
            check_params(&headers("mcp-param-n", header), &params, Some(raw)).is_ok()
        };
        assert!(check("42", r#"{"n": 42}"#) && check("42.0", r#"{"n": 42}"#) && check("true", r#"{"n": true}"#));
        assert!(!check("43", r#"{"n": 42}"#) && !check("TRUE", r#"{"n": true}"#));
        assert!(!check("x", r#"{"n": null}"#) && !check("x", "{}"));
        assert!(check("9007199254740993", r#"{"n": 9007199254740993}"#));
        assert!(!check("9007199254740992", r#"{"n": 9007199254740993}"#));
        for unreadable in [r#"{"n": 1, "x": 1e400}"#, r#"{"n": 1, "x": "\ud800"}"#] {
            let raw = RawJson::parse(unreadable, 8).expect("JSON");
            assert!(check_params(&HeaderMap::new(), &params, Some(raw)).is_err(), "{unreadable}");
        }
        assert!(check_params(&HeaderMap::new(), &params, None).is_ok());
    }

    #[test]
    fn a_parameter_that_is_there_twice_is_refused_apart_or_joined() {
        let name = || HeaderName::from_static("mcp-param-region");
        let params = [HeaderParam { path: vec!["region".into()], header: name() }];
        let check = |lines: &[&'static str], json: &str| {
            let headers = HeaderMap::from_iter(lines.iter().map(|line| (name(), HeaderValue::from_static(line))));
            check_params(&headers, &params, RawJson::parse(json, 8).ok()).is_ok()
        };
        assert!(check(&["eu"], r#"{"region": "eu"}"#));
        // JavaScript joins lines with a comma and a space, API Gateway with a comma.
        for twice in [&["eu", "eu"][..], &["eu, eu"], &["eu,eu"], &["eu", "us"], &["eu, us"]] {
            assert!(!check(twice, r#"{"region": "eu"}"#), "{twice:?}");
        }
        // Two lines that say what is joined by them can be told from that only where they come apart.
        assert!(check(&["eu, us"], r#"{"region": "eu, us"}"#) && !check(&["eu", "us"], r#"{"region": "eu, us"}"#));
    }

    #[test]
    fn reads_accept() {
        for (accept, events) in [
            ("application/json, text/event-stream", true),
            ("*/*", true),
            ("application/json", false),
            ("application/json, text/event-stream;q=0", false),
            ("TEXT/EVENT-STREAM", true),
        ] {
            assert_eq!(accepts_events(&headers("accept", accept)), events, "{accept}");
        }
        assert!(accepts_events(&HeaderMap::new()));
    }
}
