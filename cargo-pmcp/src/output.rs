//! What a person reads and what a program reads: steps to standard error, the result to standard output as text or JSON.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::failure::{Failure, Result};

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints a command's result, which is the only thing on standard output.
    pub(crate) fn result<T: Serialize + Display>(self, result: &T) -> Result {
        let text = if self.json { encode_json(result)? } else { result.to_string() };
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        match written {
            // Whoever reads has seen enough, as `| head` has.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::file("writing", "standard output")),
        }
    }

    /// Something to know that is no result.
    pub(crate) fn note(self, text: impl Display) {
        eprintln!("{text}");
    }

    /// Runs one step that says nothing itself: at a terminal its seconds are counted meanwhile.
    pub(crate) fn wait<T>(self, what: impl Display, run: impl FnOnce() -> Result<T>) -> Result<T> {
        if !io::stderr().is_terminal() {
            return self.step(what, run);
        }
        let what = what.to_string();
        eprint!("-> {what}");
        let begin = Instant::now();
        let (end, ended) = mpsc::channel::<()>();
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                let ended = ended;
                while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                    eprint!("\r-> {what} ({} s)", begin.elapsed().as_secs());
                }
            });
            let result = run();
            drop(end);
            result
        });
        eprintln!();
        let done = result?;
        eprintln!("   done in {:.1} s", begin.elapsed().as_secs_f32());
        Ok(done)
    }

    /// Runs one step: says what begins, and how long it took.
    pub(crate) fn step<T>(self, what: impl Display, run: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("-> {what}");
        let begin = Instant::now();
        let done = run()?;
        eprintln!("   done in {:.1} s", begin.elapsed().as_secs_f32());
        Ok(done)
    }
}

/// Two spaces of indentation and members in their order: as people and diffs like it.
pub(crate) fn encode_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| {
        Failure::failed(format!("the result cannot be written as JSON: {error}"), "please report this as a bug")
    })
}
