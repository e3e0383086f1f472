//! What the function logged, from CloudWatch Logs.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::super::{Line, Lines};
use super::account::Account;
use crate::cli::Logs;
use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Deserialize)]
struct Events {
    events: Vec<Line>,
}

/// Prints once what is there, or goes on as it comes.
pub(super) fn run(account: &Account, group: &str, options: &Logs, output: Output) -> Result {
    let since = parse_time(&options.since).ok_or_else(|| {
        Failure::refused(format!("`{}` is no time for --since", options.since), "they look like this: 30s, 10m, 1h, 2d")
    })?;
    let filter = options.filter.as_deref();
    if options.tail {
        if output.json {
            let advice = "leave out one of them; with --json the command ends, and what it prints is one document";
            return Err(Failure::refused("--tail does not end, so there is no --json of it", advice));
        }
        let mut arguments = vec!["logs", "tail", group, "--since", &options.since, "--format", "short", "--follow"];
        arguments.extend(filter.iter().flat_map(|pattern| ["--filter-pattern", pattern]));
        return account.call(&arguments)?.print("see what the AWS CLI says above");
    }
    let begin =
        SystemTime::now().checked_sub(since).and_then(|begin| begin.duration_since(SystemTime::UNIX_EPOCH).ok());
    let begin = begin.unwrap_or_default().as_millis().to_string();
    let mut arguments = vec!["logs", "filter-log-events", "--log-group-name", group, "--start-time", &begin];
    arguments.extend(filter.iter().flat_map(|pattern| ["--filter-pattern", pattern]));
    let found: Option<Events> = account.ask(&arguments)?;
    output.result(&Lines(found.map(|found| found.events).unwrap_or_default()))
}

/// A number and one letter, as the AWS CLI has it.
fn parse_time(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_letter() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h", 3600), ("2d", 172_800)] {
            assert_eq!(parse_time(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1", "1w", "-1h", "1.5h", "1 h", "99999999999999999999d", "9999999999999999999d"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
