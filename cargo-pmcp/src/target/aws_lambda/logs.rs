//! What the function logged, from CloudWatch Logs.

use serde::Deserialize;
use serde_json::json;

use super::super::LogLine;
use super::super::log_lines::{self, Event};
use super::account::Account;
use crate::cli::Logs;
use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Deserialize)]
struct Events {
    events: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "eventId", default)]
    id: String,
    /// As the server said, which may be before 1970.
    timestamp: i64,
    message: String,
}

/// Prints once what is there, or goes on as it comes: `aws logs tail` is in AWS CLI 2 only.
pub(super) fn run(account: &Account, group: &str, options: &Logs, output: Output) -> Result {
    log_lines::run(options, output, |begin| events(account, group, options.filter.as_deref(), begin))
}

fn events(account: &Account, group: &str, filter: Option<&str>, begin: u64) -> Result<Vec<Event>> {
    let begin = begin.to_string();
    let mut arguments = vec!["logs", "filter-log-events", "--log-group-name", group, "--start-time", &begin];
    // An argument of its own may be taken for an option, or, as `file://` and `https://` are, for where to read it.
    let pattern = filter.map(|pattern| json!({ "filterPattern": pattern }).to_string());
    arguments.extend(pattern.iter().flat_map(|input| ["--cli-input-json", input as &str]));
    let found: Option<Events> = account.ask(&arguments)?;
    let gone = || {
        let line = account.line(&format!("aws logs create-log-group --log-group-name {group}"));
        Failure::failed(
            format!("the log group {group} is gone"),
            format!("make it anew, for the server to log to: {line}"),
        )
    };
    let events = found.ok_or_else(gone)?.events;
    let event = |Found { id, timestamp, message }| Event {
        id,
        line: LogLine { timestamp: u64::try_from(timestamp).unwrap_or_default(), message },
    };
    Ok(events.into_iter().map(event).collect())
}
