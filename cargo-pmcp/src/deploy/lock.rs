//! Keeps two runs in one project from changing the same things.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use crate::exec::{hear_interrupts, hold};
use crate::failure::{Failure, Result};
use crate::files::no_link;

/// Locks, and has Ctrl-C told of from then on.
pub(super) fn lock(root: &Path) -> Result {
    lock_to_look(root)?;
    hear_interrupts()
}

/// Held until this process has ended, however it ends, and so have those that it starts: on Unix, and but for the ones
/// that are given a secret on their standard input, which is how the others hold it.
pub(super) fn lock_to_look(root: &Path) -> Result {
    let path = root.join(".pmcp/lock");
    fs::create_dir_all(root.join(".pmcp")).map_err(Failure::file("creating", root.join(".pmcp")))?;
    leads_nowhere(root)?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Failure::file("creating", &path))?;
    match file.try_lock() {
        Ok(()) => {
            hold(file);
            Ok(())
        }
        Err(TryLockError::WouldBlock) => Err(Failure::refused(
            format!(
                "another cargo pmcp is changing this project, or what one has started: it holds {}",
                path.display()
            ),
            "wait for it to end, and run this again",
        )),
        Err(TryLockError::Error(error)) => Err(Failure::file("locking", path)(error)),
    }
}

/// Nothing that is written over here may be a link to somebody's file.
fn leads_nowhere(root: &Path) -> Result {
    let build = root.join(".pmcp/build");
    no_link(&root.join(".pmcp"))?;
    no_link(&root.join(".pmcp/lock"))?;
    no_link(&build)?;
    let files = match fs::read_dir(&build) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files.map_err(Failure::file("reading", &build))?,
    };
    files.into_iter().try_for_each(|file| no_link(&file.map_err(Failure::file("reading", &build))?.path()))
}
