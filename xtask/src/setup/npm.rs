//! Packages from npm, each list of them in a folder of the cache.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::system::{self, Package, Permission};
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;

/// What npm reads; anything else beside them is not part of an installation.
pub(super) const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

const NPM: Package = Package { what: "npm", apt: "npm", brew: "node" };

/// The folder of the cache whose node_modules has what the package.json in `source` names; `files` are copied from there.
pub(super) fn from_npm(
    (what, folder): (&str, &str),
    (source, files): (&Path, &[&str]),
    cache: &Cache,
    node: &Path,
    permission: Permission,
) -> Result<PathBuf, Failure> {
    let mut contents = Vec::new();
    for file in files {
        let path = source.join(file);
        contents.push(fs::read_to_string(&path).map_err(Failure::file("reading", &path))?);
    }
    let mut inputs: Vec<&str> = contents.iter().map(String::as_str).collect();
    // The lock file leaves out what other platforms need.
    inputs.extend([OS, ARCH]);
    let part = Part { what, folder, proof: "node_modules/.package-lock.json", inputs: &inputs };
    let find = || npm(Some(node), permission);
    cache.bring(&part, find, |folder, mut npm| {
        for (file, content) in files.iter().zip(&contents) {
            let path = folder.join(file);
            fs::write(&path, content).map_err(Failure::file("writing", &path))?;
        }
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        program::capture(&mut npm).map(drop)
    })
}

/// A command that starts npm, on the Node given or on the one that PATH has.
pub(super) fn npm(node: Option<&Path>, permission: Permission) -> Result<Command, Failure> {
    let binary = match program::find("npm") {
        Some(binary) => binary,
        None => {
            system::install(&NPM, permission)?;
            program::find("npm").ok_or_else(|| Failure::Missing {
                what: "npm was installed and is still not on PATH".into(),
                advice: "add its folder to PATH".into(),
            })?
        }
    };
    let mut command = Command::new(binary);
    if let Some(folder) = node.and_then(Path::parent) {
        let path: OsString = program::path_starting_with(folder);
        command.env("PATH", path);
    }
    Ok(command)
}
