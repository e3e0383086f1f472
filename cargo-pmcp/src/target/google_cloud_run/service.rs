//! The service on Cloud Run, from its first revision to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Rollback;
use super::gcloud::CloudProject;
use super::resource::{Metadata, Revision, Service};
use crate::config::Config;
use crate::date;
use crate::exec::pause;
use crate::failure::{Failure, Result};
use crate::plan::{Action, Plan};
use crate::target::versions::choose;
use crate::target::{after_failure, not_deployed};

/// The label that everything of a server has.
pub(super) const LABEL: &str = "pmcp-server";

/// The label that says which deployment made the service as it is.
pub(super) const DEPLOYMENT: &str = "pmcp-deployment";

/// How long, in seconds, is waited each time until Cloud Run knows of a right that was given to the server just now:
/// <https://cloud.google.com/iam/docs/access-change-propagation>.
const KNOWN_AFTER: [u64; 3] = [5, 15, 40];

/// The service of this name, if there is one.
pub(super) fn describe(project: &CloudProject, name: &str) -> Result<Option<Service>> {
    let service: Option<Service> = project.ask_here(&["run", "services", "describe", name])?;
    match service {
        None => check_absence(project, name).map(|()| None),
        Some(service) if service.metadata.labels.get(LABEL).map(String::as_str) != Some(name) => Err(Failure::refused(
            format!("{} has a service {name} that cargo pmcp did not make", project.place()),
            "choose another `name` under [server] in .pmcp/deploy.toml",
        )),
        found => Ok(found),
    }
}

/// For gcloud every 404 means that there is no such service, that of a proxy too; but a list there always is.
fn check_absence(project: &CloudProject, name: &str) -> Result {
    let filter = format!("metadata.name={name}");
    let found: Option<Vec<Value>> = project.ask_here(&["run", "services", "list", "--filter", &filter])?;
    if found.is_some_and(|found| found.is_empty()) {
        return Ok(());
    }
    Err(Failure::failed(
        format!("gcloud finds no service {name} in {}, and no list of services without it", project.place()),
        "see that no proxy answers in Google's place, and run the command again",
    ))
}

/// The names of the revisions that could answer, oldest first, and when each was made.
pub(super) fn revisions(project: &CloudProject, name: &str) -> Result<(Vec<String>, BTreeMap<String, String>)> {
    let revisions = all_revisions(project, name)?;
    let made = |Metadata { name, created, .. }: &Metadata| Some((name.clone(), date::whole_seconds(created)?));
    Ok((names(&revisions), revisions.iter().filter_map(|revision| made(&revision.metadata)).collect()))
}

fn names(revisions: &[Revision]) -> Vec<String> {
    let never_ready = |revision: &&Revision| revision.status.ready().is_some_and(|ready| ready.status == "False");
    let revisions = revisions.iter().filter(|revision| !never_ready(revision));
    revisions.map(|revision| revision.metadata.name.clone()).collect()
}

fn all_revisions(project: &CloudProject, name: &str) -> Result<Vec<Revision>> {
    let found: Option<Vec<Revision>> = project.ask_here(&["run", "revisions", "list", "--service", name])?;
    let mut revisions = found.unwrap_or_default();
    // Their times have whole seconds, their names a number of five digits and more.
    let age = |revision: &Revision| (revision.metadata.created.clone(), revision.metadata.name.clone());
    revisions.sort_by_key(age);
    Ok(revisions)
}

/// The image of the revision that answers, which after a rollback is not the newest.
pub(super) fn live_image(project: &CloudProject, service: &Service) -> Result<Option<String>> {
    match (service.live_image(), service.live()) {
        (None, Some(live)) => {
            let revisions = all_revisions(project, &service.metadata.name)?;
            let live = revisions.into_iter().find(|revision| revision.metadata.name == live);
            Ok(live.and_then(|revision| revision.spec.image()))
        }
        (image, _) => Ok(image),
    }
}

/// Whether the revision that answers is given this secret.
pub(super) fn live_reads(project: &CloudProject, name: &str, secret: &str) -> Result<bool> {
    let Some(live) = describe(project, name)?.and_then(|service| service.live()) else { return Ok(false) };
    let revisions = all_revisions(project, name)?;
    Ok(revisions.iter().any(|revision| revision.metadata.name == live && revision.spec.reads(secret)))
}

