//! What stands in for Google Cloud: its own gcloud, a registry for images, and what pulls them from there.

use std::path::PathBuf;

use super::Tools;
use super::system::{self, Package, Permission};
use crate::failure::Failure;
use crate::program;

pub(super) const VARIABLES: [&str; 3] = ["PMCP_GCLOUD", "PMCP_REGISTRY", "PMCP_SKOPEO"];

const REGISTRY: Package =
    Package { what: "a registry for images", apt: "docker-registry", brew: "docker-distribution" };
const SKOPEO: Package = Package { what: "skopeo", apt: "skopeo", brew: "skopeo" };

pub(super) fn note(tools: &mut Tools, permission: Permission) {
    let [gcloud, registry, skopeo] = VARIABLES;
    tools.note(gcloud, find_gcloud());
    tools.note(registry, find("docker-registry", &REGISTRY, permission));
    tools.note(skopeo, find("skopeo", &SKOPEO, permission));
}

/// No system has a package of it.
fn find_gcloud() -> Result<PathBuf, Failure> {
    program::find("gcloud").ok_or_else(|| Failure::Missing {
        what: "gcloud was not found".into(),
        advice: "install the Google Cloud CLI: https://cloud.google.com/sdk/docs/install".into(),
    })
}

/// The one on PATH, or the system's package.
fn find(name: &str, package: &Package, permission: Permission) -> Result<PathBuf, Failure> {
    if let Some(path) = program::find(name) {
        return Ok(path);
    }
    system::install(package, permission)?;
    program::find(name).ok_or_else(|| Failure::Missing {
        what: format!("{} was not found after installing {}", package.what, package.apt),
        advice: format!("put {name} on PATH"),
    })
}
