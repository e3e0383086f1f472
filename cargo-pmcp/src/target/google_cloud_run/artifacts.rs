//! The repository of Artifact Registry that has a server's images: of its name, with its label, made on demand.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::gcloud::CloudProject;
use super::service::LABEL;
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// What the image is called there.
const IMAGE: &str = "server";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    #[serde(default)]
    format: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    registry_uri: Option<String>,
}

/// Where images go: `REGISTRY/PROJECT/SERVER/server`, if the repository is there.
pub(super) fn find(project: &CloudProject, config: &Config) -> Result<Option<String>> {
    place(project, &config.server.name, project.ask(&describe(project, &config.server.name))?)
}

/// The same where Artifact Registry may never have been switched on.
pub(super) fn find_if_enabled(project: &CloudProject, config: &Config) -> Result<Option<String>> {
    place(project, &config.server.name, project.ask_if_enabled(&describe(project, &config.server.name))?)
}

fn describe<'a>(project: &'a CloudProject, name: &'a str) -> [&'a str; 6] {
    ["artifacts", "repositories", "describe", name, "--location", &project.region]
}

fn place(project: &CloudProject, name: &str, found: Option<Repository>) -> Result<Option<String>> {
    let Some(Repository { format, labels, registry_uri }) = found else { return Ok(None) };
    if format != "DOCKER" || labels.get(LABEL).map(String::as_str) != Some(name) {
        return Err(Failure::refused(
            format!("Artifact Registry has a repository {name} in {} that cargo pmcp did not make", project.place()),
            "choose another `name` under [server] in .pmcp/deploy.toml",
        ));
    }
    // Older APIs do not tell it.
    let uri = registry_uri.unwrap_or_else(|| {
        // In projects of a domain the colon is a folder.
        format!("{}-docker.pkg.dev/{}/{name}", project.region, project.id.replace(':', "/"))
    });
    Ok(Some(format!("{uri}/{IMAGE}")))
}

/// The same, after making it where it is not.
pub(super) fn find_or_create(project: &CloudProject, config: &Config, output: Output) -> Result<String> {
    if let Some(image) = find(project, config)? {
        return Ok(image);
    }
    let name = &config.server.name;
    let label = format!("{LABEL}={name}");
    let what = ["--repository-format", "docker", "--labels", &label, "--location", &project.region];
    let made = output.wait(format!("make the repository {name} of Artifact Registry"), || {
        project.tell(&[&["artifacts", "repositories", "create", name][..], &what].concat())
    });
    match (find(project, config)?, made) {
        // Or somebody else made it at the same moment.
        (Some(image), _) => Ok(image),
        (None, Err(failure)) => Err(failure),
        (None, Ok(())) => Err(Failure::failed(
            format!("the repository {name} of Artifact Registry was made, and cannot be found"),
            "run the command again; nothing was deployed",
        )),
    }
}

/// Removes the repository with all images.
pub(super) fn delete(project: &CloudProject, name: &str) -> Result {
    project.tell(&["artifacts", "repositories", "delete", name, "--location", &project.region, "--quiet"])
}
