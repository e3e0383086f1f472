//! Requests over HTTP, and the only client that sends them.

use std::borrow::Cow;
use std::env;
use std::io::{BufRead, BufReader, ErrorKind};
use std::time::Duration;

use ureq::http::header::{HeaderName, HeaderValue};
use ureq::{Agent, AsSendBody, Body, Error, Proxy, ProxyProtocol, http};

use super::interrupt::unless_interrupted;
use super::{Hidden, hide};
use crate::config::is_loopback;
use crate::failure::Failure;

/// More than any answer has that is worth reading, in bytes.
const LONGEST: u64 = 16 << 20;

/// Variables that name a proxy, of which the first that is set counts.
const PROXIES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Headers that say who asks.
const CREDENTIALS: [&str; 2] = ["authorization", "x-auth-key"];

/// Sends requests.
#[derive(Clone)]
pub(crate) struct HttpClient {
    agent: Agent,
}

/// A request that is yet to be sent.
pub(crate) struct Request {
    /// What it does, as it stands in a sentence after "while", for whoever interrupts it.
    doing: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    limit: Duration,
}

/// An answer, whatever its status.
pub(crate) struct Response<B = Vec<u8>> {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    /// What its request said of who asks.
    told: Vec<Hidden>,
    pub(crate) body: B,
}

/// One whose body may still be on its way.
pub(crate) type StreamedResponse = Response<Body>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoResponse {
    /// Nobody was reached: the request has changed nothing.
    Unreached(String),
    /// The connection broke or the time was up: the request may have been handled.
    Lost(String),
    /// Ctrl-C came: the same.
    Interrupted(Failure),
    /// It could not even be sent.
    Unsent(Failure),
}

impl HttpClient {
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Whoever follows one may carry a token, or a POST, to where nobody meant it to go.
            .max_redirects(0)
            .user_agent(concat!("cargo-pmcp/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().into() }
    }

    /// Sends a request, and waits for all of the answer unless Ctrl-C comes.
    pub(crate) fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let client = self.clone();
        unless_interrupted(&request.doing.clone(), move || client.finish(request))
            .unwrap_or_else(|interrupted| Err(NoResponse::Interrupted(interrupted)))
    }

    /// Sends one whose answer must not get lost, and waits for all of it whatever comes.
    pub(crate) fn finish(&self, request: Request) -> Result<Response, NoResponse> {
        self.open(request)?.whole()
    }

    /// Sends one whose answer is read as it comes.
    pub(crate) fn open(&self, request: Request) -> Result<StreamedResponse, NoResponse> {
        let Request { method, url, headers, body, limit, .. } = request;
        let mut head = http::Request::builder().method(&method as &str).uri(url);
        let mut told = Vec::new();
        for (name, value) in headers {
            head = header(head, &name, &value)?;
            if CREDENTIALS.contains(&&*name) {
                // Without the word for its kind.
                told.push(Hidden(value.rsplit(' ').next().unwrap_or_default().to_owned()));
            }
        }
        let response = match body {
            Some(bytes) => self.run(head.body(bytes), limit),
            None => self.run(head.body(()), limit),
        }?;
        let (head, body) = response.into_parts();
        Ok(Response { status: head.status.as_u16(), headers: head.headers, told, body })
    }

    /// What does not leave this machine goes through no proxy, whatever the environment says of one.
    fn run(
        &self,
        request: http::Result<http::Request<impl AsSendBody>>,
        limit: Duration,
    ) -> Result<http::Response<Body>, NoResponse> {
        let request = request.map_err(|error| NoResponse::Unreached(error.to_string()))?;
        let is_here = request.uri().host().is_some_and(is_loopback);
        let checked = if is_here { Ok(()) } else { check_proxy(request.uri()) };
        let config = self.agent.configure_request(request).timeout_global(Some(limit));
        checked?;
        let config = if is_here { config.proxy(None) } else { config };
        self.agent.run(config.build()).map_err(|error| no_response(&error))
    }
}

impl Request {
    /// `limit` is for all of it, from the name's look-up to the last byte of the answer.
    pub(crate) fn new(method: &str, url: &str, limit: Duration) -> Self {
        let doing = doing(method, url);
        Self { doing, method: method.into(), url: url.into(), headers: Vec::new(), body: None, limit }
    }

    /// In words of the platform for whoever interrupts it.
    pub(crate) fn doing(mut self, doing: String) -> Self {
        self.doing = doing;
        self
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this token as whoever asks.
    pub(crate) fn bearer(self, Hidden(token): &Hidden) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// The same for bytes of a type.
    pub(crate) fn content(self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", content_type).body(bytes)
    }
}

impl<B> Response<B> {
    /// The header of this name, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn is_events(&self) -> bool {
        self.media_type() == "text/event-stream"
    }

