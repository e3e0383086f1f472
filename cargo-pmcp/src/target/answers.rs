//! What every platform answers, as a person reads it and as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

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
    /// Where clients reach it, if the platform says that along with the rest.
    pub(crate) url: Option<String>,
    /// In the platform's words; also of what is there where nothing is deployed.
    pub(crate) state: Option<String>,
    pub(crate) live_version: Option<String>,
    /// Oldest first.
    pub(crate) versions: Vec<String>,
    /// When each was made, as far as the platform says it.
    pub(crate) times: BTreeMap<String, String>,
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, place, .. } = self;
        match (&self.state, self.deployed) {
            (None, _) => return write!(out, "{name} is not deployed in {place}"),
            (Some(state), false) => return write!(out, "{name} is not deployed in {place}: what is there is {state}"),
            (Some(state), true) => write!(out, "{name} in {place}: {state}")?,
        }
        if let Some(url) = &self.url {
            write!(out, "\nUrl = {url}")?;
        }
        if let Some(live) = &self.live_version {
            let told = |version: &String| match self.times.get(version) {
                Some(time) => format!("{version} ({time})"),
                None => version.clone(),
            };
            let versions: Vec<String> = self.versions.iter().map(told).collect();
            write!(out, "\nversion {live} is live, of {}", versions.join(", "))?;
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
    /// In milliseconds since 1970; as JSON a date.
    #[serde(serialize_with = "as_date")]
    pub(crate) timestamp: u64,
    pub(crate) message: String,
}

fn as_date<S: Serializer>(timestamp: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date::encode_milliseconds(*timestamp))
}

impl LogLine {
    /// What was said, without saying again when, be it in JSON or as the first word.
    fn untimed(&self) -> Cow<'_, str> {
        let is_it = |text: &str| date::parse(text).is_some_and(|time| time.abs_diff(self.timestamp) < SAME);
        let message = self.message.trim_end();
        if let Some((first, rest)) = message.split_once(' ')
            && is_it(first)
        {
            return Cow::Borrowed(rest.trim_start());
        }
        match serde_json::from_str::<Map<String, Value>>(message) {
            Ok(mut members) if members.get("timestamp").and_then(Value::as_str).is_some_and(is_it) => {
                members.remove("timestamp");
                Cow::Owned(Value::Object(members).to_string())
            }
            _ => Cow::Borrowed(message),
        }
    }
}

/// How long after something was said its platform has heard it at the latest, in milliseconds.
const SAME: u64 = 60_000;

impl fmt::Display for LogLines {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line each, whatever is in it: none can look like two.
        let line = |line: &LogLine| {
            format!("{} {}", date::encode_milliseconds(line.timestamp), line.untimed().replace('\n', "\\n"))
        };
        let lines: Vec<String> = self.0.iter().map(line).collect();
        out.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_once_when_it_was() {
        let shown = |message: &str| {
            LogLines(vec![LogLine { timestamp: 1_795_385_235_001, message: message.into() }]).to_string()
        };
        for (message, line) in [
            ("it began\n", "it began"),
            ("2026-11-22T22:07:15Z INFO it began", "INFO it began"),
            (r#"{"timestamp":"2026-11-22T22:07:14.999Z","message":"it began"}"#, r#"{"message":"it began"}"#),
            // What says another time says something.
            ("2025-01-01T00:00:00Z is when", "2025-01-01T00:00:00Z is when"),
            (r#"{"timestamp":"2025-01-01T00:00:00Z"}"#, r#"{"timestamp":"2025-01-01T00:00:00Z"}"#),
            (r#"{"timestamp":1}"#, r#"{"timestamp":1}"#),
        ] {
            assert_eq!(shown(message), format!("2026-11-22T22:07:15.001Z {line}"));
        }
    }

    #[test]
    fn a_status_has_what_is_known() {
        let mut status = Status {
            name: "crm".into(),
            place: "us-east-1".into(),
            deployed: true,
            url: Some("https://u/mcp".into()),
            state: Some("READY".into()),
            live_version: Some("2".into()),
            versions: vec!["1".into(), "2".into()],
            times: BTreeMap::from([("2".into(), "2026-11-22T22:07:15Z".into())]),
        };
        let words = "crm in us-east-1: READY\nUrl = https://u/mcp\nversion 2 is live, of 1, 2 (2026-11-22T22:07:15Z)";
        assert_eq!(status.to_string(), words);
        status.url = None;
        assert!(!status.to_string().contains("Url"));
    }
}
