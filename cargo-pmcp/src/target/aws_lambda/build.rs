//! Builds the executable that Lambda starts, with whatever on this machine can build for its processor.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::PathBuf;

use crate::config::{Architecture, Config};
use crate::deploy::Project;
use crate::exec::{CARGO, CARGO_LAMBDA, Program};
use crate::failure::{Failure, Result};
use crate::target::{executable, zig};
use crate::toml_text::has;
use crate::workspace::{LAMBDA, Workspace};

const CARGO_ZIGBUILD: Program = Program { name: "cargo-zigbuild", install: "pip install cargo-zigbuild" };

/// What builds, in the order in which it is looked for: the first two with Zig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    CargoLambda,
    CargoZigbuild,
    /// The compiler of this machine, where it has Lambda's processor and system.
    Host,
}

/// The package whose binary is deployed.
pub(super) struct Package {
    pub(super) name: String,
    /// Of pmcp-lambda.
    features: Vec<String>,
    folder: PathBuf,
    target_folder: PathBuf,
}

impl Builder {
    pub(super) fn find(architecture: Architecture) -> Result<Self> {
        let found = [(CARGO_LAMBDA, Self::CargoLambda), (CARGO_ZIGBUILD, Self::CargoZigbuild)];
        let found = found.into_iter().find(|(program, _)| program.find().is_some());
        match &found {
            Some((_, builder)) if zig::is_there() => return Ok(*builder),
            _ if fits_host(architecture, OS, ARCH) => return Ok(Self::Host),
            _ => {}
        }
        let own = [Architecture::Arm64, Architecture::X86_64].into_iter().find(|own| fits_host(*own, OS, ARCH));
        let own = own.map(|own| {
            let name = own.name();
            format!("; or set `architecture = \"{name}\"` under [aws] in .pmcp/deploy.toml, which needs nothing else")
        });
        let (what, install) = match found {
            Some((program, _)) => zig::missing(&program),
            None => (
                format!("nothing on this machine ({OS} on {ARCH}) builds for Linux on {}", architecture.name()),
                CARGO_LAMBDA.install,
            ),
        };
        Err(Failure::missing(what, format!("to get what does: {install}{}", own.unwrap_or_default())))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CargoLambda => CARGO_LAMBDA.name,
            Self::CargoZigbuild => CARGO_ZIGBUILD.name,
            Self::Host => "the compiler of this machine",
        }
    }

    fn arguments(self, package: &str, architecture: Architecture) -> Vec<String> {
        let target = format!("{}-unknown-linux-gnu", architecture.rust_name());
        match self {
            Self::CargoLambda => {
                executable::words(&format!("lambda build --release --target {target} --package {package}"))
            }
            // The C library of Amazon Linux 2023.
            Self::CargoZigbuild => {
                executable::words(&format!("zigbuild --release --target {target}.2.34 --package {package}"))
            }
            // The C library of this machine may be newer than Lambda's.
            Self::Host => executable::static_build(package, &target),
        }
    }

    /// As a person would type it.
    pub(super) fn shown(self, package: &str, architecture: Architecture) -> String {
        format!("cargo {}", self.arguments(package, architecture).join(" "))
    }

    /// Builds, and returns where the executable is.
    pub(super) fn build(self, project: &Project, package: &Package, architecture: Architecture) -> Result<PathBuf> {
        let mut call = CARGO.call(self.arguments(&package.name, architecture))?.folder(&project.root);
        let name = &package.name;
        let built = match self {
            Self::CargoLambda => {
                // Its own settings may have it make a zip, or put it elsewhere.
                let folder = package.target_folder.join("lambda");
                call = call.always("--output-format=binary").always(&format!("--lambda-dir={}", folder.display()));
                folder.join(name).join("bootstrap")
            }
            Self::CargoZigbuild | Self::Host => {
                let target = format!("{}-unknown-linux-gnu", architecture.rust_name());
                package.target_folder.join(target).join("release").join(name)
            }
        };
        executable::build(call, name, built)
    }
}

fn fits_host(architecture: Architecture, os: &str, arch: &str) -> bool {
    os == "linux" && arch == architecture.rust_name() && cfg!(target_env = "gnu")
}

impl Package {
    pub(super) fn find(project: &Project) -> Result<Self> {
        let workspace = Workspace::load(&project.root)?;
        let name = workspace.server(&LAMBDA, Some(&project.config.server))?;
        workspace.check_binary(&name)?;
        let features = workspace.features(&name, &LAMBDA);
        let folder = workspace.folder(&name).unwrap_or_default();
        Ok(Self { name, features, folder, target_folder: workspace.target_directory })
    }

    /// Whether the server, as its Cargo.toml has it, can do what deploy.toml asks of it.
    pub(super) fn check_features(&self, config: &Config) -> Result {
        if config.secrets.is_empty() || self.features.iter().any(|feature| feature == "secrets") {
            return Ok(());
        }
        let manifest = self.folder.join("Cargo.toml");
        // Cargo has just read it; without it the advice is the longer one.
        let text = fs::read_to_string(&manifest).unwrap_or_default();
        let line = match has(&text, &["dependencies", LAMBDA.name, "workspace"]) {
            true => "write `pmcp-lambda = { workspace = true, features = [\"secrets\"] }`",
            false => "add `features = [\"secrets\"]` to pmcp-lambda",
        };
        // As `new` writes it.
        let main = fs::read_to_string(self.folder.join("src/main.rs")).unwrap_or_default();
        let call = match main.contains("pmcp_lambda::load_secrets()") {
            true => "",
            false => ", and let its `main` begin with `pmcp_lambda::load_secrets().await?;`",
        };
        Err(Failure::refused(
            format!(".pmcp/deploy.toml has [secrets], and {} could not read them", self.name),
            format!("{line} under [dependencies] in {}{call}", manifest.display()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_builds_for_itself_alone() {
        assert!(!fits_host(Architecture::Arm64, "linux", "x86_64"));
        assert!(!fits_host(Architecture::X86_64, "macos", "x86_64"));
        assert_eq!(fits_host(Architecture::X86_64, "linux", "x86_64"), cfg!(target_env = "gnu"));
    }
}
