//! What this program holds as long as it runs, and those with it that it starts to change something: they may outlive it.

use std::fs::File;
use std::process::Stdio;
use std::sync::OnceLock;

/// A file that is locked, which is so for all who have it open.
static HELD: OnceLock<File> = OnceLock::new();

/// Holds this file from now on.
pub(crate) fn hold(file: File) {
    // It is locked once: a second file would be another project's, of which there is one in a run.
    drop(HELD.set(file));
}

/// What a program reads from that is to read nothing: the file, which has nothing in it, keeps it held by that program too.
pub(super) fn stdin() -> Stdio {
    // On Windows nobody can read what another has locked.
    let held = HELD.get().filter(|_| cfg!(unix)).and_then(|file| file.try_clone().ok());
    held.map_or_else(Stdio::null, Stdio::from)
}
