//! cargo-lambda, whose emulator of AWS Lambda the tests use: from PyPI, where it is published as a binary.

use std::path::PathBuf;
use std::process::Command;

use super::python;
use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;

const RELEASE: &str = "1.9.2";

const BINARY: &str = if cfg!(windows) { "Scripts/cargo-lambda.exe" } else { "bin/cargo-lambda" };

/// The absolute path of cargo-lambda in the one version that the tests know.
pub(crate) fn cargo_lambda(cache: &Cache, permission: Permission) -> Result<PathBuf, Failure> {
    let part = Part {
        what: &format!("cargo-lambda {RELEASE} from PyPI (35 MB)"),
        folder: "tools/cargo-lambda",
        proof: BINARY,
        inputs: &[RELEASE],
    };
    let folder = cache.bring(
        &part,
        || python::base_interpreter(permission),
        |folder, base| {
            program::capture(Command::new(base).args(["-m", "venv"]).arg(folder))?;
            let mut pip = Command::new(folder.join(python::INTERPRETER));
            pip.args(["-m", "pip", "install", "--no-input", "--quiet", "--disable-pip-version-check"]);
            // It needs zig to build for other platforms, which nothing here does.
            pip.args(["--no-deps", &format!("cargo-lambda=={RELEASE}")]);
            program::capture(&mut pip)?;
            program::capture(Command::new(folder.join(BINARY)).args(["lambda", "--version"])).map(drop)
        },
    )?;
    Ok(folder.join(BINARY))
}
