//! Other programs, and connections: the only place that starts a process or reaches the network.

mod browser;
mod encoded;
#[cfg(unix)]
mod family;
mod held;
mod http;
mod interrupt;
mod loopback;
mod port;
mod running;
mod terminal;

use std::env;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, PipeReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) use browser::{browser, has_browser};
pub(crate) use encoded::encode_part;
pub(crate) use held::hold;
pub(crate) use http::{HttpClient, NoResponse, Request, Response, StreamedResponse};
pub(crate) use interrupt::{Interrupt, go_on, hear_interrupts, pause};
pub(crate) use loopback::Loopback;
pub(crate) use port::{has_listener, is_free};
pub(crate) use running::Running;
pub(crate) use terminal::{ask, ask_hidden};

use crate::failure::{Failure, Result};

/// How many lines of a failed program's output are shown.
const SHOWN_LINES: usize = 20;

/// A program, and the line that installs it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) install: &'static str,
}

pub(crate) const CARGO: Program =
    Program { name: "cargo", install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" };
pub(crate) const NPM: Program = Program { name: "npm", install: "install Node.js 20 or newer: https://nodejs.org" };
pub(crate) const NPX: Program = Program { name: "npx", ..NPM };
pub(crate) const CARGO_LAMBDA: Program = Program {
    name: "cargo-lambda",
    install: "pip install cargo-lambda, in a venv where pip refuses: python3 -m venv ~/venv && . ~/venv/bin/activate",
};
pub(crate) const WRANGLER: Program = Program { name: "wrangler", install: "npm install -g wrangler" };
/// Of the version of the crate `worker`, with which it goes together.
pub(crate) const WORKER_BUILD: Program =
    Program { name: "worker-build", install: "cargo install worker-build --version 0.8.7" };
pub(crate) const AWS: Program = Program {
    name: "aws",
    install: "install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
};

impl Program {
    /// Where it is on `PATH`. What cannot be run is passed over, as shells do.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &[""] };
        env::split_paths(&env::var_os("PATH")?)
            .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{}{ending}", self.name))))
            .find(|path| is_executable(path))
    }

    /// A call of it.
    pub(crate) fn call<A: Into<OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Call> {
        let path = self.find().ok_or_else(|| {
            Failure::missing(format!("`{}` was not found on PATH", self.name), format!("to get it: {}", self.install))
        })?;
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let mut shown = self.name.to_owned();
        for argument in &arguments {
            // Writing to a string cannot fail.
            let _ = write!(shown, " {}", argument.to_string_lossy());
        }
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null());
        Ok(Call { command, shown, input: None, asks: false, secret: None })
    }
}

/// Whether it is a file that can be started.
#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// A program with its arguments. No secret is among them: others on the machine can read those.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    shown: String,
    input: Option<Hidden>,
    /// Whether it may ask the person at the terminal.
    asks: bool,
    /// A part of it that is not to be repeated by itself.
    secret: Option<Hidden>,
}

/// What nobody is to see: it goes to a program's standard input and nowhere else.
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

