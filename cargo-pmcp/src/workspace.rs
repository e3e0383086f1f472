//! The user's cargo workspace: which of its packages is the server for a platform, and what that is made of.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Server;
use crate::exec::CARGO;
use crate::failure::{Failure, Result};

/// What makes a server run on a platform.
#[derive(Debug)]
pub(crate) struct Adapter {
    /// The crate.
    pub(crate) name: &'static str,
    /// How packages that use it are usually called: `SERVER-suffix`.
    pub(crate) suffix: &'static str,
    /// What their `main` calls.
    pub(crate) call: &'static str,
}

pub(crate) const LAMBDA: Adapter =
    Adapter { name: "pmcp-lambda", suffix: "lambda", call: "pmcp_lambda::run(server())" };
pub(crate) const CLOUDRUN: Adapter =
    Adapter { name: "pmcp-cloudrun", suffix: "cloudrun", call: "pmcp_cloudrun::run(server())" };

#[derive(Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Found>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Found {
    name: String,
    /// Nothing for what is on this machine.
    source: Option<String>,
    #[serde(default)]
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    features: Vec<String>,
}

impl Workspace {
    /// Its own packages.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        Self::ask(root, &["metadata", "--format-version", "1", "--no-deps"])
    }

    /// With all that they are made of.
    pub(crate) fn load_whole(root: &Path) -> Result<Self> {
        Self::ask(root, &["metadata", "--format-version", "1"])
    }

    fn ask(root: &Path, arguments: &[&str]) -> Result<Self> {
        let call = CARGO.call(arguments.iter().copied())?.folder(root);
        let text = call.capture()?.map_err(|said| said.failed("mend the Cargo.toml that it names"))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::failed(
                format!("`cargo metadata` answered what is not understood: {error}"),
                "update Rust: rustup update",
            )
        })
    }

    /// The folders of packages whose source is on this machine.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let local = self.packages.iter().filter(|package| package.source.is_none());
        local.filter_map(|package| package.manifest_path.parent().map(Path::to_path_buf)).collect()
    }

    /// Whether any package of the workspace uses the adapter.
    pub(crate) fn uses(&self, adapter: &Adapter) -> bool {
        self.packages.iter().any(|package| package.uses(adapter))
    }

    /// The features that a package wants of the adapter.
    pub(crate) fn features(&self, package: &str, adapter: &Adapter) -> Vec<String> {
        let dependencies =
            self.packages.iter().filter(|found| found.name == package).flat_map(|found| &found.dependencies);
        dependencies.filter(|found| found.name == adapter.name).flat_map(|found| found.features.clone()).collect()
    }

    /// The package that deploy.toml names, or the one that can only be meant.
    pub(crate) fn server(&self, adapter: &Adapter, server: Option<&Server>) -> Result<String> {
        let names = || self.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join(", ");
        let has = |name: &str| self.packages.iter().any(|package| package.name == name);
        if let Some(wanted) = server.and_then(|server| server.package.as_deref()) {
            return match has(wanted) {
                true => Ok(wanted.to_owned()),
                false => Err(Failure::refused(
                    format!("there is no package `{wanted}` here, which .pmcp/deploy.toml names under [server]"),
                    format!("name one of these: {}", names()),
                )),
            };
        }
        if let Some(usual) = server.map(|server| format!("{}-{}", server.name, adapter.suffix)).filter(|name| has(name))
        {
            return Ok(usual);
        }
        let adapted: Vec<&str> =
            self.packages.iter().filter(|package| package.uses(adapter)).map(|package| package.name.as_str()).collect();
        let crate_name = adapter.name;
        match adapted[..] {
            [only] => Ok(only.to_owned()),
            [] => Err(Failure::refused(
                format!("no package here uses {crate_name}: {}", names()),
                format!("make a `main` that calls `{}`, in a package that depends on {crate_name}", adapter.call),
            )),
            _ => Err(Failure::refused(
                format!("several packages here use {crate_name}: {}", adapted.join(", ")),
                "name the one that is meant as `package` under [server] in .pmcp/deploy.toml",
            )),
        }
    }
}

impl Found {
    fn uses(&self, adapter: &Adapter) -> bool {
        self.source.is_none() && self.dependencies.iter().any(|dependency| dependency.name == adapter.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str) -> Found {
        let dependencies = vec![Dependency { name: dependency.into(), features: vec!["secrets".into()] }];
        Found { name: name.into(), source: None, manifest_path: PathBuf::new(), dependencies }
    }

    fn choose(packages: Vec<Found>, wanted: Option<&str>, server: &str) -> Result<String, String> {
        let workspace = Workspace { packages, target_directory: PathBuf::new() };
        let server = Server { name: server.into(), package: wanted.map(str::to_owned) };
        workspace.server(&LAMBDA, Some(&server)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_package_that_can_only_be_meant_is_chosen() {
        let crm = || vec![package("crm", "pmcp-core"), package("crm-lambda", "pmcp-lambda")];
        assert_eq!(choose(crm(), None, "crm"), Ok("crm-lambda".into()));
        assert_eq!(choose(crm(), None, "sales"), Ok("crm-lambda".into()));
        assert_eq!(choose(crm(), Some("crm"), "crm"), Ok("crm".into()));
        let refused = choose(crm(), Some("cmr"), "crm").expect_err("is not there");
        assert_eq!(
            refused,
            "there is no package `cmr` here, which .pmcp/deploy.toml names under [server]\nname one of these: crm, crm-lambda"
        );
        let refused = choose(vec![package("crm", "pmcp-core")], None, "crm").expect_err("has no adapter");
        assert!(refused.starts_with("no package here uses pmcp-lambda: crm\nmake a `main`"), "{refused}");
        let two = vec![package("a", "pmcp-lambda"), package("b", "pmcp-lambda")];
        let refused = choose(two, None, "crm").expect_err("is unclear");
        assert!(refused.starts_with("several packages here use pmcp-lambda: a, b\n"), "{refused}");
    }

    #[test]
    fn features_are_those_of_the_adapter() {
        let packages = vec![package("crm", "pmcp-core"), package("crm-lambda", "pmcp-lambda")];
        let workspace = Workspace { packages, target_directory: PathBuf::new() };
        assert_eq!(workspace.features("crm-lambda", &LAMBDA), ["secrets"]);
        assert!(workspace.features("crm", &LAMBDA).is_empty() && !workspace.uses(&CLOUDRUN));
    }
}
