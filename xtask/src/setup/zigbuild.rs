//! cargo-zigbuild and zig, with which functions are built for a C library of another age: from PyPI, as binaries.

use std::path::PathBuf;

use super::python;
use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;

const ZIGBUILD: &str = "cargo-zigbuild==0.24.0";
const ZIG: &str = "ziglang==0.17.1";

const BINARY: &str = if cfg!(windows) { "Scripts/cargo-zigbuild.exe" } else { "bin/cargo-zigbuild" };

/// The absolute path of cargo-zigbuild, which has zig beside it.
pub(crate) fn zigbuild(cache: &Cache, permission: Permission) -> Result<PathBuf, Failure> {
    let part = Part {
        what: "cargo-zigbuild and zig from PyPI (100 MB)",
        folder: "tools/zigbuild",
        proof: BINARY,
        inputs: &[ZIGBUILD, ZIG],
    };
    python::from_pypi(cache, &part, &[ZIGBUILD, ZIG], &["--version"], permission)
}
