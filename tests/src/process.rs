//! Child processes with a time limit, and skipping a test on a machine that lacks a tool.

use std::ffi::OsString;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a child process left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status; `None` if it had to be killed because its time was up.
    pub status: Option<ExitStatus>,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
}

impl Finished {
    /// Whether it ended in time and with exit code 0.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => writeln!(f, "{status}")?,
            None => writeln!(f, "killed: it did not end in time")?,
        }
        write!(f, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Runs `command` to its end, or kills it after `limit`.
///
/// # Panics
///
/// If the program cannot be started.
pub fn run_to_end(command: &mut Command, limit: Duration) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());

    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break Some(status);
        }
        if Instant::now() >= deadline {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child can be waited for");
            break None;
        }
        thread::sleep(Duration::from_millis(20));
    };
    Finished {
        status,
        stdout: stdout.join().expect("the reading thread lives"),
        stderr: stderr.join().expect("the reading thread lives"),
    }
}

/// Ends a program as Ctrl-C does.
///
/// # Panics
///
/// If it does not end within 20 s.
pub fn interrupt(child: &mut Child) -> ExitStatus {
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(told.success());
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "Ctrl-C does not end it");
        thread::sleep(Duration::from_millis(20));
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe
            && let Err(error) = pipe.read_to_end(&mut bytes)
        {
            bytes.extend_from_slice(format!("\n[reading stopped: {error}]").as_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The tool whose path the environment variable `variable` holds, or `None` after [`skip`].
pub fn tool(test: &str, variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    match path {
        Some(path) if path.exists() => Some(path),
        Some(path) => panic!("{variable} names {}, which does not exist", path.display()),
        None => {
            skip(test, &format!("{what}; `cargo xtask test` sets {variable}"));
            None
        }
    }
}

/// Says in one line that `test` did not run, and why; also appended to the file named by `PMCP_SKIPS`.
///
/// # Panics
///
/// With `CI=true`: there a skipped test is a failed one.
pub fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("PMCP_SKIPS") {
        append(Path::new(&path), &line);
    }
    assert!(std::env::var_os("CI") != Some(OsString::from("true")), "with CI=true nothing may be skipped: {line}");
}

fn append(path: &Path, line: &str) {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
