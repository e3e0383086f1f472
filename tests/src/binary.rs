//! Builds executables of the workspace once and says where they are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// The executable of package `name`, built with the profile the tests themselves were built with.
///
/// # Panics
///
/// If cargo cannot be started, the build fails, or the package has no executable of that name.
pub fn binary(name: &str) -> PathBuf {
    built(&["--package", name], name)
}

/// The same for an example, which has the features of its package's tests.
///
/// # Panics
///
/// As [`binary`].
pub fn example(package: &str, name: &str) -> PathBuf {
    built(&["--package", package, "--example", name], name)
}

fn built(what: &[&str], name: &str) -> PathBuf {
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    built.get_or_insert_default().entry(what.join(" ")).or_insert_with(|| build(what, name)).clone()
}

fn build(what: &[&str], name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--message-format=json"]).args(what);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output =
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().expect("cargo starts");
    let messages = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo build {} failed:\n{messages}", what.join(" "));

    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .unwrap_or_else(|| panic!("cargo build {} makes no executable called {name}", what.join(" ")))
}
