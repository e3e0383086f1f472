//! The user's cargo workspace: which of its packages is the server for a platform, and what that is made of.

use std::collections::{BTreeMap, BTreeSet};
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
    /// The targets that need such a `main`, as they are typed.
    pub(crate) targets: &'static [&'static str],
}

pub(crate) const LAMBDA: Adapter =
    Adapter { name: "pmcp-lambda", suffix: "lambda", call: "pmcp_lambda::run(server())", targets: &["aws-lambda"] };
pub(crate) const CLOUDRUN: Adapter = Adapter {
    name: "pmcp-cloudrun",
    suffix: "cloudrun",
    call: "pmcp_cloudrun::run(server())",
    targets: &["google-cloud-run", "pmcp-run"],
};
pub(crate) const WORKERS: Adapter = Adapter {
    name: "pmcp-workers",
    suffix: "workers",
    call: "pmcp_workers::start(server())",
    targets: &["cloudflare-workers"],
};
pub(crate) const STDIO: Adapter =
    Adapter { name: "pmcp-stdio", suffix: "stdio", call: "pmcp_stdio::run(server())", targets: &[] };

/// All of them.
const ADAPTERS: [&Adapter; 4] = [&LAMBDA, &CLOUDRUN, &WORKERS, &STDIO];

#[derive(Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Found>,
    pub(crate) target_directory: PathBuf,
    #[serde(default)]
    pub(crate) workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Found {
    name: String,
    /// Nothing for what is on this machine.
    source: Option<String>,
    #[serde(default)]
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    #[serde(default)]
    targets: Vec<Built>,
    /// What each turns on.
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
}

/// What cargo makes of a package.
#[derive(Deserialize)]
struct Built {
    name: String,
    kind: Vec<String>,
    /// Without these it is left out.
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

/// The package that has the server, whatever it runs on.
pub(crate) struct Library {
    pub(crate) package: String,
    pub(crate) folder: PathBuf,
    /// As code names it.
    pub(crate) module: String,
    /// Where it has pmcp-core from.
    pub(crate) core: Source,
}

/// Where crates come from.
pub(crate) enum Source {
    Path(PathBuf),
    Git(String),
    Registry(String),
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// As the package calls it.
    rename: Option<String>,
    /// Nothing for what the package itself is made of: not its tests, nor its build.
    kind: Option<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    req: String,
    source: Option<String>,
    path: Option<PathBuf>,
}

/// That there is no package in a folder.
pub(crate) fn no_server(folder: &Path) -> Failure {
    Failure::refused(
        format!("{} has no Cargo.toml, so there is no server in it", folder.display()),
        "make one with `cargo pmcp new`, or name the folder of its workspace with -C",
    )
}

/// That a package has nothing to deploy, as that is called like the package.
pub(crate) fn no_binary(package: &str) -> Failure {
    Failure::refused(
        format!("the package {package} has no binary that is called {package}"),
        "give it one, as a src/main.rs is, or name another `package` under [server] in .pmcp/deploy.toml",
    )
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
        let text = call.capture()?.map_err(|said| match said.words.contains("could not find `Cargo.toml`") {
            true => no_server(root),
            false => said.failed("mend the Cargo.toml that it names"),
        })?;
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

    /// A folder with a part of what it is made of that is not within this one.
    pub(crate) fn outside(&self, root: &Path) -> Option<PathBuf> {
        let local = self.packages.iter().filter(|package| package.source.is_none());
        let paths =
            local.flat_map(|package| package.dependencies.iter().filter_map(|dependency| dependency.path.clone()));
        self.folders().into_iter().chain(paths).find(|folder| !folder.starts_with(root))
    }

    /// Whether any package of the workspace uses the adapter.
    pub(crate) fn uses(&self, adapter: &Adapter) -> bool {
        self.packages.iter().any(|package| package.uses(adapter))
    }

    /// Where a package is.
    pub(crate) fn folder(&self, package: &str) -> Option<PathBuf> {
        let found = self.packages.iter().find(|found| found.source.is_none() && found.name == package)?;
        found.manifest_path.parent().map(Path::to_path_buf)
    }

    /// The only package that is a server for no platform in particular.
    pub(crate) fn library(&self) -> Option<Library> {
        let mut found = self.packages.iter().filter_map(Found::library);
        found.next().filter(|_| found.next().is_none())
    }

    /// The features that a package wants of the adapter, by its dependency or by features of its own that are on.
    pub(crate) fn features(&self, package: &str, adapter: &Adapter) -> Vec<String> {
        let mut all = Vec::new();
        for package in self.packages.iter().filter(|found| found.name == package) {
            for dependency in package.dependencies.iter().filter(|dependency| dependency.is_of(adapter)) {
                all.extend(dependency.features.clone());
                let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
                let of_it = package.on().into_iter().filter_map(|feature| feature.split_once('/'));
                let of_it = of_it.filter(|(whose, _)| whose.trim_end_matches('?') == name);
                all.extend(of_it.map(|(_, feature)| feature.to_owned()));
            }
        }
        all
    }

    /// Refuses a package of which cargo makes no binary of its name.
    pub(crate) fn check_binary(&self, package: &str) -> Result {
        let Some(found) = self.packages.iter().find(|found| found.source.is_none() && found.name == package) else {
            return Ok(());
        };
        let mut binaries = found.targets.iter().filter(|built| built.kind.iter().any(|kind| kind == "bin"));
        let Some(binary) = binaries.find(|binary| binary.name == package) else {
            // Of a package that it makes nothing of, cargo says so itself.
            return if found.targets.is_empty() { Ok(()) } else { Err(no_binary(package)) };
        };
        let on = found.on();
        match binary.required_features.iter().find(|feature| !on.contains(feature.as_str())) {
            None => Ok(()),
            Some(feature) => Err(Failure::refused(
                format!("the binary {package} is made with the feature `{feature}` alone, which is not on by itself"),
                format!(
                    "add it to `default` under [features] in {}, or take out `required-features` there",
                    found.manifest_path.display()
                ),
            )),
        }
    }

    /// The package that deploy.toml names, or the one that can only be meant.
    pub(crate) fn server(&self, adapter: &Adapter, server: Option<&Server>) -> Result<String> {
        let names = || self.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join(", ");
        let has = |name: &str| self.packages.iter().any(|package| package.name == name);
        if let Some(wanted) = server.and_then(|server| server.package.as_deref()) {
            let uses =
                |adapter: &Adapter| self.packages.iter().any(|package| package.name == wanted && package.uses(adapter));
            match has(wanted) {
                // The one of another platform, which the project was moved from.
                true if ADAPTERS.iter().any(|other| other.name != adapter.name && uses(other)) && !uses(adapter) => {}
                true => return Ok(wanted.to_owned()),
                false => {
                    return Err(Failure::setting(
                        format!("there is no package `{wanted}` here, which .pmcp/deploy.toml names under [server]"),
                        format!("name one of these: {}", names()),
                    ));
                }
            }
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
                format!(
                    "`cargo pmcp deploy init --target {}` writes one, and makes that the project's target; or make a `main` \
                     that calls `{}`, in a package that depends on {crate_name}",
                    adapter.targets.join("`, or `--target "),
                    adapter.call
                ),
            )),
            _ => Err(Failure::refused(
                format!("several packages here use {crate_name}: {}", adapted.join(", ")),
                "name the one that is meant as `package` under [server] in .pmcp/deploy.toml",
            )),
        }
    }
}

