//! Entries of AWS Secrets Manager: `SERVER/KEY`, with the server's tag. Values go to the AWS CLI's standard input.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::{read_at_start, without_value};
use super::account::Account;
use super::stack::{self, TAG, Tag};
use crate::config::Config;
use crate::date;
use crate::exec::Hidden;
use crate::failure::{Failure, Result};

/// Where programs find what this one writes to them. Nothing like it is on Windows.
const STANDARD_INPUT: &str = "file:///dev/stdin";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(rename = "ARN")]
    arn: String,
    name: String,
    #[serde(default)]
    tags: Vec<Tag>,
    deleted_date: Option<serde_json::Value>,
    last_changed_date: Option<serde_json::Value>,
    #[serde(default)]
    version_ids_to_stages: BTreeMap<String, Vec<String>>,
}

impl Entry {
    fn is_of(&self, server: &str) -> bool {
        self.tags.iter().any(|tag| tag.key == TAG && tag.value == server)
    }

    /// The version that is read.
    fn current(&self) -> &str {
        let is_current = |stages: &Vec<String>| stages.iter().any(|stage| stage == "AWSCURRENT");
        let found = self.version_ids_to_stages.iter().find(|(_, stages)| is_current(stages));
        found.map_or("", |(id, _)| id)
    }
}

#[derive(Deserialize)]
struct Entries {
    #[serde(rename = "SecretList")]
    list: Vec<Entry>,
}

/// The entry's name.
pub(super) fn name(config: &Config, key: &str) -> String {
    format!("{}/{key}", config.server.name)
}

/// Those of this server, and those that deploy.toml names by their ARN, by their variables, and when each was changed.
pub(super) fn list(account: &Account, config: &Config) -> Result<BTreeMap<String, Option<String>>> {
    let prefix = name(config, "");
    let entries = entries(account, config)?.into_iter().filter(|entry| entry.deleted_date.is_none());
    let mut list: BTreeMap<_, _> = entries
        .filter_map(|entry| {
            let key = entry.name.strip_prefix(&prefix)?.to_owned();
            Some((key, entry.last_changed_date.as_ref().map(encode_date)))
        })
        .collect();
    for (key, secret) in &config.secrets {
        if secret.arn.as_ref().is_some_and(|arn| is_there(account, arn)) {
            list.insert(key.clone(), None);
        }
    }
    Ok(list)
}

/// Whether an entry of somebody's is there. Who may not look at it need not be the server, which may: then it is taken to be.
fn is_there(account: &Account, arn: &str) -> bool {
    let found = account.ask::<Entry>(&["secretsmanager", "describe-secret", "--secret-id", arn]);
    found.map_or(true, |found| found.is_some_and(|entry| entry.deleted_date.is_none()))
}

/// The names of all that are there, with `deleted` also of those that can still be restored.
pub(super) fn all(account: &Account, config: &Config, deleted: bool) -> Result<Vec<String>> {
    let entries = entries(account, config)?.into_iter().filter(|entry| deleted || entry.deleted_date.is_none());
    Ok(entries.map(|entry| entry.name).collect())
}

fn entries(account: &Account, config: &Config) -> Result<Vec<Entry>> {
    let filter = format!("Key=name,Values={}", name(config, ""));
    let found: Option<Entries> =
        account.ask(&["secretsmanager", "list-secrets", "--include-planned-deletion", "--filters", &filter])?;
    let mut entries = found.map(|found| found.list).unwrap_or_default();
    // The list comes to know of an entry some time after it was made: those that deploy.toml names are asked for.
    for (key, _) in config.secrets.iter().filter(|(_, secret)| secret.arn.is_none()) {
        let name = name(config, key);
        if !entries.iter().any(|entry| entry.name == name) {
            entries.extend(describe(account, &name)?);
        }
    }
    entries.retain(|entry| entry.is_of(&config.server.name));
    Ok(entries)
}

/// AWS CLI 1 prints seconds since 1970, AWS CLI 2 a date.
fn encode_date(date: &serde_json::Value) -> String {
    match date.as_f64().map(Duration::try_from_secs_f64) {
        Some(Ok(since)) => date::encode(since.as_secs()),
        _ => date.as_str().map_or_else(|| date.to_string(), str::to_owned),
    }
}

fn describe(account: &Account, name: &str) -> Result<Option<Entry>> {
    account.ask(&["secretsmanager", "describe-secret", "--secret-id", name])
}

fn find(account: &Account, config: &Config, key: &str) -> Result<Option<Entry>> {
    let name = name(config, key);
    match describe(account, &name)? {
        Some(entry) if !entry.is_of(&config.server.name) => Err(Failure::refused(
            format!("Secrets Manager has an entry {name} that cargo pmcp did not make"),
            format!("name it by its ARN: `{key} = {{ arn = \"{}\" }}` under [secrets] in .pmcp/deploy.toml", entry.arn),
        )),
        found => Ok(found),
    }
}

