//! The architecture checks: each file here guards one of the invariants in ARCHITECTURE.md.

mod adapters;
mod allocations;
mod io;
mod layers;
mod lines;
mod lints;
mod paths;
mod runtime;
mod source;
mod target_arch;
mod workspace;

use std::path::Path;

use crate::failure::Failure;

/// Runs all checks and names each finding on a line of its own.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let files = workspace::rust_files(root)?;
    let mut findings = io::check(&files);
    findings.extend(io::check_clippy(root)?);
    findings.extend(runtime::check(root)?);
    findings.extend(lints::check(root, &files)?);
    findings.extend(target_arch::check(&files));
    findings.extend(allocations::check(&files));
    findings.extend(lines::check(&files));
    findings.extend(layers::check(&files));
    findings.extend(adapters::check(root)?);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Failure::Checks { count }),
    }
}
