//! cargo-deny, in the one version that checks this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;
use crate::version::Version;

const VERSION: Version = Version(0, 20, 2);

/// The path of cargo-deny: the one on PATH if it has the right version, else one built into the
/// cache, which takes minutes and is done only when asked for.
pub(crate) fn cargo_deny(root: &Path, cache: &Cache, permission: Permission) -> Result<PathBuf, Failure> {
    if let Some(binary) = program::find("cargo-deny")
        && program::capture(Command::new(&binary).arg("--version"))
            .is_ok_and(|printed| Version::parse(&printed) == Some(VERSION))
    {
        return Ok(binary);
    }
    let release = VERSION.to_string();
    let binary = if cfg!(windows) { "bin/cargo-deny.exe" } else { "bin/cargo-deny" };
    let part = Part {
        what: &format!("cargo-deny {release} (built from source, some minutes)"),
        folder: "tools/cargo-deny",
        proof: binary,
        inputs: &[&release],
    };
    let may_build = || {
        if permission.install {
            return Ok(());
        }
        Err(Failure::Missing {
            what: format!("cargo-deny {release} was not found"),
            advice: format!("type: cargo install --locked cargo-deny --version {release} (or add --install)"),
        })
    };
    let _only_one = cache.lock()?;
    let folder = cache.bring(&part, may_build, |folder, ()| {
        // Its own lock file may name a version that a registry's mirror lacks; any other
        // version that fits does as well.
        build(root, folder, &release, &["--locked"]).or_else(|failure| {
            eprintln!("{failure}; trying again without --locked");
            build(root, folder, &release, &[])
        })
    })?;
    Ok(folder.join(binary))
}

fn build(root: &Path, folder: &Path, release: &str, more: &[&str]) -> Result<(), Failure> {
    let mut command = program::cargo(root, ["install", "cargo-deny", "--version", release]);
    // Without a target folder of its own, cargo builds in a temporary one and removes it.
    command.env_remove("CARGO_TARGET_DIR");
    command.args(["--quiet", "--root"]).arg(folder).args(more);
    program::run(&mut command)
}