    pub(crate) fn is_json(&self) -> bool {
        let kind = self.media_type();
        kind == "application/json" || kind.ends_with("+json")
    }

    /// Without its parameters, in small letters: it is the same in any (RFC 9110, section 8.3.1).
    fn media_type(&self) -> String {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Words of the answer without what its request said of who asks: debug pages and firewalls repeat that.
    pub(crate) fn without_credentials(&self, words: &str) -> String {
        self.told.iter().fold(words.to_owned(), |words, told| hide(&words, told))
    }
}

impl Response {
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl StreamedResponse {
    /// With all of its body.
    pub(crate) fn whole(mut self) -> Result<Response, NoResponse> {
        let body = self.body.with_config().limit(LONGEST).read_to_vec();
        let body = body.map_err(|error| NoResponse::Lost(error.to_string()))?;
        Ok(Response { status: self.status, headers: self.headers, told: self.told, body })
    }

    /// Line by line, as they come.
    pub(crate) fn lines(self) -> impl Iterator<Item = Result<String, NoResponse>> {
        let reader = self.body.into_with_config().limit(LONGEST).reader();
        BufReader::new(reader).lines().map(|line| line.map_err(|error| NoResponse::Lost(error.to_string())))
    }
}

impl NoResponse {
    pub(crate) fn into_words(self) -> String {
        match self {
            Self::Unreached(words) | Self::Lost(words) => words,
            Self::Interrupted(failure) | Self::Unsent(failure) => failure.to_string(),
        }
    }

    /// The same as a failure, of which `otherwise` says what it is where it is none that is known.
    pub(crate) fn into_failure(self, otherwise: impl FnOnce(&str) -> Failure) -> Failure {
        match self {
            Self::Unreached(words) | Self::Lost(words) => otherwise(&words),
            Self::Interrupted(failure) | Self::Unsent(failure) => failure,
        }
    }
}

/// With one more header, if it can be one: what was pasted with its line end cannot.
fn header(head: http::request::Builder, name: &str, value: &str) -> Result<http::request::Builder, NoResponse> {
    let unsent = |what: String| {
        NoResponse::Unsent(Failure::refused(
            what,
            "correct what it is made of: a token, or a name that a tool gives it",
        ))
    };
    let known = HeaderName::from_bytes(name.as_bytes());
    let known = known.map_err(|_| unsent(format!("no header of a request can be called `{name}`")))?;
    match HeaderValue::from_str(value) {
        // Who asks is said in ASCII alone.
        Ok(value) if value.to_str().is_ok() || !CREDENTIALS.contains(&name) => Ok(head.header(known, value)),
        _ => Err(unsent(format!("the header `{name}` has a line break or another letter that none can have"))),
    }
}

/// Refuses to go around a proxy that is named but cannot be used: who has one has it for a reason. What NO_PROXY names is
/// reached without one.
fn check_proxy(uri: &http::Uri) -> Result<(), NoResponse> {
    let around = ["NO_PROXY", "no_proxy"].iter().find_map(|name| env::var(name).ok()).unwrap_or_default();
    let any = Proxy::builder(ProxyProtocol::Http).host("localhost");
    let around = around.split(',').fold(any, |any, host| any.no_proxy(host.trim())).build();
    if around.is_ok_and(|around| around.is_no_proxy(uri)) {
        return Ok(());
    }
    let set = PROXIES.iter().find_map(|name| Some((name, env::var_os(name).filter(|value| !value.is_empty())?)));
    let Some((name, value)) = set else { return Ok(()) };
    match value.to_str().map(Proxy::new) {
        Some(Ok(proxy)) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => Ok(()),
        _ => Err(NoResponse::Unsent(Failure::refused(
            format!("the proxy that {name} names cannot be used"),
            "write it as `http://HOST:PORT` or `https://HOST:PORT`, or unset the variable where none is needed",
        ))),
    }
}

/// What a request does, where nobody has better words for it.
fn doing(method: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    match method {
        "GET" | "HEAD" => format!("asking {host}"),
        "DELETE" => format!("letting {host} remove something"),
        _ => format!("sending something to {host}"),
    }
}

fn no_response(error: &Error) -> NoResponse {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let words = error.to_string();
    match error {
        Error::Io(inner) => match inner.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof => NoResponse::Lost(words),
            _ => NoResponse::Unreached(words),
        },
        Error::Timeout(_) | Error::Protocol(_) | Error::BodyStalled => NoResponse::Lost(words),
        _ => NoResponse::Unreached(words),
    }
}
