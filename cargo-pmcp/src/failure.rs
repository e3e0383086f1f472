//! Why a command could not do what it says: what happened, where, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::config::Problem;

/// The result of nearly everything here.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Ends the process with [`Failure::exit_code`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// What was asked for does not fit what is there.
    #[error("{what}\n{advice}")]
    Refused { what: String, advice: String },
    /// The command line is wrong by itself, or what was given to read.
    #[error("{what}\n{advice}")]
    Usage { what: String, advice: String },
    /// deploy.toml is wrong.
    #[error(transparent)]
    Config(#[from] Problem),
    /// deploy.toml is not there, is no text, or names what is not there.
    #[error("{what}\n{advice}")]
    Setting { what: String, advice: String },
    /// Nobody is logged in, or not any more.
    #[error("{what}\n{advice}")]
    LoggedOut { what: String, advice: String },
    /// A program or an account is missing.
    #[error("{what}\n{advice}")]
    Missing { what: String, advice: String },
    /// The platform or a program said no.
    #[error("{what}\n{advice}")]
    Failed { what: String, advice: String },
    /// Ctrl-C came, or another wish that this program end; `is_in_vain` where nothing was done that stays.
    #[error("{what}\n{advice}")]
    Interrupted { what: String, advice: String, is_in_vain: bool },
    /// Something was done that stays, and then this happened.
    #[error("{done}, but {failure}")]
    After { done: String, failure: Box<Failure> },
    /// A file could not be read or written.
    #[error("{doing} {} failed: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

impl Failure {
    /// What a script can tell apart; `--help` lists the same.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Failed { .. } | Self::File { .. } => 1,
            Self::Usage { .. } => 2,
            Self::Config(_) | Self::Setting { .. } => 3,
            Self::LoggedOut { .. } | Self::Missing { .. } => 4,
            Self::Refused { .. } => 5,
            // As shells say it of a program that Ctrl-C has ended.
            Self::Interrupted { .. } => 130,
            Self::After { failure, .. } => failure.exit_code(),
        }
    }

    pub(crate) fn refused(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn usage(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn setting(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Setting { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn logged_out(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::LoggedOut { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn missing(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Missing { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn failed(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), advice: advice.into() }
    }

    pub(crate) fn interrupted(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Interrupted { what: what.into(), advice: advice.into(), is_in_vain: false }
    }

    /// The same with another advice, where it is known what an interruption leaves.
    pub(crate) fn when_interrupted(self, new: impl Into<String>) -> Self {
        match self {
            Self::Interrupted { what, is_in_vain, .. } => Self::Interrupted { what, advice: new.into(), is_in_vain },
            Self::After { done, failure } => failure.when_interrupted(new).after(done),
            other => other,
        }
    }

    /// The same where nothing was done yet that stays, if it was interrupted there.
    pub(crate) fn in_vain(mut self) -> Self {
        if let Self::Interrupted { is_in_vain, .. } = &mut self {
            *is_in_vain = true;
        }
        self
    }

    /// The same with one more line of what happened, before what to do.
    pub(crate) fn adding(mut self, line: &str) -> Self {
        if let Some((what, _)) = self.words() {
            *what = format!("{}\n{line}", what.trim_end());
        }
        self
    }

    /// The same once something was done that stays.
    pub(crate) fn after(self, done: impl Into<String>) -> Self {
        Self::After { done: done.into(), failure: Box::new(self) }
    }

    /// The same with lines to type that name the target, as the command did that failed.
    pub(crate) fn for_target(mut self, target: &str) -> Self {
        if let Some((_, advice)) = self.words()
            && !advice.contains("--target")
        {
            for command in ["`cargo pmcp deploy", "| cargo pmcp deploy"] {
                *advice = advice.replace(command, &format!("{command} --target {target}"));
            }
        }
        self
    }

    /// The same with another advice in the place of this one.
    pub(crate) fn advising(mut self, old: &str, new: &str) -> Self {
        if let Some((_, advice)) = self.words()
            && advice == old
        {
            new.clone_into(advice);
        }
        self
    }

    /// The same in one line: what happened, without what a program had to say further, and what to do.
    pub(crate) fn in_a_line(mut self) -> String {
        if let Self::After { done, failure } = self {
            return format!("{done}, but {}", failure.in_a_line());
        }
        if let Some((what, advice)) = self.words() {
            return format!("{}; {advice}", what.lines().next().unwrap_or_default());
        }
        self.to_string().replace('\n', "; ")
    }

    /// What happened and what to do, where they are in words.
    fn words(&mut self) -> Option<(&mut String, &mut String)> {
        match self {
            Self::Refused { what, advice }
            | Self::Usage { what, advice }
            | Self::Setting { what, advice }
            | Self::LoggedOut { what, advice }
            | Self::Missing { what, advice }
            | Self::Failed { what, advice }
            | Self::Interrupted { what, advice, .. } => Some((what, advice)),
            Self::After { failure, .. } => failure.words(),
            _ => None,
        }
    }

    /// For `map_err` on what touches files.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
