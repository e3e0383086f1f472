//! `cargo xtask test`: brings what the tests use, runs them and says how many passed, failed and skipped.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::cache::Cache;
use crate::failure::Failure;
use crate::program;
use crate::setup::{self, Permission, Tools};
use crate::totals::Totals;
use crate::wasm;

/// The file to which a test that skips appends its line.
const SKIPS: &str = "PMCP_SKIPS";

/// What a run of the tests came to.
pub(crate) struct Outcome {
    /// None if not a single test program ran.
    pub(crate) totals: Option<Totals>,
    /// Why the run counts as failed; empty if it does not.
    pub(crate) failures: Vec<String>,
}

/// Brings the tools and runs `cargo test --workspace --all-features` with these arguments added.
pub(crate) fn run(
    root: &Path,
    cache: &Cache,
    permission: Permission,
    arguments: &[OsString],
) -> Result<Outcome, Failure> {
    let tools = setup::tools(root, cache, permission)?;
    let folder = cache.folder("tmp");
    fs::create_dir_all(&folder).map_err(Failure::file("creating", &folder))?;
    let skips = folder.join(format!("skips-{}.txt", std::process::id()));
    fs::write(&skips, "").map_err(Failure::file("writing", &skips))?;

    let mut command = cargo_test(root, arguments);
    command.env(SKIPS, &skips);
    for variable in setup::variables() {
        command.env_remove(variable);
    }
    command.envs(tools.environment.iter().map(|(name, path)| (name, path)));
    let (mut status, mut totals) = stream(&mut command)?;
    if arguments.is_empty()
        && let Some(mut command) = wasm::cargo_test(root, &tools)
    {
        println!("the core once more, as WebAssembly");
        let (as_wasm, found) = stream(&mut command)?;
        if status.success() {
            status = as_wasm;
        }
        totals = totals.zip(found).map(|(native, wasm)| native + wasm).or(totals).or(found);
    }

    let lines = fs::read_to_string(&skips).map_err(Failure::file("reading", &skips))?;
    fs::remove_file(&skips).map_err(Failure::file("removing", &skips))?;
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in &lines {
        println!("{line}");
    }
    let failures = judge(status, totals, lines.len(), &tools, permission);
    // In CI a test that skips also fails, and cargo test has counted it so.
    let skipped = if permission.ci { 0 } else { lines.len() as u64 };
    let totals = totals.map(|totals| totals.with_skipped(skipped));
    Ok(Outcome { totals, failures })
}

fn cargo_test(root: &Path, arguments: &[OsString]) -> Command {
    let mut command = program::cargo(root, ["test", "--no-fail-fast"]);
    let chosen = arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with("-p") || argument.starts_with("--package")
    });
    if !chosen {
        command.arg("--workspace");
    }
    // What a feature adds has tests too; whoever names features means those.
    let features = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument.to_string_lossy().contains("-features"));
    if !features {
        command.arg("--all-features");
    }
    command.args(arguments);
    command
}

/// Runs cargo test, lets its output through and adds up what it says.
fn stream(command: &mut Command) -> Result<(ExitStatus, Option<Totals>), Failure> {
    let start = |source| Failure::Start { command: "cargo test".into(), source };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(start)?;
    let mut totals = None;
    if let Some(stdout) = child.stdout.take() {
        pass_through(BufReader::new(stdout), io::stdout(), |line| {
            if let Some(found) = Totals::parse(line) {
                totals = Some(totals.unwrap_or_default() + found);
            }
        })
        .map_err(|source| Failure::Start { command: "reading from cargo test".into(), source })?;
    }
    let status = child.wait().map_err(start)?;
    Ok((status, totals))
}

/// Copies lines as they are, even where they are not UTF-8, and shows each to `see`.
fn pass_through(mut from: impl BufRead, mut to: impl Write, mut see: impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        see(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

/// Why the run failed. Where nobody looks on, a skipped test is a failed one.
fn judge(
    status: ExitStatus,
    totals: Option<Totals>,
    skips: usize,
    tools: &Tools,
    permission: Permission,
) -> Vec<String> {
    let mut failures = Vec::new();
    if !status.success() {
        failures.push(match totals {
            Some(totals) if totals.failed > 0 => format!("failed tests: {}", totals.failed),
            _ => format!("cargo test did not run all tests ({status})"),
        });
    }
    if permission.ci {
        if skips > 0 {
            failures.push(format!("skipped tests, although CI is set: {skips}"));
        }
        failures.extend(tools.missing.iter().cloned());
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    const CI: Permission = Permission { ci: true, install: true };
    const DEVELOPER: Permission = Permission { ci: false, install: false };

    fn arguments(of: &Command) -> Vec<String> {
        of.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn all_packages_and_features_are_tested_unless_some_are_named() {
        let given = |list: &[&str]| {
            let list: Vec<OsString> = list.iter().map(OsString::from).collect();
            arguments(&cargo_test(Path::new("."), &list))
        };
        let all = ["test", "--no-fail-fast", "--workspace", "--all-features"];
        assert_eq!(given(&[]), all);
        assert_eq!(given(&["--", "-p"])[..4], all);
        assert_eq!(given(&["-p", "xtask"]), ["test", "--no-fail-fast", "--all-features", "-p", "xtask"]);
        let bare = ["-p", "pmcp-core", "--no-default-features"];
        assert_eq!(given(&bare), ["test", "--no-fail-fast", "-p", "pmcp-core", "--no-default-features"]);
    }

    #[test]
    fn lines_pass_as_they_are_and_are_seen() {
        let printed = b"running 1 test\n\xff\ntest result: ok. 1 passed; 0 failed\nno newline";
        let (mut copy, mut seen) = (Vec::new(), Vec::new());
        pass_through(&printed[..], &mut copy, |line| seen.push(line.to_owned())).expect("memory does not fail");
        assert_eq!(copy, printed);
        assert_eq!(seen.len(), 4);
        assert_eq!(seen[2], "test result: ok. 1 passed; 0 failed");
    }

    #[test]
    fn what_is_missing_fails_only_where_nobody_looks_on() {
        let tools = Tools { environment: Vec::new(), missing: vec!["npm was not found".into()] };
        let judged = |permission| judge(ExitStatus::default(), None, 2, &tools, permission);
        assert_eq!(judged(DEVELOPER), Vec::<String>::new());
        assert_eq!(judged(CI), ["skipped tests, although CI is set: 2", "npm was not found"]);
    }
}
