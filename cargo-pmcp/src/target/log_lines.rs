//! Prints what a server logged, once or as it comes, from whatever the platform answers when it is asked again and again.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::{LogLine, LogLines};
use crate::cli::Logs;
use crate::exec::{go_on, hear_interrupts, pause};
use crate::failure::{Failure, Result};
use crate::output::Output;

/// How far back lines are printed where nobody says.
const USUAL: Duration = Duration::from_secs(3600);

/// How often is asked for what is new.
const PAUSE: Duration = Duration::from_secs(2);

/// How many failures in a row are taken for a hitch: platforms refuse who asks too often.
const PATIENCE: u32 = 5;

/// How much later than others a line may come, in milliseconds: each instance sends its own.
const LATEST: u64 = 15_000;

/// A line, and the platform's name for it.
pub(super) struct Event {
    pub(super) id: String,
    pub(super) line: LogLine,
}

/// Prints what `events` finds from a time on, in milliseconds since 1970.
pub(super) fn run(options: &Logs, output: Output, events: impl Fn(u64) -> Result<Vec<Event>>) -> Result {
    let since = options.since.unwrap_or(USUAL);
    let begin = now().saturating_sub(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    if options.tail {
        if output.json {
            let advice = "leave out one of them; with --json the command ends, and what it prints is one document";
            return Err(Failure::usage("--tail does not end, so there is no --json of it", advice));
        }
        return follow(begin, output, events);
    }
    let lines: Vec<LogLine> = events(begin)?.into_iter().map(|event| event.line).collect();
    if lines.is_empty() {
        output.note("note: nothing was logged in that time; --since looks further back");
    }
    output.result(&LogLines(lines))
}

/// Until Ctrl-C, or until nobody reads what is printed.
fn follow(mut begin: u64, output: Output, events: impl Fn(u64) -> Result<Vec<Event>>) -> Result {
    // From here on whatever waits for an answer or a program ends with it.
    hear_interrupts()?;
    let again = "the platform was asked again";
    let mut shown = BTreeMap::new();
    // What fails at once is no hitch.
    let mut failed = PATIENCE;
    loop {
        let found = match events(begin) {
            Err(_) if go_on(again).is_err() => return Ok(()),
            Err(failure @ Failure::Failed { .. }) if failed < PATIENCE => {
                failed += 1;
                output.note(format_args!("note: asked again in a moment, as this failed: {failure}"));
                if pause(PAUSE * failed, again).is_err() {
                    return Ok(());
                }
                continue;
            }
            found => found?,
        };
        failed = 0;
        let new = unseen(&mut shown, found);
        if !output.part(&LogLines(new))? {
            return Ok(());
        }
        begin = next(begin, now(), shown.values());
        shown.retain(|_, time| *time >= begin);
        if pause(PAUSE, again).is_err() {
            return Ok(());
        }
    }
}

/// From when on is asked next. What a clock that is ahead has written says nothing of when the others come.
fn next<'a>(begin: u64, now: u64, shown: impl Iterator<Item = &'a u64>) -> u64 {
    let newest = shown.copied().filter(|time| *time <= now).max().unwrap_or_default();
    begin.max(newest.saturating_sub(LATEST))
}

/// In milliseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The lines that were not shown yet; from now on they were.
fn unseen(shown: &mut BTreeMap<String, u64>, found: Vec<Event>) -> Vec<LogLine> {
    let mut new = Vec::new();
    for Event { id, line } in found {
        if shown.insert(id, line.timestamp).is_none() {
            new.push(line);
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_once() {
        let event = |id: &str, timestamp| Event { id: id.into(), line: LogLine { timestamp, message: id.into() } };
        let mut shown = BTreeMap::new();
        let messages = |lines: Vec<LogLine>| lines.into_iter().map(|line| line.message).collect::<Vec<_>>();
        assert_eq!(messages(unseen(&mut shown, vec![event("a", 1), event("b", 2)])), ["a", "b"]);
        assert_eq!(messages(unseen(&mut shown, vec![event("a", 1), event("late", 1), event("b", 2)])), ["late"]);
    }

    #[test]
    fn a_clock_that_is_ahead_hides_no_line() {
        assert_eq!(next(10, 100_000, [20_000, 90_000].iter()), 75_000);
        assert_eq!(next(10, 100_000, [20_000, 100_001, u64::MAX].iter()), 5_000);
        assert_eq!(next(10, 100_000, [u64::MAX].iter()), 10);
        assert_eq!(next(10, 5, [6].iter()), 10, "it never goes back");
    }
}
