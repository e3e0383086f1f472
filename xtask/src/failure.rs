//! What can go wrong in a task, said so that the reader knows what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why a task, or one step of it, did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file or folder could not be read, written or removed.
    File { doing: &'static str, path: PathBuf, source: io::Error },
    /// A program could not be started.
    Start { command: String, source: io::Error },
    /// A program ended with another status than success.
    Status {
        command: String,
        status: ExitStatus,
        /// The end of what it printed, where its output was not shown already.
        output: String,
    },
    /// Something this machine lacks, with the line to type.
    Missing { what: String, advice: String },
    /// The architecture checks found something; each was printed where it was found.
    Checks { count: usize },
    /// The tests ran and something was not as it must be.
    Tests { reasons: Vec<String> },
    /// A binary weighs more than it may.
    TooLarge { name: &'static str, bytes: u64, limit: u64 },
    /// The command line asks for something that does not exist.
    Usage(String),
}

impl Failure {
    /// Turns an IO error into a failure: `fs::read(&path).map_err(Failure::file("reading", &path))`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { doing, path, source }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { doing, path, source } => write!(out, "{doing} {} failed: {source}", path.display()),
            Self::Start { command, source } => write!(out, "`{command}` did not start: {source}"),
            Self::Status { command, status, output } => {
                write!(out, "`{command}` ended with {status}")?;
                for line in output.lines() {
                    write!(out, "\n    {line}")?;
                }
                Ok(())
            }
            Self::Missing { what, advice } => write!(out, "{what}; {advice}"),
            Self::Checks { count } => write!(out, "{count} findings, each named above"),
            Self::Tests { reasons } => write!(out, "{}", reasons.join("; ")),
            Self::TooLarge { name, bytes, limit } => write!(
                out,
                "{name} has {bytes} bytes and may have {limit}; find what came in with `cargo tree -p {name} -e normal`"
            ),
            Self::Usage(what) => write!(out, "{what}"),
        }
    }
}

impl std::error::Error for Failure {}
