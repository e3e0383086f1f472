//! Entries of Secret Manager: `SERVER-KEY`, with the server's label. Values go to gcloud's standard input.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::{read_at_start, without_value};
use super::gcloud::CloudProject;
use super::service::{self, LABEL};
use crate::config::Config;
use crate::exec::Hidden;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// What lets the server read one entry.
const READER: &str = "roles/secretmanager.secretAccessor";

#[derive(Deserialize)]
struct Entry {
    /// `projects/NUMBER/secrets/NAME`.
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    /// `projects/NUMBER/secrets/NAME/versions/VERSION`.
    name: String,
    create_time: Option<String>,
}

/// The last part of a resource's name.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The entry's name. No server has an underscore in its name, and no variable a hyphen.
pub(super) fn name(config: &Config, key: &str) -> String {
    format!("{}-{key}", config.server.name)
}

/// Those of this server that have a value, by their variables, and when each was stored.
pub(super) fn list(project: &CloudProject, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
    let prefix = name(config, "");
    let mut list = BTreeMap::new();
    for entry in all(project, config)? {
        let Some(key) = entry.strip_prefix(&prefix) else { continue };
        if let Some(version) = newest(project, &entry)? {
            list.insert(key.to_owned(), version.create_time);
        }
    }
    Ok(list)
}

/// The names of all entries of this server.
pub(super) fn all(project: &CloudProject, config: &Config) -> Result<Vec<String>> {
    let filter = format!("labels.{LABEL}={}", config.server.name);
    let entries: Option<Vec<Entry>> = project.ask_if_enabled(&["secrets", "list", "--filter", &filter])?;
    // What `=` means to gcloud is about to change; another server's secrets are none of this one's.
    let is_own = |entry: &&Entry| entry.labels.get(LABEL) == Some(&config.server.name);
    Ok(entries.unwrap_or_default().iter().filter(is_own).map(|entry| last(&entry.name).to_owned()).collect())
}

/// The newest version of an entry that can be read.
fn newest(project: &CloudProject, entry: &str) -> Result<Option<Version>> {
    let arguments = ["secrets", "versions", "list", entry, "--filter", "state=enabled", "--sort-by", "~createTime"];
    let versions: Option<Vec<Version>> = project.ask(&[&arguments[..], &["--limit", "1"]].concat())?;
    Ok(versions.and_then(|versions| versions.into_iter().next()))
}

/// Whether the entry of a variable is there; one that is not this server's is refused.
fn find(project: &CloudProject, config: &Config, key: &str) -> Result<bool> {
    let name = name(config, key);
    let found: Option<Entry> = project.ask(&["secrets", "describe", &name])?;
    match found {
        None => Ok(false),
        Some(entry) if entry.labels.get(LABEL) == Some(&config.server.name) => Ok(true),
        Some(_) => Err(Failure::refused(
            format!("Secret Manager has an entry {name} that cargo pmcp did not make"),
            format!("name it: `{key} = {{ entry = \"{name}\" }}` under [secrets] in .pmcp/deploy.toml"),
        )),
    }
}

pub(super) fn set(project: &CloudProject, config: &Config, key: &str, value: Hidden) -> Result {
    let name = name(config, key);
    let label = format!("{LABEL}={}", config.server.name);
    let arguments = match find(project, config, key)? {
        true => vec!["secrets", "versions", "add", &name],
        false => vec!["secrets", "create", &name, "--replication-policy", "automatic", "--labels", &label],
    };
    project.tell_hidden(&[&arguments[..], &["--data-file", "-"]].concat(), value)
}

/// Refuses what the live version could not start without.
pub(super) fn check_unread(project: &CloudProject, config: &Config, key: &str) -> Result {
    match service::live_reads(project, &config.server.name, &name(config, key))? {
        true => Err(read_at_start(config, key)),
        false => Ok(()),
    }
}