impl Found {
    fn library(&self) -> Option<Library> {
        let is_library = |built: &&Built| built.kind.iter().any(|kind| kind == "lib");
        let library = self.targets.iter().find(is_library)?;
        if ADAPTERS.iter().any(|adapter| self.uses(adapter)) {
            return None;
        }
        let core = self.dependencies.iter().find(|dependency| dependency.name == "pmcp-core")?;
        let core = match (&core.path, &core.source) {
            (Some(path), _) => Source::Path(path.clone()),
            (None, Some(source)) if source.starts_with("git+") => Source::Git(source.clone()),
            _ => Source::Registry(core.req.clone()),
        };
        Some(Library {
            package: self.name.clone(),
            folder: self.manifest_path.parent()?.to_path_buf(),
            module: library.name.replace('-', "_"),
            core,
        })
    }

    fn uses(&self, adapter: &Adapter) -> bool {
        self.source.is_none() && self.dependencies.iter().any(|dependency| dependency.is_of(adapter))
    }

    /// The features that are on where nobody names any, and what they turn on elsewhere.
    fn on(&self) -> BTreeSet<&str> {
        let (mut on, mut open) = (BTreeSet::new(), vec!["default"]);
        while let Some(feature) = open.pop() {
            if on.insert(feature) {
                open.extend(self.features.get(feature).into_iter().flatten().map(String::as_str));
            }
        }
        on
    }
}

impl Dependency {
    fn is_of(&self, adapter: &Adapter) -> bool {
        self.kind.is_none() && self.name == adapter.name
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependency: &str) -> Found {
        let dependency = json!({ "name": dependency, "req": "*", "features": ["sigterm"], "kind": null });
        made(json!({ "name": name, "dependencies": [dependency] }))
    }

    fn made(found: serde_json::Value) -> Found {
        serde_json::from_value(found).expect("as cargo says it")
    }

    fn workspace(packages: Vec<Found>) -> Workspace {
        Workspace { packages, target_directory: PathBuf::new(), workspace_root: PathBuf::new() }
    }

