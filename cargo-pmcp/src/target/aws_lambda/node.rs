//! Node.js and the packages of the CDK app.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::exec::{NPM, NPX, Program};
use crate::failure::{Failure, Result};

const NODE: Program = Program { name: "node", ..NPM };

/// The version of Node.js, if the CDK runs on it.
pub(super) fn version() -> Result<String> {
    let said = NODE.call(["--version"])?.capture()?.map_err(|said| said.failed(NODE.install))?;
    let version = said.trim();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(20..) => Ok(version.to_owned()),
        _ => Err(Failure::missing(format!("Node.js {version} is too old for the CDK"), NODE.install)),
    }
}

#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
    #[serde(default)]
    optional: bool,
}

/// Whether node_modules has what the lock file says.
pub(super) fn is_installed(app: &Path) -> Result<bool> {
    let (Some(wanted), Some(found)) =
        (lock(&app.join("package-lock.json"))?, lock(&app.join("node_modules/.package-lock.json"))?)
    else {
        return Ok(false);
    };
    let version = |lock: &Lock, path: &str| lock.packages.get(path).and_then(|package| package.version.clone());
    Ok(wanted.packages.iter().filter(|(path, _)| !path.is_empty()).all(|(path, package)| {
        let there = version(&found, path);
        // npm leaves out what other platforms need.
        there == package.version || (there.is_none() && package.optional)
    }))
}

fn lock(path: &Path) -> Result<Option<Lock>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("reading", path)(error)),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Failure::failed(
            format!("{} is no lock file of npm: {error}", path.display()),
            "make it anew with `npm install`",
        )
    })
}

/// Installs what the lock file says.
pub(super) fn install(app: &Path) -> Result {
    // `npm ci` wants a lock file; whoever changed package.json may have removed it.
    let command = if app.join("package-lock.json").exists() { "ci" } else { "install" };
    let call = NPM.call([command, "--no-audit", "--no-fund", "--ignore-scripts"])?.folder(app);
    call.run("see that npm reaches its registry; nothing was deployed")?;
    NPX.call([""; 0]).map(drop)
}