/// Deletes an entry with all its versions. Nothing brings it back.
pub(super) fn delete_entry(project: &CloudProject, entry: &str) -> Result {
    project.tell(&["secrets", "delete", entry, "--quiet"])
}

/// A secret as the service is given it.
pub(super) struct Given {
    pub(super) variable: String,
    pub(super) entry: String,
    /// The number, so that a deployment replaces the instances that have an older value, and a rollback brings that back.
    pub(super) version: String,
    /// Where it is a file instead of a variable.
    pub(super) file: Option<String>,
}

/// Looks up what deploy.toml gives to the server, all of which must have a value.
pub(super) fn given(project: &CloudProject, config: &Config) -> Result<Vec<Given>> {
    let mut given = Vec::new();
    let mut missing = Vec::new();
    for (key, secret) in &config.secrets {
        let entry = secret.entry.clone().unwrap_or_else(|| name(config, key));
        let is_there = secret.entry.is_some() || find(project, config, key)?;
        match if is_there { newest(project, &entry)? } else { None } {
            Some(version) => given.push(Given {
                variable: key.clone(),
                entry,
                version: last(&version.name).to_owned(),
                file: secret.file.clone(),
            }),
            None if secret.entry.is_some() => {
                return Err(Failure::refused(
                    format!("Secret Manager in {} has no entry {entry} with a value", project.id),
                    format!("correct `entry` of {key} under [secrets] in .pmcp/deploy.toml"),
                ));
            }
            None => missing.push(key.as_str()),
        }
    }
    without_value(&missing)?;
    Ok(given)
}

/// Lets the server read those that are its own, and returns whether it could not before; of the others their owner
/// decides.
pub(super) fn grant(project: &CloudProject, config: &Config, given: &[Given], output: Output) -> Result<bool> {
    let is_own = |one: &&Given| config.secrets.get(&one.variable).is_some_and(|secret| secret.entry.is_none());
    let own: Vec<&Given> = given.iter().filter(is_own).collect();
    if own.is_empty() {
        return Ok(false);
    }
    output.wait("let the server read its secrets", || {
        let member = format!("serviceAccount:{}", account(project, config)?);
        let to = ["--member", &member, "--role", READER, "--condition", "None"];
        let mut is_new = false;
        for Given { entry, .. } in own {
            // Whoever deploys need not have the right to give rights, once somebody has.
            if !may_read(project, entry, &member) {
                project.tell(&[&["secrets", "add-iam-policy-binding", entry][..], &to].concat())?;
                is_new = true;
            }
        }
        Ok(is_new)
    })
}

/// Whether an entry's policy says that this member may read it, to those who may see that.
fn may_read(project: &CloudProject, entry: &str, member: &str) -> bool {
    #[derive(Deserialize)]
    struct Policy {
        #[serde(default)]
        bindings: Vec<Binding>,
    }
    #[derive(Deserialize)]
    struct Binding {
        role: String,
        #[serde(default)]
        members: Vec<String>,
        condition: Option<IgnoredAny>,
    }
    // Who may not see it may still be let change it, and is told otherwise there.
    let Ok(Some(policy)) = project.ask::<Policy>(&["secrets", "get-iam-policy", entry]) else { return false };
    policy.bindings.iter().any(|Binding { role, members, condition }| {
        role == READER && condition.is_none() && members.iter().any(|found| found == member)
    })
}

/// Who the server is to Google Cloud.
fn account(project: &CloudProject, config: &Config) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Described {
        project_number: String,
    }
    if let Some(account) = &config.gcp.service_account {
        return Ok(account.clone());
    }
    let described: Option<Described> = project.ask(&["projects", "describe", &project.id])?;
    match described {
        Some(described) => Ok(format!("{}-compute@developer.gserviceaccount.com", described.project_number)),
        None => Err(Failure::failed(
            format!("the number of the project {} is not known", project.id),
            "name who the server is as `service_account` under [gcp] in .pmcp/deploy.toml",
        )),
    }
}
