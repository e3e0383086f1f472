//! What the Worker logs from now on, from `wrangler tail`.

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

/// One request or alarm, with what was logged meanwhile.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    logs: Vec<Logged>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Logged {
    message: Value,
    timestamp: u64,
}

#[derive(Deserialize)]
struct Exception {
    name: String,
    message: Value,
    timestamp: u64,
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
    let (send, events) = mpsc::channel();
    thread::spawn(move || {
        let Some(stdout) = stdout else { return };
        for event in serde_json::Deserializer::from_reader(stdout).into_iter::<Event>().map_while(Result::ok) {
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
            Ok(event) => event.lines(),
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

impl Event {
    fn lines(self) -> Vec<LogLine> {
        let logs = self.logs.into_iter().map(|Logged { message, timestamp }| (timestamp, text(&message)));
        let exceptions = self.exceptions.into_iter();
        let exceptions =
            exceptions.map(|Exception { name, message, timestamp }| (timestamp, format!("{name}: {}", text(&message))));
        logs.chain(exceptions).map(|(timestamp, message)| LogLine { timestamp, message }).collect()
    }
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

    #[test]
    fn what_was_logged_and_what_was_thrown_are_lines() {
        let event = r#"{"outcome":"exception","logs":[{"message":["a",{"b":1}],"level":"log","timestamp":1},
            {"message":["x"],"level":"error","timestamp":2}],"exceptions":[{"name":"Error","message":"no","timestamp":3}]}"#;
        let event: Event = serde_json::from_str(event).expect("is one");
        let lines: Vec<_> = event.lines().into_iter().map(|line| (line.timestamp, line.message)).collect();
        assert_eq!(lines, [(1, "a {\"b\":1}".into()), (2, "x".into()), (3, "Error: no".to_owned())]);
    }
}
