//! The CDK from npm, as the app that cargo-pmcp writes has it locked; tests then need not install it anew.

use std::fs;
use std::path::{Path, PathBuf};

use super::node::npm;
use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;

/// What npm reads of the app's template.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder whose node_modules has the CDK. `app` is where the template of the app lives.
pub(crate) fn cdk(app: &Path, cache: &Cache, node: &Path, permission: Permission) -> Result<PathBuf, Failure> {
    let mut contents = Vec::new();
    for file in FILES {
        let path = app.join(file);
        contents.push(fs::read_to_string(&path).map_err(Failure::file("reading", &path))?);
    }
    let mut inputs: Vec<&str> = contents.iter().map(String::as_str).collect();
    // The lock file leaves out what other platforms need.
    inputs.extend([std::env::consts::OS, std::env::consts::ARCH]);
    let part = Part {
        what: "the AWS CDK from npm (230 MB)",
        folder: "cdk",
        proof: "node_modules/.package-lock.json",
        inputs: &inputs,
    };
    let find = || npm(Some(node), permission);
    cache.bring(&part, find, |folder, mut npm| {
        for (file, content) in FILES.iter().zip(&contents) {
            let path = folder.join(file);
            fs::write(&path, content).map_err(Failure::file("writing", &path))?;
        }
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        program::capture(&mut npm).map(drop)
    })
}
