//! Requests to an HTTP API: any verb, and what was answered in one piece.

use std::time::Duration;

use ureq::{Agent, Error, http};

use super::Hidden;
use super::http::{agent, doing, run};
use super::running::unless_interrupted;
use crate::failure::Failure;

/// More than any answer has that is worth reading, in bytes.
const LONGEST: u64 = 16 << 20;

/// Sends requests.
pub(crate) struct Web {
    agent: Agent,
}

/// One request.
pub(crate) struct Asking<'a> {
    pub(crate) verb: &'static str,
    pub(crate) url: &'a str,
    pub(crate) token: Option<&'a Hidden>,
    pub(crate) headers: Vec<(&'static str, &'a str)>,
    /// Its type, and its bytes.
    pub(crate) body: Option<(&'static str, &'a [u8])>,
    /// For all of it, from the name's look-up to the last byte of the answer.
    pub(crate) limit: Duration,
}

/// An answer, whatever its status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// Nobody was reached: the request has changed nothing.
    Unreached(String),
    /// The connection broke or the time was up: the request may have been handled.
    Lost(String),
    /// Ctrl-C came: the same.
    Interrupted(Failure),
}

impl Web {
    pub(crate) fn new() -> Self {
        Self { agent: agent() }
    }

    /// Sends one, and waits for the answer unless Ctrl-C comes.
    pub(crate) fn send(&self, asking: &Asking<'_>) -> Result<Reply, NoReply> {
        let exchange = self.exchange(asking)?;
        let what = doing(asking.verb, asking.url);
        unless_interrupted(&what, exchange).unwrap_or_else(|interrupted| Err(NoReply::Interrupted(interrupted)))
    }

    /// Sends one whose answer must not get lost, and waits for it whatever comes.
    pub(crate) fn finish(&self, asking: &Asking<'_>) -> Result<Reply, NoReply> {
        (self.exchange(asking)?)()
    }

    fn exchange(&self, asking: &Asking<'_>) -> Result<impl FnOnce() -> Result<Reply, NoReply> + Send + use<>, NoReply> {
        let mut request = http::Request::builder().method(asking.verb).uri(asking.url);
        for (name, value) in &asking.headers {
            request = request.header(*name, *value);
        }
        if let Some(Hidden(token)) = asking.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some((kind, _)) = asking.body {
            request = request.header("content-type", kind);
        }
        let request = request.body(asking.body.map(|(_, bytes)| bytes.to_vec()));
        let (head, body) = request.map_err(|error| NoReply::Unreached(error.to_string()))?.into_parts();
        let (agent, limit) = (self.agent.clone(), asking.limit);
        Ok(move || {
            let sent = match body {
                Some(bytes) => run(&agent, http::Request::from_parts(head, bytes), limit),
                None => run(&agent, http::Request::from_parts(head, ()), limit),
            };
            let mut response = sent.map_err(|error| no_reply(&error))?;
            let body = response.body_mut().with_config().limit(LONGEST).lossy_utf8(true).read_to_string();
            let body = body.map_err(|error| NoReply::Lost(error.to_string()))?;
            Ok(Reply { status: response.status().as_u16(), headers: response.headers().clone(), body })
        })
    }
}

impl NoReply {
    pub(crate) fn into_words(self) -> String {
        match self {
            Self::Unreached(words) | Self::Lost(words) => words,
            Self::Interrupted(failure) => failure.to_string(),
        }
    }
}

fn no_reply(error: &Error) -> NoReply {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let words = error.to_string();
    match error {
        Error::Io(inner) => match inner.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof => NoReply::Lost(words),
            _ => NoReply::Unreached(words),
        },
        Error::Timeout(_) | Error::Protocol(_) | Error::BodyStalled => NoReply::Lost(words),
        _ => NoReply::Unreached(words),
    }
}

impl Reply {
    /// The header of this name, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn is_json(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/json" || kind.ends_with("+json")
    }
}
