//! Programs that run beside this one, their end, and the Ctrl-C that ends all of them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{self, Child, ChildStdout, ExitStatus, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[cfg(unix)]
use nix::sys::signal::Signal;

#[cfg(unix)]
use super::family::Family;
use crate::failure::{Failure, Result};

/// How long a program may take to end in order.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) const POLL: Duration = Duration::from_millis(20);

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

    /// The same with all that it printed.
    pub(super) fn output(mut self) -> Option<Output> {
        let (stdout, stderr) = (read(self.child.stdout.take()), read(self.child.stderr.take()));
        let status = self.wait()?;
        Some(Output { status, stdout: stdout.join().unwrap_or_default(), stderr: stderr.join().unwrap_or_default() })
    }

    /// The same with what it says on standard error, which is shown as it comes.
    pub(super) fn heard(mut self) -> Option<Output> {
        let mut pipe = self.child.stderr.take();
        let stderr = thread::spawn(move || {
            let mut shown = Shown(Vec::new());
            // What could be read is all there is.
            let _ = pipe.as_mut().map(|pipe| io::copy(pipe, &mut shown));
            shown.0
        });
        let status = self.wait()?;
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

/// Keeps what it is told, and shows it on standard error.
struct Shown(Vec<u8>);

impl Write for Shown {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        // Whoever looks may have stopped; that is no reason to stop half-way.
        drop(io::stderr().write_all(new));
        self.0.write(new)
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

/// What is said of the second Ctrl-C, after which nothing is waited for.
const AT_ONCE: &str = "\nerror: interrupted twice, and so ended at once\nsee what `cargo pmcp deploy status` says, and run the same \
                       command again: it goes on from what is there\n";

/// Whether an interrupt came that is heard.
static CAME: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C does not end this program in the middle of a change: the program that it waits for is ended, and
/// no other is begun. The second one does end it.
pub(crate) fn hear_interrupts() -> Result {
    static HEARD: AtomicBool = AtomicBool::new(false);
    if HEARD.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let heard = ctrlc::set_handler(|| {
        if CAME.swap(true, Ordering::Relaxed) {
            // Nobody may read it.
            drop(io::stderr().write_all(AT_ONCE.as_bytes()));
            process::exit(130);
        }
    });
    heard.map_err(not_heard)
}

pub(super) fn interrupt_came() -> bool {
    CAME.load(Ordering::Relaxed)
}

/// Nothing more is begun once Ctrl-C came; `what` was to be next.
pub(crate) fn go_on(what: &str) -> Result {
    match interrupt_came() {
        true => Err(interrupted("before", what)),
        false => Ok(()),
    }
}

/// Waits, unless Ctrl-C comes, until `what` is next.
pub(crate) fn pause(time: Duration, what: &str) -> Result {
    let begin = Instant::now();
    loop {
        go_on(what)?;
        match time.checked_sub(begin.elapsed()) {
            Some(left) if !left.is_zero() => thread::sleep(left.min(POLL)),
            _ => return Ok(()),
        }
    }
}

/// What this comes to, unless Ctrl-C comes first: then it is left alone, and ends with this program. `what` is done
/// meanwhile, as it stands in a sentence after "while".
pub(crate) fn unless_interrupted<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    go_on(what)?;
    let (send, done) = mpsc::channel();
    // Nobody waits for it any more after an interrupt.
    thread::spawn(move || drop(send.send(work())));
    loop {
        match done.recv_timeout(POLL) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) if interrupt_came() => return Err(interrupted("while", what)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::failed(format!("{what} came to no end"), "please report this as a bug"));
            }
        }
    }
}

pub(super) fn interrupted(when: &str, what: &str) -> Failure {
    Failure::interrupted(
        format!("interrupted {when} {what}"),
        "see what `cargo pmcp deploy status` says, and run the same command again: it goes on from what is there",
    )
}

fn not_heard(error: ctrlc::Error) -> Failure {
    Failure::failed(format!("Ctrl-C cannot be waited for: {error}"), "please report this as a bug")
}

/// Ctrl-C, or what else asks this program to end.
pub(crate) struct Interrupt {
    came: Receiver<()>,
}

impl Interrupt {
    /// From now on it no longer ends this program by itself.
    pub(crate) fn catch() -> Result<Self> {
        let (send, came) = mpsc::channel();
        // Nobody waits any more when the receiver is gone, and then the program is at its end.
        let caught = ctrlc::set_handler(move || {
            let _ = send.send(());
        });
        caught.map_err(not_heard)?;
        Ok(Self { came })
    }

    /// Waits for it, but not longer than this. Once it came, it came for good.
    pub(crate) fn came_within(&self, time: Duration) -> bool {
        !matches!(self.came.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

/// Whether nobody listens on this port of this machine.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody does.
pub(crate) fn has_listener(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