    fn choose(packages: Vec<Found>, wanted: Option<&str>, server: &str) -> Result<String, String> {
        let workspace = workspace(packages);
        let server = Server { name: server.into(), package: wanted.map(str::to_owned) };
        workspace.server(&LAMBDA, Some(&server)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_package_that_can_only_be_meant_is_chosen() {
        let crm = || vec![package("crm", "pmcp-core"), package("crm-lambda", "pmcp-lambda")];
        assert_eq!(choose(crm(), None, "crm"), Ok("crm-lambda".into()));
        assert_eq!(choose(crm(), None, "sales"), Ok("crm-lambda".into()));
        assert_eq!(choose(crm(), Some("crm"), "crm"), Ok("crm".into()));
        let both = || crm().into_iter().chain([package("crm-http", "pmcp-cloudrun")]).collect();
        assert_eq!(choose(both(), Some("crm-http"), "crm"), Ok("crm-lambda".into()), "it is for another platform");
        let refused = choose(crm(), Some("cmr"), "crm").expect_err("is not there");
        assert_eq!(
            refused,
            "there is no package `cmr` here, which .pmcp/deploy.toml names under [server]\nname one of these: crm, crm-lambda"
        );
        let refused = choose(vec![package("crm", "pmcp-core")], None, "crm").expect_err("has no adapter");
        assert!(refused.starts_with("no package here uses pmcp-lambda: crm\n`cargo pmcp deploy init"), "{refused}");
        let two = vec![package("a", "pmcp-lambda"), package("b", "pmcp-lambda")];
        let refused = choose(two, None, "crm").expect_err("is unclear");
        assert!(refused.starts_with("several packages here use pmcp-lambda: a, b\n"), "{refused}");
    }

    #[test]
    fn features_are_those_of_the_adapter() {
        let packages = vec![package("crm", "pmcp-core"), package("crm-lambda", "pmcp-lambda")];
        let workspace = workspace(packages);
        assert_eq!(workspace.features("crm-lambda", &LAMBDA), ["sigterm"]);
        assert!(workspace.features("crm", &LAMBDA).is_empty() && !workspace.uses(&CLOUDRUN));
    }

    #[test]
    fn a_feature_may_be_one_of_the_packages_own() {
        let features = |dependency: serde_json::Value, own: serde_json::Value| {
            let found = json!({ "name": "crm-lambda", "dependencies": [dependency], "features": own });
            workspace(vec![made(found)]).features("crm-lambda", &LAMBDA)
        };
        let plain = || json!({ "name": "pmcp-lambda" });
        assert_eq!(features(plain(), json!({ "default": ["s"], "s": ["pmcp-lambda/secrets"] })), ["secrets"]);
        assert_eq!(features(plain(), json!({ "default": ["pmcp-lambda?/secrets", "default"] })), ["secrets"]);
        assert!(features(plain(), json!({ "default": [], "s": ["pmcp-lambda/secrets"] })).is_empty(), "it is off");
        let renamed = json!({ "name": "pmcp-lambda", "rename": "lambda" });
        assert_eq!(features(renamed, json!({ "default": ["lambda/secrets"] })), ["secrets"]);
    }

    #[test]
    fn what_only_tests_are_made_of_makes_no_server() {
        let dependency = json!({ "name": "pmcp-lambda", "kind": "dev" });
        let tested = made(json!({ "name": "crm", "dependencies": [dependency] }));
        assert!(!workspace(vec![tested]).uses(&LAMBDA));
    }

    #[test]
    fn a_binary_that_cargo_would_leave_out_is_refused() {
        let check = |targets: serde_json::Value, features: serde_json::Value| {
            let path = "/src/crm/Cargo.toml";
            let found = json!({ "name": "crm", "manifest_path": path, "dependencies": [], "targets": targets,
                "features": features });
            workspace(vec![made(found)]).check_binary("crm").map_err(|failure| failure.to_string())
        };
        let binary = |name: &str| json!([{ "name": name, "kind": ["bin"], "required-features": ["aws"] }]);
        assert_eq!(check(binary("crm"), json!({ "default": ["cloud"], "cloud": ["aws"] })), Ok(()));
        assert_eq!(check(json!([]), json!({})), Ok(()));
        assert_eq!(
            check(binary("crm"), json!({ "aws": [] })),
            Err("the binary crm is made with the feature `aws` alone, which is not on by itself\nadd it to `default` under \
                 [features] in /src/crm/Cargo.toml, or take out `required-features` there"
                .into())
        );
        for targets in [binary("other"), json!([{ "name": "crm", "kind": ["lib"] }])] {
            let refused = check(targets, json!({})).expect_err("there is none");
            assert!(refused.starts_with("the package crm has no binary that is called crm\n"), "{refused}");
        }
    }
}
