//! What a person reads and what a program reads: steps to standard error, the result to standard output as text or JSON.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use crate::failure::{Failure, Result};

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

/// How often a step that says nothing itself says that it goes on, where no terminal counts its seconds.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

impl Output {
    /// Prints a command's result, which is the only thing on standard output.
    pub(crate) fn result<T: Serialize + Display>(self, result: &T) -> Result {
        match self.json {
            true => print(&plain_json(&encode_json(result)?)),
            false => print_text(&result.to_string()),
        }
    }

    /// Prints a part of a result that has no end; whether anybody still reads it.
    pub(crate) fn part<T: Display>(self, part: &T) -> Result<bool> {
        print_text(&part.to_string())?;
        Ok(has_reader())
    }

    /// Prints what is for a program to read, as it is.
    pub(crate) fn script(self, text: &str) -> Result {
        match self.json {
            true => print(&encode_json(&text)?),
            false => print(text.trim_end()),
        }
    }

    /// Something to know that is no result.
    pub(crate) fn note(self, text: impl Display) {
        say(&format!("{}\n", plain(&text.to_string())));
    }

    /// Runs one step that says nothing itself: at a terminal its seconds are counted meanwhile.
    pub(crate) fn wait<T>(self, what: impl Display, run: impl FnOnce() -> Result<T>) -> Result<T> {
        if !io::stderr().is_terminal() {
            return self.step(what, run);
        }
        let what = plain(&what.to_string()).into_owned();
        say(&format!("-> {what}"));
        let begin = Instant::now();
        let count = |seconds| say(&format!("\r-> {what} ({seconds} s)"));
        let result = meanwhile(Duration::from_secs(1), count, run);
        say("\n");
        let done = result?;
        self.note(format_args!("   done in {:.1} s", begin.elapsed().as_secs_f32()));
        Ok(done)
    }

    /// Runs one step: says what begins, and how long it took.
    pub(crate) fn step<T>(self, what: impl Display, run: impl FnOnce() -> Result<T>) -> Result<T> {
        self.note(format_args!("-> {what}"));
        let begin = Instant::now();
        let done = match io::stderr().is_terminal() {
            // There the programs that it calls show how far they are.
            true => run(),
            false => meanwhile(SIGN_OF_LIFE, |seconds| say(&format!("   goes on after {seconds} s\n")), run),
        }?;
        self.note(format_args!("   done in {:.1} s", begin.elapsed().as_secs_f32()));
        Ok(done)
    }
}

/// For people, to whom an empty line says nothing.
fn print_text(text: &str) -> Result {
    if text.is_empty() { Ok(()) } else { print(&plain(text)) }
}

fn print(text: &str) -> Result {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match written {
        // Whoever reads has seen enough, as `| head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::file("writing", "standard output")),
    }
}

/// Whether anybody reads standard output; a pipe tells before something is written to it.
#[cfg(unix)]
fn has_reader() -> bool {
    let out = io::stdout();
    let mut asked = [PollFd::new(out.as_fd(), PollFlags::empty())];
    // Where nothing can be asked, writing will tell.
    let known = poll(&mut asked, PollTimeout::ZERO).is_ok();
    !(known && asked[0].revents().is_some_and(|found| found.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)))
}

#[cfg(not(unix))]
fn has_reader() -> bool {
    true
}

/// For people, who may have stopped reading; that is no reason to stop half-way.
fn say(text: &str) {
    let mut err = io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

/// Runs something, and meanwhile says every so often for how many seconds it has.
fn meanwhile<T>(every: Duration, alive: impl Fn(u64) + Send, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let (end, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                alive(begin.elapsed().as_secs());
            }
        });
        let result = run();
        drop(end);
        result
    })
}

/// Text without what a terminal obeys: control characters but tabs and the ends of lines, and those that turn the
/// direction of writing. Names and log lines come from elsewhere.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |letter, shown| shown.extend(letter.escape_default()))
}

/// JSON without the same. All that is obeyed is inside strings, where JSON has a way to write it.
fn plain_json(text: &str) -> Cow<'_, str> {
    escaped(text, |letter, shown| shown.push_str(&format!("\\u{:04x}", u32::from(letter))))
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let is_obeyed = |letter: char| {
        (letter.is_control() && !matches!(letter, '\t' | '\n'))
            || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_obeyed(letter) {
            true => escape(letter, &mut shown),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Two spaces of indentation and members in their order: as people and diffs like it.
pub(crate) fn encode_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| {
        Failure::failed(format!("the result cannot be written as JSON: {error}"), "please report this as a bug")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_to_obey() {
        assert_eq!(plain("a\tb\nä"), "a\tb\nä");
        assert_eq!(plain("\u{1b}[2J\r\u{9b}x\0\u{7f}\u{202e}"), "\\u{1b}[2J\\r\\u{9b}x\\u{0}\\u{7f}\\u{202e}");
        assert_eq!(plain("\u{61c}a\u{200e}b\u{200f}"), "\\u{61c}a\\u{200e}b\\u{200f}");
    }

    #[test]
    fn json_is_the_same_to_who_reads_it() {
        let text = "\u{1b}[2J\u{9b}x\u{7f}\u{202e}\u{2066}ä\n";
        let json = encode_json(&[text]).expect("JSON");
        let shown = plain_json(&json);
        assert_eq!(shown, "[\n  \"\\u001b[2J\\u009bx\\u007f\\u202e\\u2066ä\\n\"\n]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).expect("JSON"), [text]);
    }

    #[test]
    fn what_takes_long_shows_that_it_is_alive() {
        let (tell, told) = mpsc::channel();
        let done = meanwhile(
            Duration::from_millis(5),
            // Nobody listens any more when it is done.
            move |seconds| {
                let _ = tell.send(seconds);
            },
            || told.recv_timeout(Duration::from_secs(60)),
        );
        assert_eq!(done, Ok(0));
    }
}
