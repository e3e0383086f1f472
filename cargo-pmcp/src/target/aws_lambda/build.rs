//! Builds the executable that Lambda starts, with whatever on this machine can build for its processor.

use std::env::consts::{ARCH, OS};
use std::path::PathBuf;

use serde::Deserialize;

use crate::config::{Architecture, Config};
use crate::deploy::Project;
use crate::exec::{CARGO, Program};
use crate::failure::{Failure, Result};

const CARGO_LAMBDA: Program = Program { name: "cargo-lambda", install: "pip install cargo-lambda" };
const CARGO_ZIGBUILD: Program = Program { name: "cargo-zigbuild", install: "pip install cargo-zigbuild" };

/// What makes a server a function.
const ADAPTER: &str = "pmcp-lambda";

/// What builds, in the order in which it is looked for.
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
    target_folder: PathBuf,
}

impl Builder {
    pub(super) fn find(architecture: Architecture) -> Result<Self> {
        if CARGO_LAMBDA.find().is_some() {
            return Ok(Self::CargoLambda);
        }
        if CARGO_ZIGBUILD.find().is_some() {
            return Ok(Self::CargoZigbuild);
        }
        if fits_host(architecture, OS, ARCH) {
            return Ok(Self::Host);
        }
        Err(Failure::missing(
            format!("nothing on this machine ({OS} on {ARCH}) builds for Linux on {}", architecture.name()),
            format!("to get what does: {}", CARGO_LAMBDA.install),
        ))
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
        let words = match self {
            Self::CargoLambda => format!("lambda build --release --target {target} --package {package}"),
            // The C library of Amazon Linux 2023.
            Self::CargoZigbuild => format!("zigbuild --release --target {target}.2.34 --package {package}"),
            Self::Host => format!("build --release --target {target} --package {package}"),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// As a person would type it.
    pub(super) fn shown(self, package: &str, architecture: Architecture) -> String {
        format!("cargo {}", self.arguments(package, architecture).join(" "))
    }

    /// Builds, and returns where the executable is.
    pub(super) fn build(self, project: &Project, package: &Package, architecture: Architecture) -> Result<PathBuf> {
        let mut call = CARGO.call(self.arguments(&package.name, architecture))?.folder(&project.root);
        if self == Self::Host {
            // The C library of this machine may be newer than Lambda's: the executable brings its own.
            let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
            call = call.env("RUSTFLAGS", format!("{flags} -C target-feature=+crt-static").trim_start());
        }
        call.run("mend what the compiler says above; nothing was deployed")?;
        let name = &package.name;
        let built = match self {
            Self::CargoLambda => package.target_folder.join("lambda").join(name).join("bootstrap"),
            Self::CargoZigbuild | Self::Host => {
                let target = format!("{}-unknown-linux-gnu", architecture.rust_name());
                package.target_folder.join(target).join("release").join(name)
            }
        };
        if built.is_file() {
            return Ok(built);
        }
        Err(Failure::failed(
            format!("the package {name} was built, but there is no {}", built.display()),
            format!(
                "give it a binary that is called {name}, or name another `package` under [server] in .pmcp/deploy.toml"
            ),
        ))
    }
}

fn fits_host(architecture: Architecture, os: &str, arch: &str) -> bool {
    os == "linux" && arch == architecture.rust_name() && cfg!(target_env = "gnu")
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Found>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Found {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    features: Vec<String>,
}

impl Package {
    /// The one that deploy.toml names, or the one that can only be meant.
    pub(super) fn find(project: &Project) -> Result<Self> {
        let call = CARGO.call(["metadata", "--no-deps", "--format-version", "1"])?.folder(&project.root);
        let text = call.capture()?.map_err(|said| said.failed("mend the Cargo.toml that it names"))?;
        let metadata: Metadata = serde_json::from_str(&text).map_err(|error| {
            Failure::failed(
                format!("`cargo metadata` answered what is not understood: {error}"),
                "update Rust: rustup update",
            )
        })?;
        let server = &project.config.server;
        let name = choose(&metadata.packages, server.package.as_deref(), &server.name)?;
        let dependencies = metadata.packages.into_iter().filter(|package| package.name == name);
        let adapter = dependencies.flat_map(|package| package.dependencies).filter(|found| found.name == ADAPTER);
        let features = adapter.flat_map(|adapter| adapter.features).collect();
        Ok(Self { name, features, target_folder: metadata.target_directory })
    }

    /// Whether the server, as its Cargo.toml has it, can do what deploy.toml asks of it.
    pub(super) fn check_features(&self, config: &Config) -> Result {
        if config.secrets.is_empty() || self.features.iter().any(|feature| feature == "secrets") {
            return Ok(());
        }
        Err(Failure::refused(
            format!(".pmcp/deploy.toml has [secrets], and {} could not read them", self.name),
            format!("add `features = [\"secrets\"]` to {ADAPTER} in its Cargo.toml"),
        ))
    }
}

fn choose(packages: &[Found], wanted: Option<&str>, server: &str) -> Result<String> {
    let names = || packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join(", ");
    let has = |name: &str| packages.iter().any(|package| package.name == name);
    if let Some(wanted) = wanted {
        return match has(wanted) {
            true => Ok(wanted.to_owned()),
            false => Err(Failure::refused(
                format!("there is no package `{wanted}` here, which .pmcp/deploy.toml names under [server]"),
                format!("name one of these: {}", names()),
            )),
        };
    }
    let usual = format!("{server}-lambda");
    if has(&usual) {
        return Ok(usual);
    }
    let adapted: Vec<&str> = packages
        .iter()
        .filter(|package| package.dependencies.iter().any(|dependency| dependency.name == ADAPTER))
        .map(|package| package.name.as_str())
        .collect();
    match adapted[..] {
        [only] => Ok(only.to_owned()),
        [] => Err(Failure::refused(
            format!("no package here uses pmcp-lambda: {}", names()),
            "make a `main` that calls `pmcp_lambda::run(server())`, in a package that depends on pmcp-lambda",
        )),
        _ => Err(Failure::refused(
            format!("several packages here use pmcp-lambda: {}", adapted.join(", ")),
            "name the one to deploy as `package` under [server] in .pmcp/deploy.toml",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str) -> Found {
        Found { name: name.into(), dependencies: vec![Dependency { name: dependency.into(), features: Vec::new() }] }
    }

    #[test]
    fn the_package_that_can_only_be_meant_is_chosen() {
        let crm = [package("crm", "pmcp-core"), package("crm-lambda", "pmcp-lambda")];
        let choose = |packages: &[Found], wanted, server| {
            choose(packages, wanted, server).map_err(|failure| failure.to_string())
        };
        assert_eq!(choose(&crm, None, "crm"), Ok("crm-lambda".into()));
        assert_eq!(choose(&crm, None, "sales"), Ok("crm-lambda".into()));
        assert_eq!(choose(&crm, Some("crm"), "crm"), Ok("crm".into()));
        let refused = choose(&crm, Some("cmr"), "crm").expect_err("is not there");
        assert_eq!(
            refused,
            "there is no package `cmr` here, which .pmcp/deploy.toml names under [server]\nname one of these: crm, crm-lambda"
        );
        let refused = choose(&crm[..1], None, "crm").expect_err("has no adapter");
        assert!(refused.starts_with("no package here uses pmcp-lambda: crm\nmake a `main`"), "{refused}");
        let two = [package("a", "pmcp-lambda"), package("b", "pmcp-lambda")];
        let refused = choose(&two, None, "crm").expect_err("is unclear");
        assert!(refused.starts_with("several packages here use pmcp-lambda: a, b\n"), "{refused}");
    }

    #[test]
    fn a_machine_builds_for_itself_alone() {
        assert!(!fits_host(Architecture::Arm64, "linux", "x86_64"));
        assert!(!fits_host(Architecture::X86_64, "macos", "x86_64"));
        assert_eq!(fits_host(Architecture::X86_64, "linux", "x86_64"), cfg!(target_env = "gnu"));
    }
}
