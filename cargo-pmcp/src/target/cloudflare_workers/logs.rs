//! What the Worker logs from now on, from `wrangler tail`.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::account::Account;
use crate::cli::Logs;
use crate::config::Config;
use crate::exec::Interrupt;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::{LogLine, LogLines};

const POLL: Duration = Duration::from_millis(50);

/// One request or alarm, with what was logged meanwhile. What it lacks is not needed: another line would be lost with it.
#[derive(Deserialize)]
struct Event {
    logs: Option<Vec<Logged>>,
    exceptions: Option<Vec<Exception>>,
}

#[derive(Deserialize)]
struct Logged {
    #[serde(default)]
    message: Value,
    #[serde(default)]
    timestamp: Value,
}

#[derive(Deserialize)]
struct Exception {
    name: Option<String>,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    timestamp: Value,
}

/// What cannot be asked of Cloudflare is refused, and not left out.
pub(super) fn check(options: &Logs, output: Output) -> Result {
    if options.since.is_some() {
        let advice = "leave out --since, or look at the Worker's logs in the dashboard, which keeps them for days";
        return Err(Failure::usage("wrangler reads no logs of the past, so there is no --since", advice));
    }
    if !options.tail {
        let advice = "add --tail, or look at the Worker's logs in the dashboard, which keeps them for days";
        return Err(Failure::usage("wrangler reads logs as they come, and none of the past", advice));
    }
    if output.json {
        let advice = "leave out one of them; with --json the command ends, and what it prints is one document";
        return Err(Failure::usage("--tail does not end, so there is no --json of it", advice));
    }
    Ok(())
}

/// Until Ctrl-C, or until nobody reads what is printed.
pub(super) fn follow(account: &Account, config: &Config, options: &Logs, output: Output) -> Result {
    let interrupt = Interrupt::catch()?;
    // An option's value of its own would be one of wrangler's.
    let search = options.filter.as_ref().map(|filter| format!("--search={filter}"));
    let mut arguments = vec!["tail", &config.server.name, "--format", "json"];
    arguments.extend(search.as_deref());
    let mut tail = account.wrangler_about(config, &arguments)?.start_piped()?;
    let stdout = tail.stdout();
    output.note("what is logged from now on is printed as it comes; Ctrl-C ends it");
    let (send, events) = mpsc::channel();
    thread::spawn(move || {
        let Some(stdout) = stdout else { return };
        for event in Events(BufReader::new(stdout)) {
            // Nobody listens any more when the command is at its end.
            if send.send(event).is_err() {
                return;
            }
        }
    });
    loop {
        if interrupt.came_within(Duration::ZERO) {
            return Ok(());
        }
        let lines = match events.recv_timeout(POLL) {
            Ok(Ok(event)) => event.lines(),
            Ok(Err(why)) => {
                output.note(format_args!("left out what wrangler says and is not understood: {why}"));
                Vec::new()
            }
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => {
                // A terminal tells wrangler of Ctrl-C as well.
                if interrupt.came_within(Duration::from_millis(300)) {
                    return Ok(());
                }
                let advice = "see what wrangler says above, and `cargo pmcp deploy doctor`";
                return Err(Failure::failed("`wrangler tail` has ended", advice));
            }
        };
        if !output.part(&LogLines(lines))? {
            return Ok(());
        }
    }
}

/// What wrangler prints, each event in lines of its own: its first begins with a brace, and its last is one. So what is odd
/// about one is over with it.
struct Events<R>(R);

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<Event, serde_json::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = Vec::new();
        loop {
            let begin = text.len();
            // What cannot be read any more has ended.
            let has_ended = self.0.read_until(b'\n', &mut text).unwrap_or_default() == 0;
            let goes_on = match text.get(begin..).unwrap_or_default().trim_ascii_end() {
                [] => true,
                line if begin == 0 => line == b"{",
                line => line.starts_with(b" "),
            };
            match has_ended && text.trim_ascii().is_empty() {
                true => return None,
                false if has_ended || !goes_on => return Some(serde_json::from_slice(&text)),
                false if text.trim_ascii().is_empty() => text.clear(),
                false => {}
            }
        }
    }
}

impl Event {
    fn lines(self) -> Vec<LogLine> {
        let logs = self.logs.into_iter().flatten();
        let logs = logs.map(|Logged { message, timestamp }| (timestamp, text(&message)));
        let exceptions = self.exceptions.into_iter().flatten().map(|Exception { name, message, timestamp }| {
            (timestamp, format!("{}: {}", name.as_deref().unwrap_or("Error"), text(&message)))
        });
        logs.chain(exceptions).map(|(timestamp, message)| LogLine { timestamp: moment(&timestamp), message }).collect()
    }
}

/// In milliseconds; what is none is before all.
fn moment(timestamp: &Value) -> u64 {
    // As of a number with a fraction, the whole of it counts.
    let whole = timestamp.to_string();
    timestamp.as_u64().or_else(|| whole.split('.').next()?.parse().ok()).unwrap_or_default()
}

/// What `console.log` was given: several values, strings as they are.
fn text(message: &Value) -> String {
    match message {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String)> {
        let lines = |event: Result<Event, _>| match event {
            Ok(event) => event.lines().into_iter().map(|line| (line.timestamp, line.message)).collect(),
            Err(_) => vec![(0, "odd".to_owned())],
        };
        Events(text.as_bytes()).flat_map(lines).collect()
    }

    #[test]
    fn what_was_logged_and_what_was_thrown_are_lines() {
        let event = "{\n  \"outcome\": \"exception\",\n  \"logs\": [\n    {\"message\":[\"a\",{\"b\":1}],\"level\":\"log\",\"timestamp\":1},\n    \
                     {\"message\":[\"x\"],\"level\":\"error\",\"timestamp\":2}\n  ],\n  \"exceptions\": \
                     [{\"name\":\"Error\",\"message\":\"no\",\"timestamp\":3}]\n}\n";
        let expected = [(1, "a {\"b\":1}".into()), (2, "x".into()), (3, "Error: no".to_owned())];
        assert_eq!(lines(event), expected);
        let twice = format!("{event}{}\n{event}", event.replace('\n', ""));
        assert_eq!(lines(&twice), [expected.clone(), expected.clone(), expected].concat());
    }

    #[test]
    fn what_is_odd_about_one_event_is_over_with_it() {
        let good = r#"{"logs":[{"message":["good"],"timestamp":7}]}"#;
        let deep = format!(r#"{{"logs":[{{"message":{}{},"timestamp":1}}]}}"#, "[".repeat(140), "]".repeat(140));
        for (odd, expected) in [
            ("no JSON", vec![(0, "odd".to_owned())]),
            (r#"{"logs":[{"message":["\ud800"],"timestamp":1}]}"#, vec![(0, "odd".into())]),
            (&deep, vec![(0, "odd".into())]),
            ("{\n  \"logs\": [\n}", vec![(0, "odd".into())]),
            ("}\n\n", vec![(0, "odd".into())]),
            (r#"{"logs":null}"#, vec![]),
            (r#"{"logs":[{"message":["a"],"timestamp":1.5}]}"#, vec![(1, "a".into())]),
            (r#"{"logs":[{"message":["a"],"timestamp":-1}]}"#, vec![(0, "a".into())]),
            (r#"{"exceptions":[{"message":"a","timestamp":2}]}"#, vec![(2, "Error: a".into())]),
        ] {
            let all = [expected, vec![(7, "good".to_owned())]].concat();
            assert_eq!(lines(&format!("{odd}\n{good}\n")), all, "{odd}");
        }
    }
}
