//! A client of MCP servers over Streamable HTTP, in as much as a conversation for a test takes: revision 2026-07-28, and
//! the handshake of those before it.

mod arguments;
mod shape;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) use arguments::{are_required, made_up, mirrored, suggested};

use crate::exec::{Hidden, HttpClient, NoResponse, Request, StreamedResponse};

const MODERN: &str = "2026-07-28";
/// The newest revision with a handshake.
const OLDER: &str = "2025-11-25";
/// All of them.
const WITH_HANDSHAKE: [&str; 4] = [OLDER, "2025-06-18", "2025-03-26", "2024-11-05"];

/// A conversation.
pub(crate) struct Client {
    http: HttpClient,
    url: String,
    token: Option<Hidden>,
    limit: Duration,
    era: Era,
    count: u64,
}

enum Era {
    Modern,
    Older { version: String, session: Option<String> },
}

/// Why a request has no result.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody answered.
    Unreachable(String),
    /// The answer is not one of MCP; with its status and, of one that asks for a login, where that is.
    Http { status: u16, challenge: Option<String> },
    /// The answer breaks the rules.
    Malformed(String),
    /// The tool says that it failed, and perhaps why; with the arguments that its schema suggests.
    Tool { why: Option<String>, suggested: Value },
    /// It was not called, and why; with the same.
    Unasked { why: &'static str, suggested: Value },
    /// It asks the client something, which is named; this one answers nothing.
    Asks(&'static str),
    /// The one that was named is not among those that there are.
    NoTool { known: Vec<String> },
    /// The server's own refusal.
    Error { code: i64, message: String },
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(out, "no answer: {why}"),
            Self::Http { status, challenge: Some(challenge) } => write!(out, "status {status}, {challenge}"),
            Self::Http { status, challenge: None } => write!(out, "status {status}"),
            Self::Malformed(what) => write!(out, "no answer of MCP: {what}"),
            Self::Tool { why: Some(why), .. } => write!(out, "the tool failed: {why}"),
            Self::Tool { why: None, .. } => out.write_str("the tool failed, and does not say why"),
            Self::Unasked { why, .. } => out.write_str(why),
            Self::Asks(whom) => write!(out, "it asks {whom}, and this test cannot answer"),
            Self::NoTool { .. } => out.write_str("the server has no tool of this name"),
            Self::Error { code, message } => write!(out, "error {code}: {message}"),
        }
    }
}

#[derive(Deserialize)]
struct Message {
    jsonrpc: String,
    #[serde(default)]
    id: Value,
    result: Option<Value>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    message: String,
    #[serde(default)]
    data: Value,
}

/// That a client must have declared what is then named.
const MISSING_CAPABILITY: i64 = -32021;

impl ErrorObject {
    fn into_refusal(self) -> Refusal {
        let Self { code, message, data } = self;
        let is_wanted = |capability: &str| data["requiredCapabilities"].get(capability).is_some();
        let asked =
            [("elicitation", "the person"), ("sampling", "the client's model"), ("roots", "for the client's folders")];
        match asked.into_iter().find(|(capability, _)| code == MISSING_CAPABILITY && is_wanted(capability)) {
            Some((_, whom)) => Refusal::Asks(whom),
            None => Refusal::Error { code, message },
        }
    }
}

impl Client {
    /// With the server at `url`; `limit` is for one request with its whole answer.
    pub(crate) fn new(url: String, token: Option<Hidden>, limit: Duration) -> Self {
        Self { http: HttpClient::new(), url, token, limit, era: Era::Modern, count: 0 }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is agreed to be spoken.
    pub(crate) fn version(&self) -> &str {
        match &self.era {
            Era::Modern => MODERN,
            Era::Older { version, .. } => version,
        }
    }

    /// Asks in the newest revision what there is.
    pub(crate) fn discover(&mut self) -> Result<Value, Refusal> {
        let result = self.request("server/discover", json!({}))?;
        shape::discovered(&result, MODERN)?;
        Ok(result)
    }

    /// Calls a tool, with headers that repeat arguments.
    pub(crate) fn call(&mut self, params: Value, mirrored: Vec<(String, Value)>) -> Result<Value, Refusal> {
        let (result, _) = self.exchange("tools/call", params, mirrored)?;
        shape::called(&result)?;
        Ok(result)
    }

    /// Opens as older revisions do, and speaks one of them from then on.
    pub(crate) fn initialize(&mut self) -> Result<Value, Refusal> {
        self.era = Era::Older { version: OLDER.into(), session: None };
        let client = json!({ "name": "cargo-pmcp", "version": env!("CARGO_PKG_VERSION") });
        let params = json!({ "protocolVersion": OLDER, "capabilities": {}, "clientInfo": client });
        let (result, session) = self.exchange("initialize", params, Vec::new())?;
        shape::initialized(&result, &WITH_HANDSHAKE)?;
        let version = result["protocolVersion"].as_str().unwrap_or(OLDER).to_owned();
        self.era = Era::Older { version, session };
        let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        match self.post(self.headers("notifications/initialized"), &body)?.status {
            200..=299 => Ok(result),
            status => Err(Refusal::Http { status, challenge: None }),
        }
    }

    /// One request and its result.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        self.exchange(method, params, Vec::new()).map(|(result, _)| result)
    }

    fn headers(&self, method: &str) -> Vec<(String, String)> {
        let mut headers = vec![("accept".into(), "application/json, text/event-stream".into())];
        match &self.era {
            Era::Modern => {
                headers.push(("mcp-protocol-version".into(), MODERN.into()));
                headers.push(("mcp-method".into(), method.into()));
            }
            // The handshake says in its parameters what it speaks.
            Era::Older { .. } if method == "initialize" => {}
            Era::Older { version, session } => {
                headers.push(("mcp-protocol-version".into(), version.clone()));
                headers.extend(session.iter().map(|id| ("mcp-session-id".into(), id.clone())));
            }
        }
        headers
    }

