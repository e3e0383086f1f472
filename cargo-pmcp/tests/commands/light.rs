//! The tool is quick to install and to start.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Folder;

#[test]
fn it_is_made_of_few_crates() {
    let arguments =
        ["tree", "--package", "cargo-pmcp", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("cargo starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let crates: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!((20..=150).contains(&crates.len()), "{} crates", crates.len());
}

#[test]
fn it_starts_at_once() {
    let folder = Folder::new("start");
    let times = (0..20).map(|_| {
        let begin = Instant::now();
        folder.printed(&["--version"]);
        begin.elapsed()
    });
    // The quickest, as what else runs on the machine says nothing of this.
    let quickest = times.min().expect("it was started");
    assert!(quickest < Duration::from_millis(20), "{quickest:?}");
}
