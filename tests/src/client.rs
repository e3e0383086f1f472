//! A real client that nobody here wrote: a script of tests/clients that works with it, and what runs that.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{run_to_end, skip, tool};

/// A script in `tests/clients`.
#[derive(Debug)]
pub struct Client {
    interpreter: PathBuf,
    script: String,
}

impl Client {
    /// The script of this name; `None` after [`skip`] where the machine lacks what runs it.
    pub fn find(test: &str, script: &str) -> Option<Self> {
        let interpreter = if script.ends_with(".mjs") {
            node(test)
        } else if script.ends_with("_v1.py") {
            tool(test, "PMCP_PYTHON_V1", "needs a Python with mcp 1.x")
        } else {
            tool(test, "PMCP_PYTHON", "needs a Python with mcp 2.x")
        };
        Some(Self { interpreter: interpreter?, script: script.to_owned() })
    }

    /// Runs it with these arguments, the server's URL above all, and asserts that it succeeds within 60 s and makes at
    /// least `least` steps.
    ///
    /// The scripts take about 10 s on an idle machine; the rest is for a busy one.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn run(&self, arguments: &[&str], least: usize) {
        let Self { interpreter, script } = self;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let finished = run_to_end(
            Command::new(interpreter)
                .arg(folder.join(script))
                .args(arguments)
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .current_dir(&folder),
            Duration::from_secs(60),
        );
        assert!(finished.is_success(), "{script} failed: {finished}");
        // A script that asserts nothing also exits with 0.
        let steps = finished.stdout.lines().filter(|line| line.starts_with("ok ")).count();
        assert!(steps >= least, "{script} made only {steps} steps: {finished}");
    }
}

/// Node, where it has the clients' packages.
fn node(test: &str) -> Option<PathBuf> {
    let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
    let clients = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients")?;
    if !clients.join("node_modules").exists() {
        skip(test, &format!("{} has no node_modules", clients.display()));
        return None;
    }
    Some(node)
}

/// Until what is returned is dropped, other tests that ask for it wait: clients measure when progress arrives, and on a
/// small machine they would measure each other.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A client that failed says nothing about the next.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
