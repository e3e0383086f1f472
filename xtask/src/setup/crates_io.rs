//! Programs from crates.io, built into the cache.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;

/// The path of the program of `package` in this release: the one on PATH if it has it, else one built into the cache, which
/// takes minutes and is done only when asked for.
pub(super) fn from_crates_io(
    root: &Path,
    cache: &Cache,
    (package, release, folder): (&str, &str, &str),
    permission: Permission,
) -> Result<PathBuf, Failure> {
    let name = package.trim_end_matches("-cli");
    if let Some(found) = program::find(name)
        && program::capture(Command::new(&found).arg("--version"))
            .is_ok_and(|printed| printed.split_whitespace().any(|word| word == release))
    {
        return Ok(found);
    }
    let binary = format!("bin/{name}{EXE_SUFFIX}");
    let part = Part {
        what: &format!("{package} {release} (built from source, some minutes)"),
        folder,
        proof: &binary,
        inputs: &[release],
    };
    let may_build = || {
        // It changes nothing but the cache, but takes longer than somebody expects who only wants to run a test.
        if permission.install {
            return Ok(());
        }
        Err(Failure::Missing {
            what: format!("{package} {release} was not found"),
            advice: format!("type: cargo install --locked {package} --version {release} (or add --install)"),
        })
    };
    let folder = cache.bring(&part, may_build, |folder, ()| {
        // Its own lock file may name a version that a registry's mirror lacks; any other
        // version that fits does as well.
        build(root, folder, (package, release), &["--locked"]).or_else(|failure| {
            eprintln!("{failure}; trying again without --locked");
            build(root, folder, (package, release), &[])
        })
    })?;
    Ok(folder.join(binary))
}

fn build(root: &Path, folder: &Path, (package, release): (&str, &str), more: &[&str]) -> Result<(), Failure> {
    let mut command = program::cargo(root, ["install", package, "--version", release]);
    // Without a target folder of its own, cargo builds in a temporary one and removes it.
    command.env_remove("CARGO_TARGET_DIR").args(["--quiet", "--root"]).arg(folder).args(more);
    program::run(&mut command)
}
