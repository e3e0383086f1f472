//! Keeps two runs in one project from changing the same things.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::exec::hear_interrupts;
use crate::failure::{Failure, Result};

/// Held until it is dropped, or the process ends however it ends. From then on, Ctrl-C is told of.
pub(super) fn lock(root: &Path) -> Result<File> {
    let path = root.join(".pmcp/lock");
    fs::create_dir_all(root.join(".pmcp")).map_err(Failure::file("creating", root.join(".pmcp")))?;
    let file = File::create(&path).map_err(Failure::file("creating", &path))?;
    match file.try_lock() {
        Ok(()) => hear_interrupts().map(|()| file),
        Err(TryLockError::WouldBlock) => Err(Failure::refused(
            format!("another cargo pmcp is changing this project: it holds {}", path.display()),
            "wait for it to end, and run this again",
        )),
        Err(TryLockError::Error(error)) => Err(Failure::file("locking", path)(error)),
    }
}
