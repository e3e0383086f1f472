//! `cargo xtask ci` and `cargo xtask check`: every check, the quick ones first, with its name and its seconds.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::architecture;
use crate::bench;
use crate::cache::Cache;
use crate::failure::Failure;
use crate::program;
use crate::setup::{self, Permission};
use crate::size;
use crate::test;
use crate::totals::Totals;

/// The failures of the steps so far; a failed step does not keep the next from running.
#[derive(Default)]
struct Report {
    failures: Vec<String>,
}

impl Report {
    fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), Failure>) {
        println!("== {name}");
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs_f32();
        match result {
            Ok(()) => println!("== {name}: done in {seconds:.1} s"),
            Err(failure) => {
                println!("== {name}: FAILED in {seconds:.1} s: {failure}");
                self.failures.push(format!("{name}: {failure}"));
            }
        }
    }

    /// Names the failures again; true if there are none.
    fn close(&self) -> bool {
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        self.failures.is_empty()
    }
}

/// Format, architecture and clippy: what a developer runs before a commit.
pub(crate) fn check(root: &Path) -> bool {
    let mut report = Report::default();
    quick_steps(root, &mut report);
    report.close()
}

/// Everything. The line with the numbers of the tests is the last one.
pub(crate) fn ci(root: &Path, cache: &Cache, permission: Permission) -> bool {
    let mut report = Report::default();
    report.step("the target for WebAssembly", || match setup::wasm_target(root, cache, permission) {
        Err(missing @ Failure::Missing { .. }) if !permission.ci => {
            println!("SKIPPED: {missing}");
            Ok(())
        }
        brought => brought.map(drop),
    });
    quick_steps(root, &mut report);
    report.step("documentation", || {
        // With all features and with none: a link to what a feature adds is broken without it.
        for features in ["--all-features", "--no-default-features"] {
            let mut command = program::cargo(root, ["doc", "--workspace", "--no-deps", "--keep-going", features]);
            program::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
        }
        Ok(())
    });
    report.step("licenses, bans, sources", || deny(root, cache, permission));
    report.step("size of what is deployed", || size::run(root, cache, permission));
    report.step("instructions and allocations", || bench::counts(root, permission));
    let mut totals: Option<Totals> = None;
    // The core once more as most servers have it, but for what the macros write, which takes minutes and knows no
    // features.
    let skipped = ["--", "--skip", "mistakes_are_named", "--skip", "names_and_types_are_free"];
    let bare = ["-p", "pmcp-core", "--no-default-features"].into_iter().chain(skipped);
    let bare: Vec<OsString> = bare.map(OsString::from).collect();
    for (name, arguments) in [("tests", &[][..]), ("tests without features", &bare)] {
        report.step(name, || {
            let outcome = test::run(root, cache, permission, arguments)?;
            totals = match (totals, outcome.totals) {
                (Some(before), Some(these)) => Some(before + these),
                (before, these) => before.or(these),
            };
            if outcome.failures.is_empty() {
                return Ok(());
            }
            Err(Failure::Tests { reasons: outcome.failures })
        });
    }
    let good = report.close();
    if let Some(totals) = totals {
        println!("{totals}");
    }
    good
}

fn quick_steps(root: &Path, report: &mut Report) {
    report.step("format", || program::run(&mut program::cargo(root, ["fmt", "--all", "--check"])));
    report.step("architecture", || architecture::run(root));
    report.step("clippy", || {
        let chosen = ["--workspace", "--all-targets", "--all-features"];
        let flags = ["clippy"].into_iter().chain(chosen).chain(["--keep-going", "--", "-D", "warnings"]);
        program::run(&mut program::cargo(root, flags))
    });
    // Tests switch features on that a user may not have.
    report.step("clippy without features", || {
        let crates = ["-p", "pmcp-core", "-p", "pmcp-cloudrun", "-p", "pmcp-lambda"];
        let flags = ["clippy"].into_iter().chain(crates).chain(["--", "-D", "warnings"]);
        program::run(&mut program::cargo(root, flags))
    });
    report.step("clippy for WebAssembly", || {
        // Debian's compiler, which builds for it where rustup cannot, comes without a clippy.
        if !has_target(root, WASM) {
            println!("SKIPPED: the compiler beside clippy has no {WASM}; type: rustup target add {WASM}");
            return Ok(());
        }
        let examples = ["calculator-workers", "conformance-workers", "notes-workers"];
        let workers = ["pmcp-workers"].into_iter().chain(examples).chain(["panicking-worker", "unbuildable-worker"]);
        let crates = workers.flat_map(|name| ["-p", name]);
        // The core shares by Arc on every target, also where its types are not Send.
        let allowed = ["--", "-D", "warnings", "-A", "clippy::arc_with_non_send_sync"];
        let flags = ["clippy", "--target", WASM].into_iter().chain(crates).chain(allowed);
        program::run(&mut program::cargo(root, flags))
    });
}

const WASM: &str = "wasm32-unknown-unknown";

/// Whether the compiler has a standard library for a target.
fn has_target(root: &Path, target: &str) -> bool {
    let mut command = Command::new("rustc");
    let folder = program::capture(command.args(["--print", "target-libdir", "--target", target]).current_dir(root));
    folder.is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Runs cargo-deny; a developer's machine without it is told how to get it and goes on.
fn deny(root: &Path, cache: &Cache, permission: Permission) -> Result<(), Failure> {
    match setup::cargo_deny(root, cache, permission) {
        Ok(binary) => program::run(
            Command::new(binary)
                .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
                .current_dir(root),
        ),
        Err(missing @ Failure::Missing { .. }) if !permission.ci => {
            println!("SKIPPED cargo-deny: {missing}");
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_kept_and_the_next_one_runs() {
        let mut report = Report::default();
        let mut ran = false;
        report.step("first", || Err(Failure::Usage("wrong".into())));
        report.step("second", || {
            ran = true;
            Ok(())
        });
        assert!(ran);
        assert_eq!(report.failures, ["first: wrong"]);
        assert!(!report.close());
    }
}
