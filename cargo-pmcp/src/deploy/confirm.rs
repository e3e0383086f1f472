//! The question before what cannot be taken back: whoever means it types the server's name.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use crate::exec::ask;
use crate::failure::{Failure, Result};
use crate::output::plain;

/// Whether there is somebody to ask.
pub(super) fn is_anybody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Shows what is about to happen, and has the name typed; `undone` says what did not happen if it is another.
pub(super) fn confirm(shown: impl Display, name: &str, undone: &str) -> Result {
    let prompt = format!("{}\nType the server's name to go on: ", plain(&shown.to_string()));
    let answer = ask(&prompt, "the server's name").map_err(|failure| failure.when_interrupted(undone))?;
    match answer.trim() == name {
        true => Ok(()),
        false => Err(Failure::refused(format!("{undone}: that is not its name"), format!("it is called {name}"))),
    }
}
