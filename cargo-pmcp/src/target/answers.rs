//! What every platform answers, as a person reads it and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::date;

/// What the deployed server has: its URL above all.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Outputs(pub(crate) BTreeMap<String, String>);

impl fmt::Display for Outputs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it is all about goes first.
        let (url, rest): (Vec<_>, Vec<_>) = self.0.iter().partition(|(key, _)| *key == "Url");
        let lines: Vec<String> = url.into_iter().chain(rest).map(|(key, value)| format!("{key} = {value}")).collect();
        out.write_str(&lines.join("\n"))
    }
}

/// Who is logged in.
#[derive(Debug, Serialize)]
pub(crate) struct Login {
    pub(crate) account: String,
    pub(crate) who: String,
    /// Of a login that this program made.
    #[serde(flatten)]
    pub(crate) term: Option<Term>,
}

/// Where a login is good, and how long.
#[derive(Debug, Serialize)]
pub(crate) struct Term {
    /// The address of the service.
    pub(crate) service: String,
    /// The file, the keyring or the variable that has it.
    pub(crate) kept_in: String,
    /// As far as that is known.
    pub(crate) until: Option<String>,
    /// Whether this program then gets another by itself.
    pub(crate) is_renewed: bool,
}

impl fmt::Display for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "logged in to {} as {}", self.account, self.who)?;
        let Some(Term { service, kept_in, until, is_renewed }) = &self.term else { return Ok(()) };
        write!(out, "\nat {service}; kept in {kept_in}")?;
        if let Some(until) = until {
            let then = if *is_renewed { ", and then renewed by itself" } else { "" };
            write!(out, "; good until {until}{then}")?;
        }
        Ok(())
    }
}

/// That nobody is logged in any more.
#[derive(Debug, Serialize)]
pub(crate) struct Logout {
    pub(crate) place: String,
    pub(crate) was_logged_in: bool,
    /// The variable that logs in all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) still_logged_in_by: Option<&'static str>,
}

impl fmt::Display for Logout {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.was_logged_in {
            true => write!(out, "logged out of {}", self.place),
            false => write!(out, "no login to {} was kept here", self.place),
        }?;
        match self.still_logged_in_by {
            Some(variable) => write!(out, "\n{variable} is set, and logs in all the same: unset it"),
            None => Ok(()),
        }
    }
}

/// What is deployed at the moment.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) deployed: bool,
    /// In the platform's words; also of what is there where nothing is deployed.
    pub(crate) state: Option<String>,
    pub(crate) live_version: Option<String>,
    /// Oldest first.
    pub(crate) versions: Vec<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, place, .. } = self;
        match (&self.state, self.deployed) {
            (None, _) => return write!(out, "{name} is not deployed in {place}"),
            (Some(state), false) => return write!(out, "{name} is not deployed in {place}: what is there is {state}"),
            (Some(state), true) => write!(out, "{name} in {place}: {state}")?,
        }
        if let Some(live) = &self.live_version {
            write!(out, "\nversion {live} is live, of {}", self.versions.join(", "))?;
        }
        Ok(())
    }
}

/// What the server logged.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct LogLines(pub(crate) Vec<LogLine>);

/// One line of it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct LogLine {
    /// In milliseconds since 1970.
    pub(crate) timestamp: u64,
    pub(crate) message: String,
}

impl fmt::Display for LogLines {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line each, whatever is in it: none can look like two.
        let line = |LogLine { timestamp, message }: &LogLine| {
            format!("{} {}", date::encode(timestamp / 1000), message.trim_end().replace('\n', "\\n"))
        };
        let lines: Vec<String> = self.0.iter().map(line).collect();
        out.write_str(&lines.join("\n"))
    }
}
