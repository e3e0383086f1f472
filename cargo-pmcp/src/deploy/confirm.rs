//! The question before what cannot be taken back: whoever means it types the server's name.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::{Failure, Result};
use crate::output::plain;

/// Whether there is somebody to ask.
pub(super) fn is_anybody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Shows what is about to happen, and has the name typed; `undone` says what did not happen if it is another.
pub(super) fn confirm(shown: impl Display, name: &str, undone: &str) -> Result {
    let mut err = io::stderr().lock();
    let shown =
        write!(err, "{}\nType the server's name to go on: ", plain(&shown.to_string())).and_then(|()| err.flush());
    shown.map_err(Failure::file("writing", "the terminal"))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::file("reading", "the terminal"))?;
    match answer.trim() == name {
        true => Ok(()),
        false => Err(Failure::refused(format!("{undone}: that is not its name"), format!("it is called {name}"))),
    }
}
