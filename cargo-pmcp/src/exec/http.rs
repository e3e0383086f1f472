//! Requests over HTTP: with web.rs and loopback.rs beside it the only files that open connections.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use ureq::{Agent, AsSendBody, Body, http};

use super::Hidden;
use super::running::unless_interrupted;
use crate::config::is_loopback;

/// More than any answer has that is worth reading, in bytes.
const LONGEST: u64 = 16 << 20;

/// Where requests go, and with what right.
pub(crate) struct Endpoint {
    agent: Agent,
    pub(crate) url: String,
    token: Option<Hidden>,
    limit: Duration,
}

/// An answer whose body may still be on its way.
pub(crate) struct Answer {
    response: http::Response<Body>,
}

impl Endpoint {
    /// `limit` is for one request with its whole answer.
    pub(crate) fn new(url: String, token: Option<Hidden>, limit: Duration) -> Self {
        Self { agent: agent(), url, token, limit }
    }

    /// Posts JSON; the error is in the words of whoever could not.
    pub(crate) fn post(&self, headers: &[(String, String)], body: &str) -> Result<Answer, String> {
        let mut request = http::Request::post(&self.url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(Hidden(token)) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        send(&self.agent, request.body(body), self.limit)
    }
}

/// An API that speaks JSON, with what it is told of who asks.
pub(crate) struct Api {
    agent: Agent,
    base: String,
    headers: Vec<(&'static str, Hidden)>,
}

impl Api {
    pub(crate) fn new(base: String, headers: Vec<(&'static str, Hidden)>) -> Self {
        Self { agent: agent(), base, headers }
    }

    /// The status and the text of what is answered; the error is in the words of whoever could not.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&str>,
    ) -> Result<(u16, String), String> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, Hidden(value)) in &self.headers {
            request = request.header(*name, value);
        }
        let limit = Duration::from_secs(60);
        let answer = match body {
            Some(body) => send(&self.agent, request.header("content-type", content_type).body(body), limit),
            None => send(&self.agent, request.body(()), limit),
        }?;
        let status = answer.status();
        answer.text().map(|text| (status, text))
    }
}

/// Requests with any verb and any bytes, for what no program on this machine does.
pub(crate) struct Exchange {
    agent: Agent,
    limit: Duration,
}

impl Exchange {
    /// `limit` is for one request with its whole answer.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { agent: agent(), limit }
    }

    /// The inner error is in the words of whoever could not send it, the outer one says that Ctrl-C came.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> crate::failure::Result<Result<Answer, String>> {
        let what = doing(method, url);
        let (agent, limit) = (self.agent.clone(), self.limit);
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body.map(<[u8]>::to_vec) {
            Some(body) => unless_interrupted(&what, move || send(&agent, request.body(body), limit)),
            None => unless_interrupted(&what, move || send(&agent, request.body(()), limit)),
        }
    }
}

/// What a request does, for whoever waits for it.
pub(super) fn doing(method: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    match method {
        "GET" | "HEAD" => format!("asking {host}"),
        "DELETE" => format!("letting {host} remove something"),
        _ => format!("sending something to {host}"),
    }
}

pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Whoever follows one may carry a token, or a POST, to where nobody meant it to go.
        .max_redirects(0)
        .user_agent(concat!("cargo-pmcp/", env!("CARGO_PKG_VERSION")));
    config.build().into()
}

/// Sends a request, within `limit` from the name's look-up to the last byte of the answer. What does not leave this machine
/// goes through no proxy, whatever the environment says of one.
pub(super) fn run(
    agent: &Agent,
    request: http::Request<impl AsSendBody>,
    limit: Duration,
) -> Result<http::Response<Body>, ureq::Error> {
    let is_here = request.uri().host().is_some_and(is_loopback);
    let config = agent.configure_request(request).timeout_global(Some(limit));
    let config = if is_here { config.proxy(None) } else { config };
    agent.run(config.build())
}

fn send(
    agent: &Agent,
    request: http::Result<http::Request<impl AsSendBody>>,
    limit: Duration,
) -> Result<Answer, String> {
    let response = run(agent, request.map_err(|error| error.to_string())?, limit);
    response.map(|response| Answer { response }).map_err(|error| error.to_string())
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The header of this name, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn is_events(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// All of it.
    pub(crate) fn text(mut self) -> Result<String, String> {
        let body = self.response.body_mut().with_config().limit(LONGEST).read_to_string();
        body.map_err(|error| error.to_string())
    }

    /// Line by line, as they come.
    pub(crate) fn lines(self) -> impl Iterator<Item = Result<String, String>> {
        let reader = self.response.into_body().into_with_config().limit(LONGEST).reader();
        BufReader::new(reader).lines().map(|line| line.map_err(|error| error.to_string()))
    }
}