impl Call {
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Whatever the environment has of this, the program does not see it.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The same of all whose names begin so, but for those that are named.
    pub(crate) fn without_all(mut self, beginning: &str, but: &[&str]) -> Self {
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with(beginning) && !but.contains(&&*text) {
                self.command.env_remove(&name);
            }
        }
        self
    }

    /// One more argument, which is the same in every call and not shown.
    pub(crate) fn always(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// What it reads from standard input; if it repeats that, nobody sees it.
    pub(crate) fn input(mut self, input: Hidden) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(input);
        self
    }

    /// What is a part of its input, and nobody sees if it is repeated alone.
    pub(crate) fn hiding(mut self, secret: Hidden) -> Self {
        self.secret = Some(secret);
        self
    }

    /// It may ask the person at the terminal.
    pub(crate) fn terminal(mut self) -> Self {
        self.command.stdin(Stdio::inherit());
        self.asks = true;
        self
    }

    /// Runs it; what it prints is shown as it comes, on standard error, as standard output is for results.
    pub(crate) fn run(mut self, advice: &str) -> Result {
        self.may_start()?;
        self.hold();
        let said = self.show().map_err(|error| self.no_start(&error))?;
        let child = self.command.spawn().map_err(|error| self.no_start(&error))?;
        // Its own ends of the pipe: what it says ends when the program does.
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        let running = Running::new(child);
        let status = match said {
            Some(said) => running.wait_showing(said),
            None => running.wait(),
        };
        let status = status.ok_or_else(|| self.interrupted("during"))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::failed(format!("`{}` failed ({status}); its own words are above", self.shown), advice))
    }

    /// The same of a program whose errors are known: what it says on standard error is also returned when it fails.
    pub(crate) fn run_heard(mut self) -> Result<Result<(), Said>> {
        self.may_start()?;
        self.hold();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().map_err(|error| self.no_start(&error))?;
        let output = Running::new(child).heard().ok_or_else(|| self.interrupted("during"))?;
        Ok(self.captured(&output).map(drop))
    }

    /// Runs it and returns what it printed, or what it said when it failed.
    pub(crate) fn capture(mut self) -> Result<Result<String, Said>> {
        self.may_start()?;
        self.hold();
        // Its words are shown as text, or read by a program.
        self.command.env("NO_COLOR", "1").env("CARGO_TERM_COLOR", "never");
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(|error| self.no_start(&error))?;
        if let (Some(mut pipe), Some(Hidden(text))) = (child.stdin.take(), &self.input)
            && let Err(error) = pipe.write_all(text.as_bytes())
            // A program that ended without reading says why itself.
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(self.no_start(&error));
        }
        let output = Running::new(child).output().ok_or_else(|| self.interrupted("during"))?;
        Ok(self.captured(&output))
    }

    /// Starts it and lets it run; what it prints goes to standard error.
    pub(crate) fn start(mut self) -> Result<Running> {
        let child = self.command.stdout(Stdio::from(io::stderr())).spawn().map_err(|error| self.no_start(&error))?;
        Ok(Running::new(child))
    }

    /// The same without a word of it.
    pub(crate) fn start_quietly(mut self) -> Result<Running> {
        let child = self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Running::new(child.map_err(|error| self.no_start(&error))?))
    }

    /// Starts it without a word of it, and lets it go on after this program has ended.
    pub(crate) fn let_go(mut self) -> Result {
        let child = self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map(drop).map_err(|error| self.no_start(&error))
    }

    /// Starts it for what it prints; its standard error is shown.
    pub(crate) fn start_piped(mut self) -> Result<Running> {
        let child = self.command.stdout(Stdio::piped()).spawn().map_err(|error| self.no_start(&error))?;
        Ok(Running::new(child))
    }

    fn captured(&self, output: &Output) -> Result<String, Said> {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        // Why it failed comes last, of which the end is kept.
        let words = format!("{}\n{}", stdout.trim_end(), String::from_utf8_lossy(&output.stderr));
        let words = [&self.input, &self.secret].into_iter().flatten().fold(words, |words, told| hide(&words, told));
        let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        let words = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        Err(Said { call: self.shown.clone(), words })
    }

    /// Has it write to standard error. Only a terminal is its own to write to, where programs show more: whoever reads
    /// anything else may stop, as `| head` does, and that would end it.
    fn show(&mut self) -> io::Result<Option<PipeReader>> {
        if io::stderr().is_terminal() {
            self.command.stdout(Stdio::from(io::stderr()));
            return Ok(None);
        }
        let (said, says) = io::pipe()?;
        self.command.stdout(says.try_clone()?).stderr(says);
        Ok(Some(said))
    }

    /// It may change something, and holds what this program holds.
    fn hold(&mut self) {
        if self.input.is_none() && !self.asks {
            self.command.stdin(held::stdin());
        }
    }

    /// Nothing new is begun once Ctrl-C came.
    fn may_start(&self) -> Result {
        interrupt::go_on(&format!("`{}`", self.shown))
    }

    fn interrupted(&self, when: &str) -> Failure {
        interrupt::interrupted(when, &format!("`{}`", self.shown))
    }

    fn no_start(&self, error: &io::Error) -> Failure {
        Failure::failed(format!("`{}` could not be run: {error}", self.shown), "see that the program works by itself")
    }
}

/// Words without what was told in secret, in whatever part it was repeated, as it was or encoded.
pub(crate) fn hide(words: &str, Hidden(told): &Hidden) -> String {
    told.lines().filter(|line| !line.is_empty()).fold(words.to_owned(), |words, line| {
        let forms = encoded::forms(line);
        let forms = forms.iter().map(String::as_str).chain([line]);
        forms.fold(words, |words, form| words.replace(form, "(hidden)"))
    })
}

/// A call of a program of the user's own.
pub(crate) fn call_file(path: &Path) -> Call {
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    Call { command, shown: path.display().to_string(), input: None, asks: false, secret: None }
}

/// A line as the user's shell understands it.
pub(crate) fn shell(line: &str) -> Result<Call> {
    let (program, option) = if cfg!(windows) { ("cmd", "/C") } else { ("/bin/sh", "-c") };
    let mut command = Command::new(program);
    command.arg(option).arg(line).stdin(Stdio::null());
    Ok(Call { command, shown: line.to_owned(), input: None, asks: false, secret: None })
}

/// A failed program's last words.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) call: String,
    pub(crate) words: String,
}

impl Said {
    pub(crate) fn failed(self, advice: impl Into<String>) -> Failure {
        Failure::failed(format!("`{}` failed: {}", self.call, self.words), advice)
    }

    /// The same where it means that nobody is logged in.
    pub(crate) fn logged_out(self, advice: impl Into<String>) -> Failure {
        Failure::logged_out(format!("`{}` failed: {}", self.call, self.words), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::{Hidden, WORKER_BUILD, hide};

    #[test]
    fn what_was_told_in_secret_is_hidden_however_it_is_repeated() {
        let told = Hidden("s\"e c\nrét😀".into());
        for words in
            ["no: s\"e c, rét😀", r#"no: {"value":"s\"e c\nrét😀"}"#, r#"no: {"value":"s\"e c\nr\u00e9t\ud83d\ude00"}"#]
        {
            let hidden = hide(words, &told);
            assert!(!hidden.contains("e c") && !hidden.contains('r') && hidden.contains("(hidden)"), "{hidden}");
        }
    }

    #[test]
    fn worker_build_is_of_the_version_that_workers_are_made_with() {
        let lock: toml::Table = include_str!("../../Cargo.lock").parse().expect("a lock file");
        let packages = lock["package"].as_array().expect("packages");
        let worker = packages.iter().find(|package| package["name"].as_str() == Some("worker")).expect("is there");
        let version = worker["version"].as_str().expect("a version");
        assert_eq!(WORKER_BUILD.install, format!("cargo install worker-build --version {version}"));
        // In the text a line may end in between.
        let readme = include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        let count = readme.matches("cargo install worker-build").count();
        assert!(count > 0 && count == readme.matches(WORKER_BUILD.install).count(), "another version in README.md");
    }
}
