//! Requests over HTTP: with web.rs and loopback.rs beside it the only files that open connections.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use ureq::{Agent, Body, http};

use super::Hidden;

/// More than any answer has that is worth reading, in bytes.
const LONGEST: u64 = 16 << 20;

/// Where requests go, and with what right.
pub(crate) struct Endpoint {
    agent: Agent,
    pub(crate) url: String,
    token: Option<Hidden>,
}

/// An answer whose body may still be on its way.
pub(crate) struct Answer {
    response: http::Response<Body>,
}

impl Endpoint {
    /// `limit` is for one request with its whole answer.
    pub(crate) fn new(url: String, token: Option<Hidden>, limit: Duration) -> Self {
        Self { agent: agent(limit), url, token }
    }

    /// Posts JSON; the error is in the words of whoever could not.
    pub(crate) fn post(&self, headers: &[(String, String)], body: &str) -> Result<Answer, String> {
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(Hidden(token)) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.send(body).map(|response| Answer { response }).map_err(|error| error.to_string())
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
        Self { agent: agent(Duration::from_secs(60)), base, headers }
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
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", content_type).body(body.to_owned());
                self.agent.run(request.map_err(|error| error.to_string())?)
            }
            None => self.agent.run(request.body(()).map_err(|error| error.to_string())?),
        };
        let answer = Answer { response: response.map_err(|error| error.to_string())? };
        let status = answer.status();
        answer.text().map(|text| (status, text))
    }
}

/// Requests with any verb and any bytes, for what no program on this machine does.
pub(crate) struct Exchange {
    agent: Agent,
}

impl Exchange {
    /// `limit` is for one request with its whole answer.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { agent: agent(limit) }
    }

    /// The error is in the words of whoever could not send it.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).map_err(|error| error.to_string())?),
            None => self.agent.run(request.body(()).map_err(|error| error.to_string())?),
        };
        sent.map(|response| Answer { response }).map_err(|error| error.to_string())
    }
}

fn agent(limit: Duration) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        // Whoever follows one with a POST sends it to where nobody meant it to go.
        .max_redirects(0)
        .user_agent(concat!("cargo-pmcp/", env!("CARGO_PKG_VERSION")));
    config.build().into()
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
