//! What a handler is to the server: a function from arguments and a context to an answer, at once or in time.

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{
    IntoCompletion, IntoContents, IntoMessages, IntoToolResult,
    at_work::{Whose, at_work},
    resources,
};
use crate::{
    error::{Error, Result},
    jsonrpc::{RawJson, cut},
    platform::{BoxFuture, MaybeSend},
    protocol::{Cache, CallToolResult, CompleteResult, GetPromptResult, InputRequiredResult, ReadResourceResult},
};

/// What a request comes to.
pub type Outcome = Result<Answer>;

/// The result of a request, of any feature.
#[derive(Debug)]
pub struct Answer(pub(crate) AnswerBody);

#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// Encoded when the server was built, for the newest revision, with all that a result carries.
    Prepared(Bytes),
    CallTool(CallToolResult),
    ReadResource(ReadResourceResult, Cache),
    GetPrompt(GetPromptResult),
    Complete(CompleteResult),
    /// Not until the client has answered.
    InputRequired(InputRequiredResult),
    /// An object that is encoded, but for what all results of the newest revision carry.
    Object {
        result_type: &'static str,
        json: Vec<u8>,
    },
    /// Done, and nothing more to say.
    Acknowledged,
}

impl Answer {
    /// What a tool's handler came to. A failure that the model should read is a result with `isError`.
    ///
    /// # Errors
    /// What else the handler failed with.
    pub fn tool(result: impl IntoToolResult) -> Outcome {
        match result.into_tool_result() {
            Err(error @ (Error::Failed(_) | Error::InvalidArguments(_) | Error::CannotAsk)) => {
                Ok(CallToolResult::error(error.to_string()).into())
            }
            result => result.map(Self::from),
        }
    }

    /// What a resource's handler came to, at `uri`; contents without a MIME type are of `mime_type`.
    ///
    /// # Errors
    /// What the handler failed with, and [`Error::ResourceNotFound`] where it found nothing.
    pub fn resource(contents: impl IntoContents, uri: &str, mime_type: Option<&str>, cache: Cache) -> Outcome {
        resources::outcome(contents.into_contents(), uri, mime_type, cache)
    }

    /// What a prompt's handler came to.
    ///
    /// # Errors
    /// What the handler failed with.
    pub fn prompt(messages: impl IntoMessages) -> Outcome {
        messages.into_messages().map(Self::from)
    }

    /// What a completer came to.
    ///
    /// # Errors
    /// What the completer failed with.
    pub fn completion(completion: impl IntoCompletion) -> Outcome {
        let completion = completion.into_completion()?;
        Ok(Self(AnswerBody::Complete(CompleteResult { completion })))
    }

    pub(crate) fn prepared(result: Bytes) -> Self {
        Self(AnswerBody::Prepared(result))
    }

    /// Room for the response that carries it, so that it is written without growing: exact for what was encoded
    /// before, and enough for a line of text otherwise.
    pub(crate) fn capacity(&self) -> usize {
        const ENVELOPE: usize = 64;
        const A_LINE_OF_TEXT: usize = 384;
        match &self.0 {
            AnswerBody::Prepared(result) => result.len() + ENVELOPE,
            _ => A_LINE_OF_TEXT,
        }
    }
}

impl From<CallToolResult> for Answer {
    fn from(result: CallToolResult) -> Self {
        Self(AnswerBody::CallTool(result))
    }
}

impl From<GetPromptResult> for Answer {
    fn from(result: GetPromptResult) -> Self {
        Self(AnswerBody::GetPrompt(result))
    }
}

/// What a handler gives back.
pub enum Reply {
    /// It is done.
    Ready(Outcome),
    /// It will be, in time.
    Pending(BoxFuture<Outcome>),
}

impl Reply {
    /// Will be what `future` comes to.
    pub fn pending(future: impl Future<Output = Outcome> + MaybeSend + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }
}

/// The arguments of a tool, as the client sent them.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(pub(crate) Option<RawJson<'a>>);

impl Arguments<'_> {
    /// The arguments as JSON: an object.
    pub fn as_str(&self) -> &str {
        self.0.map_or("{}", RawJson::get)
    }

    /// The arguments as `T`.
    ///
    /// # Errors
    /// [`Error::InvalidArguments`], which names what is missing, of a wrong type, or not allowed.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.as_str()).or_else(|error| {
            // JSON Schema takes 2.0 for an integer, which serde does not.
            let with_integers = integers_as_such(self.as_str());
            serde_json::from_str(&with_integers).map_err(|_| Error::InvalidArguments(self.describe(&error)))
        })
    }

    /// What is wrong, in words for a model, and where.
    fn describe(&self, error: &serde_json::Error) -> String {
        let text = error.to_string();
        let reason = in_plain_words(text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason));
        match self.path_before(error.line(), error.column()) {
            Some(path) => cut(format!("Invalid arguments: {path}: {reason}.")),
            None => cut(format!("Invalid arguments: {reason}.")),
        }
    }

    /// The way to the value that the error is in, such as `tickets[1].priority`, by serde_json's count of lines from 1
    /// and bytes read of the line.
    fn path_before(&self, line: usize, column: usize) -> Option<String> {
        let json = self.as_str();
        let before: usize = json.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let end = json.as_ptr() as usize + before + column;
        let holds_end = |value: &RawJson<'_>| {
            let start = value.get().as_ptr() as usize;
            start <= end && end <= start + value.get().len()
        };
        let (mut path, mut within) = (String::new(), self.0?);
        // As deep as the body, which the transport bounds.
        loop {
            if let Some((name, value)) = within.members().filter(|(_, value)| holds_end(value)).last() {
                path += if path.is_empty() { "" } else { "." };
                path += &name;
                within = value;
            } else if let Some((index, value)) = within.elements().enumerate().find(|(_, value)| holds_end(value)) {
                path += &format!("[{index}]");
                within = value;
            } else {
                return (!path.is_empty()).then_some(path);
            }
        }
    }
}

