//! What is typed at the terminal, shown or not: Ctrl-C ends every question at once.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

#[cfg(unix)]
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::Hidden;
use super::interrupt::{POLL, hear_interrupts, interrupt_came, interrupted};
use crate::failure::{Failure, Result};

/// Asks for `what`, a line that is not shown. However that ends, what is typed next is shown again.
pub(crate) fn ask_hidden(what: &str) -> Result<Hidden> {
    hear_interrupts()?;
    #[cfg(unix)]
    let before = hide();
    let prompt = format!("{what} (it is not shown): ");
    let prompt = prompt[..1].to_uppercase() + &prompt[1..];
    let typed = typed(what, || rpassword::prompt_password(prompt));
    #[cfg(unix)]
    if let Some(before) = before {
        // It fails only if the terminal is gone.
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
    }
    typed.map(Hidden)
}

/// Asks for `what`, a line that is shown as it is typed.
pub(crate) fn ask(prompt: &str, what: &str) -> Result<String> {
    // Before somebody can have read the prompt.
    hear_interrupts()?;
    let mut err = io::stderr();
    let asked = err.write_all(prompt.as_bytes()).and_then(|()| err.flush());
    asked.map_err(Failure::file("writing", "the terminal"))?;
    let line = typed(what, || {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    if interrupt_came() {
        // The terminal shows the key where the question ends.
        drop(writeln!(err));
    }
    line
}

/// What is read of the terminal, unless Ctrl-C comes first.
fn typed(what: &str, read: impl FnOnce() -> io::Result<String> + Send + 'static) -> Result<String> {
    let (send, typed) = mpsc::channel();
    // It may still wait for its line when nobody waits for it any more.
    thread::spawn(move || drop(send.send(read())));
    let typed = loop {
        match typed.recv_timeout(POLL) {
            Err(RecvTimeoutError::Timeout) if !interrupt_came() => {}
            typed => break typed.ok(),
        }
    };
    match typed {
        Some(Ok(text)) => Ok(text),
        Some(Err(error)) if error.kind() != io::ErrorKind::Interrupted => {
            Err(Failure::file("reading", "the terminal")(error))
        }
        _ => Err(interrupted("before", &format!("{what} was typed"))),
    }
}

/// Shows no more what is typed, before somebody can have read the prompt; how the terminal was before.
#[cfg(unix)]
fn hide() -> Option<Termios> {
    let before = tcgetattr(io::stdin()).ok()?;
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(io::stdin(), SetArg::TCSANOW, &hidden).ok()?;
    Some(before)
}
