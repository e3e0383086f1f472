//! Node.js and the packages of the CDK app.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::exec::{NPM, NPX, Program};
use crate::failure::{Failure, Result};
use crate::files::read;

/// More is no lock file, in MiB.
const LONGEST: u64 = 16;

const NODE: Program = Program { name: "node", ..NPM };

/// The version of Node.js, if the CDK runs on it.
pub(super) fn version() -> Result<String> {
    for program in [NPM, NPX] {
        program.call([""; 0])?;
    }
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
    // Somebody may have removed a part of it.
    if !app.join("node_modules/.bin/cdk").exists() {
        return Ok(false);
    }
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
    let Some(text) = read(path, LONGEST, "make it anew with `npm install`")? else { return Ok(None) };
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
    // What is above this folder is another's, even where it calls this one a part of it.
    let call = NPM.call([command, "--no-audit", "--no-fund", "--ignore-scripts", "--workspaces=false"])?.folder(app);
    call.run("see that npm reaches its registry; nothing was deployed")?;
    NPX.call([""; 0]).map(drop)
}