    fn exchange(
        &mut self,
        method: &str,
        mut params: Value,
        mirrored: Vec<(String, Value)>,
    ) -> Result<(Value, Option<String>), Refusal> {
        self.count += 1;
        let mut headers = self.headers(method);
        if matches!(self.era, Era::Modern) {
            if let Some(name) = params["name"].as_str() {
                headers.push(("mcp-name".into(), header_value(name)));
            }
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            headers
                .extend(mirrored.iter().map(|(name, value)| (format!("mcp-param-{name}"), header_value(&text(value)))));
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": { "name": "cargo-pmcp", "version": env!("CARGO_PKG_VERSION") },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let body = json!({ "jsonrpc": "2.0", "id": self.count, "method": method, "params": params });
        let response = self.post(headers, &body)?;
        let session = response.header("mcp-session-id").map(str::to_owned);
        let result = self.result(response)?;
        Ok((result, session))
    }

    fn post(&self, headers: Vec<(String, String)>, body: &Value) -> Result<StreamedResponse, Refusal> {
        let request = Request::new("POST", &self.url, self.limit).content("application/json", body.to_string());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = self.token.iter().fold(request, Request::bearer);
        self.http.open(request).map_err(unreachable)
    }

    fn result(&self, response: StreamedResponse) -> Result<Value, Refusal> {
        let status = response.status;
        if status == 200 && !response.is_events() && !response.is_json() {
            let kind = response.header("content-type").unwrap_or("missing");
            return Err(Refusal::Malformed(format!(
                "its Content-Type is {kind}, and neither application/json nor text/event-stream"
            )));
        }
        let message = if response.is_events() { self.find_event(response)? } else { self.parse(response)? };
        match (message.error, message.result) {
            (Some(error), _) => Err(error.into_refusal()),
            (None, Some(result)) if status == 200 && result.is_object() => Ok(result),
            (None, Some(_)) => Err(Refusal::Malformed(format!("a result of status {status} that is no object"))),
            (None, None) => Err(Refusal::Malformed("neither a result nor an error".into())),
        }
    }

    fn parse(&self, response: StreamedResponse) -> Result<Message, Refusal> {
        let response = response.whole().map_err(unreachable)?;
        let status = response.status;
        match serde_json::from_slice::<Message>(&response.body) {
            Ok(message) if status == 200 && message.jsonrpc != "2.0" => {
                Err(Refusal::Malformed("its `jsonrpc` is not 2.0".into()))
            }
            Ok(message) if message.id == self.count || (message.error.is_some() && message.id.is_null()) => Ok(message),
            Ok(_) if status == 200 => Err(Refusal::Malformed("its `id` is not the request's".into())),
            Err(error) if status == 200 => Err(Refusal::Malformed(error.to_string())),
            _ => Err(Refusal::Http { status, challenge: response.header("www-authenticate").map(str::to_owned) }),
        }
    }

    /// The answer among the events that come before it.
    fn find_event(&self, response: StreamedResponse) -> Result<Message, Refusal> {
        let mut data = String::new();
        for line in response.lines() {
            let line = line.map_err(unreachable)?;
            if let Some(part) = line.strip_prefix("data:") {
                data.push_str(part.strip_prefix(' ').unwrap_or(part));
            } else if line.is_empty() && !data.is_empty() {
                if let Ok(message) = serde_json::from_str::<Message>(&data)
                    && message.jsonrpc == "2.0"
                    && message.id == self.count
                    && (message.result.is_some() || message.error.is_some())
                {
                    return Ok(message);
                }
                data.clear();
            }
        }
        Err(Refusal::Malformed("the stream of events ended without an answer".into()))
    }
}

fn unreachable(error: NoResponse) -> Refusal {
    Refusal::Unreachable(error.into_words())
}

/// All pages of a list.
pub(crate) fn list(client: &mut Client, method: &str, member: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
    const MOST_PAGES: usize = 100;
    const MOST: usize = 10_000;
    let mut all = Vec::new();
    let mut params = json!({});
    for _ in 0..MOST_PAGES {
        let mut result = client.request(method, params)?;
        let Value::Array(page) = result[member].take() else {
            return Err(Refusal::Malformed(format!("`{member}` is no list")));
        };
        for item in page {
            match item {
                Value::Object(item) if item.get("name").is_some_and(Value::is_string) => all.push(item),
                _ => return Err(Refusal::Malformed(format!("one of `{member}` has no `name`"))),
            }
        }
        if all.len() > MOST {
            return Err(Refusal::Malformed(format!("`{member}` has more than {MOST} entries")));
        }
        match &result["nextCursor"] {
            Value::String(cursor) => params = json!({ "cursor": cursor }),
            Value::Null => {
                shape::listed(member, &all)?;
                return Ok(all);
            }
            _ => return Err(Refusal::Malformed("`nextCursor` is no text".into())),
        }
    }
    Err(Refusal::Malformed(format!("`{member}` has more than {MOST_PAGES} pages")))
}

/// As a header carries it (`basic/transports/streamable-http`, "Value Encoding").
fn header_value(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    let is_encoded = text.starts_with("=?base64?") && text.ends_with("?=");
    match is_plain && !is_encoded {
        true => text.to_owned(),
        false => format!("=?base64?{}?=", BASE64_STANDARD.encode(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_carry_what_is_not_plain_in_base64() {
        for (text, header) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ] {
            assert_eq!(header_value(text), header);
        }
    }
}
