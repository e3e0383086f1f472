//! Programs that run beside this one, and their end.

use std::io::{self, PipeReader, Read, Write};
use std::process::{Child, ChildStdout, ExitStatus, Output};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;

#[cfg(unix)]
use nix::sys::signal::Signal;

#[cfg(unix)]
use super::family::Family;
use super::interrupt::{Interrupt, POLL, interrupt_came};

/// How long a program may take to end in order.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(3);

/// How long what a program says may go on after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program that runs; dropping it ends it, with all that it has started.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(super) fn new(child: Child) -> Self {
        Self { child }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        // What cannot be asked for is not there any more.
        self.child.try_wait().unwrap_or_else(|_| Some(ExitStatus::default()))
    }

    /// Waits for its end; nothing if an interrupt that is heard came first, which ends it.
    pub(super) fn wait(mut self) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.ended() {
                if !status.success() {
                    // A terminal tells both of Ctrl-C, and the program may be the first to hear.
                    thread::sleep(POLL);
                }
                return (status.success() || !interrupt_came()).then_some(status);
            }
            if interrupt_came() {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    /// The same, and shows meanwhile what it says.
    pub(super) fn wait_showing(self, mut said: PipeReader) -> Option<ExitStatus> {
        let (end, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            // What could be read is all there is.
            drop(io::copy(&mut said, &mut Heedless));
            drop(end);
        });
        let status = self.wait();
        // What it has started and left running may hold the pipe: its last words are not waited for.
        let _ = ended.recv_timeout(LAST_WORDS);
        status
    }

    /// The same with all that it printed.
    pub(super) fn output(mut self) -> Option<Output> {
        let (stdout, stderr) = (read(self.child.stdout.take()), read(self.child.stderr.take()));
        let status = self.wait()?;
        Some(Output { status, stdout: stdout.join().unwrap_or_default(), stderr: stderr.join().unwrap_or_default() })
    }

    /// The same with what it says on standard error, which is shown as it comes.
    pub(super) fn heard(mut self) -> Option<Output> {
        let (stdout, stderr) = (show(self.child.stdout.take()), show(self.child.stderr.take()));
        let status = self.wait()?;
        // All of it is shown before what is said next.
        drop(stdout.join());
        Some(Output { status, stdout: Vec::new(), stderr: stderr.join().unwrap_or_default() })
    }

    /// Waits for its end and what it printed; nothing if Ctrl-C came first.
    pub(crate) fn finish(mut self, interrupt: &Interrupt) -> Option<(ExitStatus, String)> {
        let reader = read(self.child.stdout.take());
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            if interrupt.came_within(POLL) {
                return None;
            }
        };
        Some((status, String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()))
    }

    /// What it prints, if it was started for that.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        #[cfg(unix)]
        {
            let family = Family::of(self.child.id());
            family.tell(Signal::SIGTERM);
            let begin = Instant::now();
            while begin.elapsed() < PATIENCE {
                if self.ended().is_some() && family.is_gone() {
                    return;
                }
                thread::sleep(POLL);
            }
            family.tell(Signal::SIGKILL);
        }
        // Both fail only if it has ended meanwhile, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Keeps what it is told, and shows it.
struct Shown(Vec<u8>);

impl Write for Shown {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        Heedless.write_all(new)?;
        self.0.write(new)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error, whoever looks: that they have stopped is no reason to stop half-way.
struct Heedless;

impl Write for Heedless {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        drop(io::stderr().write_all(new));
        Ok(new.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads beside everything else, so that no program waits for its pipe to be empty.
fn read(mut pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read is all there is.
        let _ = pipe.as_mut().map(|pipe| pipe.read_to_end(&mut bytes));
        bytes
    })
}

/// The same, and shows it as it comes.
fn show(mut pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut shown = Shown(Vec::new());
        let _ = pipe.as_mut().map(|pipe| io::copy(pipe, &mut shown));
        shown.0
    })
}