/// Makes or changes the service as the file says, and waits until the new revision answers. It must be as it was when the
/// deployment began: of that generation, or not there. Between this look and its own gcloud replaces whatever it finds, so
/// [`deployed`] looks afterwards.
pub(super) fn replace(project: &CloudProject, name: &str, file: &str, begun: Option<u64>, was_granted: bool) -> Result {
    let before = describe(project, name)?;
    if before.as_ref().map(Service::generation) != begun {
        return Err(Failure::refused(
            format!(
                "{name} was changed by somebody else while this deployment was made, and {}",
                answering(before.as_ref())
            ),
            "nothing was deployed; see that what it has is in what you deploy, and run `cargo pmcp deploy` again",
        ));
    }
    let before = before.and_then(|service| service.live());
    let arguments = ["run", "services", "replace", file, "--region", &project.region];
    let run = || project.show(project.call(&arguments)?, "");
    let mut replaced = run();
    for seconds in KNOWN_AFTER {
        let is_unknown = |failure: &Failure| was_granted && failure.to_string().contains("Permission denied on secret");
        if !replaced.as_ref().is_err_and(is_unknown) {
            break;
        }
        replaced = pause(Duration::from_secs(seconds), "deploying once more").and_then(|()| run());
    }
    let Err(failure) = replaced else { return Ok(()) };
    let now = |service: Option<Service>| match service {
        Some(service) => {
            let now = match (service.live(), service.status.latest_created_revision_name) {
                (Some(live), _) if before.as_ref() == Some(&live) => format!("{live} answers as before"),
                (Some(live), _) => format!("{live} answers now"),
                (None, Some(first)) => format!("the service is there, but its first revision {first} does not answer"),
                (None, None) => "the service is there, but has no revision".into(),
            };
            (now, "mend what it says, and deploy again; `cargo pmcp deploy logs` shows what the server said")
        }
        None => {
            let now = format!("there is no service; its image is in the repository {name} of Artifact Registry");
            (now, "mend what it says, and deploy again; `cargo pmcp deploy destroy --clean` removes what there is")
        }
    };
    Err(after_failure(name, failure, || Ok(Some(now(describe(project, name)?)))))
}

/// The service once it was replaced, if that deployment is still the one that it is of.
pub(super) fn deployed(project: &CloudProject, name: &str, deployment: &str) -> Result<Service> {
    let found = describe(project, name)
        .map_err(|failure| failure.adding(&format!("{name} was deployed all the same; its URL is not known")))?;
    let is_own = |service: &Service| service.metadata.labels.get(DEPLOYMENT).is_some_and(|own| own == deployment);
    match found {
        Some(service) if is_own(&service) => Ok(service),
        other => Err(Failure::failed(
            format!("{name} was deployed, and somebody else has changed it since: {}", answering(other.as_ref())),
            "see `cargo pmcp deploy status`, and deploy again to have what is here instead",
        )),
    }
}

/// For who finds a service other than it was left.
fn answering(service: Option<&Service>) -> String {
    match service.map(Service::live) {
        Some(Some(live)) => format!("{live} answers now"),
        Some(None) => "no revision of it answers now".into(),
        None => "it is not there any more".into(),
    }
}

pub(super) fn rollback(project: &CloudProject, config: &Config, options: &Rollback) -> Result<Plan> {
    let name = &config.server.name;
    let Some(service) = describe(project, name)? else { return Err(not_deployed(config)) };
    let Some(live) = service.live() else {
        return Err(Failure::failed(
            format!("no revision of {name} answers yet"),
            "deploy once more, and see `cargo pmcp deploy logs`",
        ));
    };
    let revisions = all_revisions(project, name)?;
    let version = choose(&names(&revisions), &live, options.version.as_deref())?;
    if let Some(revision) = revisions.iter().find(|revision| revision.metadata.name == version) {
        check_secrets(project, revision)?;
    }
    let mut plan = Plan::new();
    plan.detailed(Action::Change, format!("the live version of {name}"), format!("from {live} to {version}"));
    if !options.dry_run {
        let all = format!("{version}=100");
        let arguments = ["run", "services", "update-traffic", name, "--to-revisions", &all];
        project.tell(&[&arguments[..], &["--region", &project.region]].concat())?;
    }
    Ok(plan)
}

/// Cloud Run lets a revision answer whose instances cannot start, as what they are given is gone.
fn check_secrets(project: &CloudProject, revision: &Revision) -> Result {
    #[derive(Deserialize)]
    struct Version {
        state: String,
    }
    for (entry, version) in revision.spec.secrets() {
        let found: Option<Version> = project.ask(&["secrets", "versions", "describe", version, "--secret", entry])?;
        if found.is_none_or(|found| found.state != "ENABLED") {
            return Err(Failure::refused(
                format!("{} reads version {version} of the secret {entry}, which is gone", revision.metadata.name),
                "choose another version, or deploy what you want to have once more",
            ));
        }
    }
    Ok(())
}

/// Removes the service with all its revisions.
pub(super) fn delete(project: &CloudProject, name: &str) -> Result {
    project.tell(&["run", "services", "delete", name, "--region", &project.region, "--quiet"])
}