/// serde's reason without the names that Rust has for types.
fn in_plain_words(reason: &str) -> String {
    let Some((found, expected)) = reason.split_once(", expected ") else { return reason.to_owned() };
    let plain = match expected {
        "i8" => "an integer from -128 to 127",
        "i16" => "an integer from -32768 to 32767",
        "i32" => "an integer from -2147483648 to 2147483647",
        "i64" | "isize" | "i128" => "an integer",
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "usize" | "u128" => "an integer from 0 on",
        "f32" | "f64" => "a number",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    let found = match found {
        "invalid type: sequence" => "invalid type: array",
        "invalid type: map" => "invalid type: object",
        found => found,
    };
    format!("{found}, expected {plain}")
}

/// The same JSON with every number that has no fraction written as an integer: `2.0` and `2e0` as `2`.
fn integers_as_such(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (before, token) = rest.split_at(start);
        written.push_str(before);
        let end = if token.starts_with('"') {
            end_of_string(token)
        } else {
            token.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(token.len())
        };
        let (token, after) = token.split_at(end);
        match integer(token) {
            Some(integer) => written.push_str(&integer.to_string()),
            None => written.push_str(token),
        }
        rest = after;
    }
    written + rest
}

/// How long the string literal is that `json` begins with, its quotes included.
fn end_of_string(json: &str) -> usize {
    let mut escaped = true;
    let end = json.bytes().position(|byte| {
        let is_end = byte == b'"' && !escaped;
        // The quote that opens it counts as escaped.
        escaped = !escaped && byte == b'\\';
        is_end
    });
    end.map_or(json.len(), |end| end + 1)
}

/// The integer that a number with a point or an exponent stands for, where it stands for one of 64 bits exactly.
fn integer(token: &str) -> Option<i128> {
    if !token.contains(['.', 'e', 'E']) && token != "-0" {
        return None;
    }
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if matches!(significant, "" | "-") {
        return Some(0);
    }
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let scale = exponent.parse::<i64>().ok()?.checked_add(zeros)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let factor = 10_i128.checked_pow(u32::try_from(scale).ok()?)?;
    let integer = significant.parse::<i128>().ok()?.checked_mul(factor)?;
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&integer).then_some(integer)
}

/// The arguments of a prompt, or the variables of a resource template: strings by name.
#[derive(Clone, Debug, Default)]
pub struct StringArguments {
    pub(crate) values: Vec<(String, String)>,
    /// Of the resource; `None` for a prompt.
    pub(crate) uri: Option<String>,
}

impl StringArguments {
    /// The value of `name`, if there is one; the last, where a client sent several.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The URI of the resource that is read; empty for a prompt.
    pub fn uri(&self) -> &str {
        self.uri.as_deref().unwrap_or_default()
    }

    /// The value of `name` as `T`.
    ///
    /// # Errors
    /// For a prompt [`Error::InvalidParams`], for a resource [`Error::ResourceNotFound`], when there is none or it
    /// is no `T`.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| self.invalid(format!("The argument {name} is missing.")))
    }

    /// The value of `name` as `T`, if there is one.
    ///
    /// # Errors
    /// As [`required`](Self::required), when it is no `T`.
    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let parsed = self.value(name).map(T::from_str).transpose();
        parsed.map_err(|_| {
            let kind = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
            let kind = match kind {
                "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "integer",
                "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "integer from 0 on",
                "f32" | "f64" => "number",
                "bool" => "true or false",
                other => other,
            };
            self.invalid(format!("The argument {name} is no {kind}, or out of range."))
        })
    }

    fn invalid(&self, message: String) -> Error {
        match &self.uri {
            Some(uri) => Error::ResourceNotFound { uri: uri.clone() },
            None => Error::InvalidParams(message),
        }
    }
}

/// Runs a step of a handler; its panic becomes an error, and the server lives on.
pub(crate) fn catch<T>(whose: Whose, step: impl FnOnce() -> T, failed: impl FnOnce(Error) -> T) -> T {
    let step = || catch_unwind(AssertUnwindSafe(step)).map_err(|panic| panicked(&*panic));
    whose.work(step).unwrap_or_else(failed)
}

