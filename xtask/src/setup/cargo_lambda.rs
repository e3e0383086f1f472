//! cargo-lambda, whose emulator of AWS Lambda the tests use: from PyPI, where it is published as a binary.

use std::path::PathBuf;

use super::python;
use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;

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
    // It needs zig to build for other platforms, which nothing here does.
    let requirements = [&*format!("cargo-lambda=={RELEASE}")];
    python::from_pypi(cache, &part, &requirements, &["lambda", "--version"], permission)
}
