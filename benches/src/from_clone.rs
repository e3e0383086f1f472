//! What a user waits for: a clean build of a server in debug mode until its first answer, and how much is downloaded.

use std::{
    fs,
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Result,
    builds::Workspace,
    http::Place,
    process::{Process, first_answer, free_port},
    report::{OURS, Report},
};

const TABLE: &str = "From a clone to the first answer";

/// Counts the crates, and, unless it must be quick, builds from nothing.
pub fn measure(report: &mut Report, quick: bool) {
    let servers = [(OURS, Workspace::Own, "calculator-cloudrun"), ("rmcp", Workspace::Peers, "rmcp-http")];
    for (name, workspace, package) in servers {
        report.try_to(package, |report| {
            let crates = workspace.crates(package)?;
            report.figure(TABLE, name, "crates of the HTTP server", crates);
            report.measure(format!("crates/{package}"), crates);
            Ok(())
        });
    }
    let functions = [(OURS, Workspace::Own, "calculator-lambda"), ("rmcp", Workspace::Peers, "rmcp-lambda")];
    for (name, workspace, package) in functions {
        report.try_to(package, |report| {
            let crates = workspace.crates(package)?;
            report.figure(TABLE, name, "crates of the function", crates);
            report.measure(format!("crates/{package}"), crates);
            Ok(())
        });
    }
    if quick {
        return report.note("Left out of a quick run: clean builds.");
    }
    let mut seconds = Vec::new();
    for (name, workspace, package) in servers {
        report.try_to(package, |report| {
            let took = clean_build(workspace, package)?;
            report.figure(TABLE, name, "clean debug build to first answer, s", took);
            seconds.push(took);
            Ok(())
        });
    }
    if let [ours, theirs] = seconds[..] {
        report.measure("build/rmcp", ours / theirs);
    }
}

/// How many seconds there are from an empty target folder to the first answer.
fn clean_build(workspace: Workspace, package: &str) -> Result<f64> {
    let target = std::env::temp_dir().join(format!("pmcp-bench-{}-{package}", std::process::id()));
    // What is downloaded is there already: its time is the network's.
    let fetched = workspace.cargo().args(["fetch", "--locked", "--quiet"]).status()?;
    if !fetched.success() {
        return Err(format!("cargo fetch ended with {fetched}").into());
    }
    let begin = Instant::now();
    let built = (|| {
        let program = workspace.build(package, &[], |cargo| {
            cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "1").stdout(Stdio::piped());
        })?;
        let addr = free_port()?;
        let mut process = Process::start(Command::new(program).env("PORT", addr.port().to_string()))?;
        first_answer(&mut process, Place { addr, path: "/mcp" })?;
        Ok(begin.elapsed().as_secs_f64())
    })();
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    built
}
