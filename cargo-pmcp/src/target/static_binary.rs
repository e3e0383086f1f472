//! Builds a server into one file that needs nothing else on its machine: no C library, no loader.

use std::env::consts::{ARCH, OS};
use std::path::PathBuf;

use super::{executable, zig};
use crate::config::Architecture;
use crate::deploy::Project;
use crate::exec::{CARGO, Program};
use crate::failure::{Failure, Result};
use crate::workspace::{Adapter, Workspace};

const CARGO_ZIGBUILD: Program =
    Program { name: "cargo-zigbuild", install: "pip install cargo-zigbuild, and rustup target add TARGET" };

/// What builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    /// The compiler of this machine, where it has the platform's processor and system.
    Host,
    CargoZigbuild,
}

/// The package whose binary is deployed.
pub(super) struct Package {
    pub(super) name: String,
    target_folder: PathBuf,
}

impl Package {
    pub(super) fn find(project: &Project, adapter: &Adapter) -> Result<Self> {
        let workspace = Workspace::load(&project.root)?;
        let name = workspace.server(adapter, Some(&project.config.server))?;
        workspace.check_binary(&name)?;
        Ok(Self { name, target_folder: workspace.target_directory })
    }
}

impl Builder {
    pub(super) fn find(architecture: Architecture) -> Result<Self> {
        if fits_host(architecture, OS, ARCH) {
            return Ok(Self::Host);
        }
        if CARGO_ZIGBUILD.find().is_some() {
            let (what, install) = zig::missing(&CARGO_ZIGBUILD);
            return match zig::is_there() {
                true => Ok(Self::CargoZigbuild),
                false => Err(Failure::missing(what, format!("to get what does: {install}"))),
            };
        }
        let target = Self::CargoZigbuild.target(architecture);
        Err(Failure::missing(
            format!("nothing on this machine ({OS} on {ARCH}) builds for Linux on {}", architecture.name()),
            format!("to get what does: {}", CARGO_ZIGBUILD.install.replace("TARGET", &target)),
        ))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Host => "the compiler of this machine",
            Self::CargoZigbuild => CARGO_ZIGBUILD.name,
        }
    }

    /// zig brings musl as a library to link; of the GNU one it has only what is shared.
    fn target(self, architecture: Architecture) -> String {
        let library = match self {
            Self::Host if cfg!(target_env = "gnu") => "gnu",
            Self::Host | Self::CargoZigbuild => "musl",
        };
        format!("{}-unknown-linux-{library}", architecture.rust_name())
    }

    fn arguments(self, package: &str, architecture: Architecture) -> Vec<String> {
        let target = self.target(architecture);
        match self {
            Self::Host => executable::static_build(package, &target),
            // With musl that is so by itself.
            Self::CargoZigbuild => {
                executable::words(&format!("zigbuild --release --target {target} --package {package}"))
            }
        }
    }

    /// As a person would type it.
    pub(super) fn shown(self, package: &str, architecture: Architecture) -> String {
        format!("cargo {}", self.arguments(package, architecture).join(" "))
    }

    /// Builds, and returns where the executable is.
    pub(super) fn build(self, project: &Project, package: &Package, architecture: Architecture) -> Result<PathBuf> {
        let name = &package.name;
        let call = CARGO.call(self.arguments(name, architecture))?.folder(&project.root);
        let built = package.target_folder.join(self.target(architecture)).join("release").join(name);
        executable::build(call, name, built)
    }
}

fn fits_host(architecture: Architecture, os: &str, arch: &str) -> bool {
    os == "linux" && arch == architecture.rust_name() && cfg!(any(target_env = "gnu", target_env = "musl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_builds_for_itself_alone() {
        assert!(!fits_host(Architecture::Arm64, "linux", "x86_64"));
        assert!(!fits_host(Architecture::X86_64, "macos", "x86_64"));
        assert_eq!(fits_host(Architecture::X86_64, "linux", "x86_64"), cfg!(target_os = "linux"));
    }

    #[test]
    fn zig_links_musl() {
        let shown = Builder::CargoZigbuild.shown("crm-cloudrun", Architecture::Arm64);
        assert_eq!(shown, "cargo zigbuild --release --target aarch64-unknown-linux-musl --package crm-cloudrun");
    }
}
