//! Ctrl-C: what is under way ends, nothing else is begun, and the second time everything ends at once.

use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// How long nothing is looked at while something is waited for.
pub(super) const POLL: Duration = Duration::from_millis(20);

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
    /// From now on it no longer ends this program by itself; what is waited for elsewhere hears of it as well.
    pub(crate) fn catch() -> Result<Self> {
        let (send, came) = mpsc::channel();
        let caught = ctrlc::set_handler(move || {
            CAME.store(true, Ordering::Relaxed);
            // Nobody waits any more when the receiver is gone, and then the program is at its end.
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
