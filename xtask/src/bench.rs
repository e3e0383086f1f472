//! `cargo xtask bench`: brings what the benchmarks use and runs them; and the counts that CI holds the core to.

use std::ffi::OsString;
use std::path::Path;

use crate::cache::Cache;
use crate::failure::Failure;
use crate::program;
use crate::setup::{self, Permission};

/// Runs `pmcp-benches` with these arguments.
pub(crate) fn run(root: &Path, cache: &Cache, permission: Permission, arguments: &[OsString]) -> Result<(), Failure> {
    let tools = setup::bench_tools(root, cache, permission)?;
    if let Err(missing) = setup::valgrind(permission) {
        eprintln!("instructions will not be counted: {missing}");
    }
    // The profile `bench` is `release` with names, by which callgrind finds what it counts.
    let flags = ["run", "--quiet", "--profile", "bench", "--package", "pmcp-benches", "--"];
    let mut command = program::cargo(root, flags);
    command.args(arguments).envs(tools.environment.iter().map(|(name, path)| (name, path)));
    program::run(&mut command)
}

/// Holds the instructions and the allocations of one answer to what they were.
pub(crate) fn counts(root: &Path, permission: Permission) -> Result<(), Failure> {
    let mut benches = vec!["allocations"];
    match setup::valgrind(permission) {
        Ok(()) => benches.push("instructions"),
        Err(missing @ Failure::Missing { .. }) if !permission.ci => println!("SKIPPED instructions: {missing}"),
        Err(failure) => return Err(failure),
    }
    for bench in benches {
        let flags = ["bench", "--quiet", "--package", "pmcp-benches", "--bench", bench, "--", "--gate"];
        program::run(&mut program::cargo(root, flags))?;
    }
    Ok(())
}