pub(super) fn set(account: &Account, config: &Config, key: &str, value: Hidden) -> Result {
    if cfg!(windows) {
        return Err(Failure::refused(
            "on Windows the AWS CLI does not read secrets from standard input, and elsewhere others could see them",
            "run this in WSL",
        ));
    }
    if value.0.contains('\r') {
        return Err(Failure::usage(
            format!("the value of {key} has a carriage return, which the AWS CLI would change"),
            "store it with the line ends of Unix, or encoded, as base64 does",
        ));
    }
    if account.keeps_history()? {
        return Err(Failure::refused(
            "the AWS CLI is set to keep all that it sends on this machine (`cli_history`), and so would keep the value",
            format!("turn that off: aws configure set cli_history disabled{}", account.with_profile()),
        ));
    }
    let name = name(config, key);
    let tag = format!("Key={TAG},Value={}", config.server.name);
    let mut was_deleted = false;
    let arguments = match find(account, config, key)? {
        None => vec!["create-secret", "--name", &name, "--tags", &tag],
        Some(entry) => {
            was_deleted = entry.deleted_date.is_some();
            if was_deleted {
                account.tell(&["secretsmanager", "restore-secret", "--secret-id", &name])?;
            }
            vec!["put-secret-value", "--secret-id", &name]
        }
    };
    let input = ["--secret-string", STANDARD_INPUT, "--output", "json"];
    let stored = account.tell_hidden(&[&["secretsmanager"], &arguments[..], &input].concat(), value, "ARN");
    stored.map_err(|failure| match was_deleted {
        true => failure.after(format!("{name} is there again, with the value that it had when it was deleted")),
        false => failure,
    })
}

/// Refuses what the live version could not start without.
pub(super) fn check_unread(account: &Account, config: &Config, key: &str) -> Result {
    match read_by(account, &stack::function(account, &config.server.name)?, "live")?.contains_key(key) {
        true => Err(read_at_start(config, key)),
        false => Ok(()),
    }
}

/// Deletes an entry, which can be restored for a week.
pub(super) fn delete(account: &Account, config: &Config, key: &str) -> Result {
    let name = name(config, key);
    account.tell(&["secretsmanager", "delete-secret", "--secret-id", &name, "--recovery-window-in-days", "7"])
}

/// Deletes an entry for good.
pub(super) fn delete_for_good(account: &Account, name: &str) -> Result {
    account.tell(&["secretsmanager", "delete-secret", "--secret-id", name, "--force-delete-without-recovery"])
}

/// A version of the function.
#[derive(Deserialize)]
pub(super) struct Function {
    #[serde(rename = "Environment", default)]
    environment: Environment,
}

#[derive(Default, Deserialize)]
struct Environment {
    #[serde(rename = "Variables", default)]
    variables: BTreeMap<String, String>,
}

impl Function {
    /// What it reads at its start: ARNs by variable.
    pub(super) fn secrets(&self) -> BTreeMap<String, String> {
        let told = self.environment.variables.get("PMCP_SECRETS");
        told.and_then(|told| serde_json::from_str(told).ok()).unwrap_or_default()
    }
}

/// What a version reads, or the one that an alias names.
fn read_by(account: &Account, function: &str, version: &str) -> Result<BTreeMap<String, String>> {
    let arguments = ["lambda", "get-function-configuration", "--function-name", function, "--qualifier", version];
    let function: Option<Function> = account.ask(&arguments)?;
    Ok(function.map(|function| function.secrets()).unwrap_or_default())
}

/// Whether a version could start: all that it reads then must be there, and its role may read what was deployed last.
pub(super) fn check_version(account: &Account, config: &Config, function: &str, version: &str) -> Result {
    let server = &config.server.name;
    let wanted = read_by(account, function, version)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let allowed = read_by(account, function, "$LATEST")?;
    for (key, arn) in wanted {
        let reads = format!("version {version} of {server} reads {key} at its start");
        // Of entries that are others' this account may know nothing.
        if arn.contains(&format!(":secret:{}-", name(config, &key))) {
            match find(account, config, &key)?.filter(|entry| entry.arn == arn) {
                None => {
                    let advice = "what is stored since is another entry: go back to another version";
                    return Err(Failure::refused(format!("{reads}, which was deleted for good"), advice));
                }
                Some(entry) if entry.deleted_date.is_some() => {
                    let advice = format!("store it again: `cargo pmcp deploy secrets set {key}`");
                    return Err(Failure::refused(format!("{reads}, which was deleted"), advice));
                }
                Some(_) => {}
            }
        }
        if !allowed.values().any(|allowed| *allowed == arn) {
            let advice = format!("put {key} back under [secrets] in .pmcp/deploy.toml, and deploy instead");
            return Err(Failure::refused(format!("{reads}, which the last deployment took from it"), advice));
        }
    }
    Ok(())
}

/// What the function is told: where its secrets are.
#[derive(Debug, Default, Serialize)]
pub(super) struct Granted {
    /// ARNs by variable.
    arns: BTreeMap<String, String>,
    /// Changes whenever one of this server's values does, so that a deployment replaces the instances that have the old.
    version: String,
}

/// Looks up what deploy.toml gives to the server, all of which must have a value.
pub(super) fn grant(account: &Account, config: &Config) -> Result<Granted> {
    let mut granted = Granted::default();
    let mut missing = Vec::new();
    let mut versions = Sha256::new();
    for (key, secret) in &config.secrets {
        let arn = match &secret.arn {
            Some(arn) if !is_there(account, arn) => {
                return Err(Failure::refused(
                    format!("{key} is to be read from an entry that is not there: {arn}"),
                    "correct `arn` under [secrets] in .pmcp/deploy.toml, or take it out to store a value of this server's own",
                ));
            }
            Some(arn) => arn.clone(),
            None => match find(account, config, key)?.filter(|entry| entry.deleted_date.is_none()) {
                Some(entry) => {
                    versions.update(entry.current());
                    entry.arn
                }
                None => {
                    missing.push(key.as_str());
                    continue;
                }
            },
        };
        granted.arns.insert(key.clone(), arn);
    }
    without_value(&missing)?;
    granted.version = versions.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(granted)
}