/// Apart from what is compiled for each kind of handler, as is the line of one that failed.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let panic = cut(panic_text(panic).into_owned());
    tracing::error!(handler = at_work().as_deref(), panic, "a handler panicked");
    Error::logged("The handler of this request panicked; the server's log says where.")
}

/// What a handler failed with: kept as it is where it is an [`Error`], in a box or not, its text otherwise.
pub(super) fn into_error<E: fmt::Display + 'static>(handlers: E) -> Error {
    let text = handlers.to_string();
    let error = &handlers as &dyn Any;
    let boxed = error.downcast_ref::<Box<dyn std::error::Error>>().map(|error| &**error);
    let shared = error.downcast_ref::<Box<dyn std::error::Error + Send + Sync>>();
    let own = error
        .downcast_ref::<Error>()
        .or_else(|| boxed?.downcast_ref::<Error>())
        .or_else(|| shared?.downcast_ref::<Error>());
    own.cloned().unwrap_or_else(|| {
        // The client reads the text; what is behind it, in types that have more to say, is for the log.
        log_failure(&handlers);
        Error::Failed(text)
    })
}

fn log_failure(error: &dyn fmt::Display) {
    tracing::info!(handler = at_work().as_deref(), error = cut(format!("{error:#}")), "a handler failed");
}

fn panic_text(panic: &(dyn Any + Send)) -> Cow<'static, str> {
    match (panic.downcast_ref::<&'static str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => Cow::Borrowed(text),
        (_, Some(text)) => Cow::Owned(text.clone()),
        _ => Cow::Borrowed("no text"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::jsonrpc::ErrorCode;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Add {
        a: i64,
        b: f64,
    }

    fn parse(json: &str) -> Result<Add> {
        Arguments(RawJson::parse(json, 8).ok()).parse()
    }

    #[test]
    fn takes_what_json_schema_calls_an_integer() {
        assert_eq!(parse(r#"{"a": 2.0, "b": 1}"#).ok(), Some(Add { a: 2, b: 1.0 }));
        assert_eq!(parse(r#"{"a": 1e3, "b": 0.5}"#).ok(), Some(Add { a: 1000, b: 0.5 }));
    }

    #[test]
    fn writes_integers_as_such_and_leaves_the_rest() {
        for (json, expected) in [
            (r#"{"a":2.0,"b":[-3e0,1.5,7],"c":"2.0 \\\" 3.0"}"#, r#"{"a":2,"b":[-3,1.5,7],"c":"2.0 \\\" 3.0"}"#),
            (r#"{"2.0":1e300,"d":"\\\\","e":4.0}"#, r#"{"2.0":1e300,"d":"\\\\","e":4}"#),
            ("{}", "{}"),
            ("[9007199254740993.0,1e19,-0,-0.0,10e-1]", "[9007199254740993,10000000000000000000,0,0,1]"),
            ("[1.00000000000000000001,9007199254740991.4]", "[1.00000000000000000001,9007199254740991.4]"),
            ("[1e-400,1e400,1e99999999999999999999]", "[1e-400,1e400,1e99999999999999999999]"),
        ] {
            assert_eq!(integers_as_such(json), expected);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (json, word) in [
            (r#"{"b": 1}"#, "missing field `a`"),
            (r#"{"a": "x", "b": 1}"#, "arguments: a: invalid type: string \"x\", expected an integer"),
            ("{\"a\": 1,\n \"b\": [2]}", "arguments: b: invalid type: array, expected a number"),
            (r#"{"a": 1, "b": 1, "c": 1}"#, "unknown field `c`"),
            (r#"{"a": 1.5, "b": 1}"#, "invalid type: floating point `1.5`"),
            (r#"{"a": 9223372036854775808, "b": 1}"#, "invalid value"),
        ] {
            let error = parse(json).expect_err(json).to_string();
            assert!(error.contains(word) && !error.contains("line"), "{error}");
        }
    }

    #[test]
    fn a_variable_that_does_not_fit_is_a_missing_resource() {
        let values = vec![("id".to_owned(), "x".to_owned())];
        let prompt = StringArguments { values, uri: None };
        assert!(matches!(prompt.required::<u64>("id"), Err(Error::InvalidParams(text)) if text.contains("no integer")));
        let resource = StringArguments { uri: Some("a:x".into()), ..prompt };
        assert!(matches!(resource.required::<u64>("id"), Err(Error::ResourceNotFound { .. })));
    }

    // Elsewhere a panic is the end of the process.
    #[cfg(panic = "unwind")]
    #[test]
    fn a_panic_becomes_an_error() {
        let outcome: Outcome = catch(Whose::Task("test".into()), || panic!("as the test wants"), Err);
        assert!(matches!(outcome, Err(Error::Protocol(error)) if error.code == ErrorCode::INTERNAL_ERROR));
    }

    #[test]
    fn an_error_keeps_its_own_kind_through_a_handler() {
        assert!(matches!(into_error(Error::ResourceNotFound { uri: "x:y".into() }), Error::ResourceNotFound { .. }));
        assert!(matches!(into_error("text"), Error::Failed(text) if text == "text"));
    }
}
