//! The stack as CloudFormation has it, and what belongs to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Rollback;
use super::account::Account;
use super::secrets::{self, Function};
use crate::config::Config;
use crate::date;
use crate::failure::{Failure, Result};
use crate::plan::{Action, Plan};
use crate::target::not_deployed;
use crate::target::versions::choose;

/// The tag that everything of a server has.
pub(super) const TAG: &str = "pmcp:server";

/// The stack of the CDK itself.
pub(super) const TOOLKIT: &str = "CDKToolkit";

/// The alias that the front calls.
const LIVE: &str = "live";

#[derive(Deserialize)]
struct Stacks {
    #[serde(rename = "Stacks")]
    stacks: Vec<Stack>,
}

#[derive(Deserialize)]
pub(super) struct Stack {
    #[serde(rename = "StackStatus")]
    pub(super) status: String,
    #[serde(rename = "Outputs", default)]
    outputs: Vec<StackOutput>,
    #[serde(rename = "Tags", default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackOutput {
    output_key: String,
    output_value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

impl Stack {
    /// Whether a server may be in it: a first deployment that failed leaves none, and a removal.
    pub(super) fn has_server(&self) -> bool {
        let none = ["CREATE_", "ROLLBACK_", "DELETE_", "REVIEW_"];
        self.status == "CREATE_COMPLETE" || !none.iter().any(|none| self.status.starts_with(none))
    }

    /// What Lambda calls the function: in the template that is its author's to change.
    pub(super) fn function(&self, server: &str) -> String {
        self.output("FunctionName").unwrap_or(server).to_owned()
    }

    pub(super) fn output(&self, key: &str) -> Option<&str> {
        self.outputs.iter().find(|output| output.output_key == key).map(|output| &*output.output_value)
    }

    pub(super) fn outputs(self) -> BTreeMap<String, String> {
        self.outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect()
    }
}

/// The stack of this name, if there is one.
pub(super) fn describe(account: &Account, name: &str) -> Result<Option<Stack>> {
    let found: Option<Stacks> = account.ask(&["cloudformation", "describe-stacks", "--stack-name", name])?;
    let Some(stack) = found.and_then(|mut found| found.stacks.pop()) else { return Ok(None) };
    if stack.tags.iter().any(|tag| tag.key == TAG && tag.value == name) {
        return Ok(Some(stack));
    }
    // Tags in the CDK's own settings take the place of the stack's; what is in the stack has its own.
    let template: Option<Template> = account.ask(&["cloudformation", "get-template", "--stack-name", name])?;
    if template.is_some_and(|template| template.has_tag(name)) {
        return Ok(Some(stack));
    }
    let line = format!(
        "aws cloudformation update-stack --stack-name {name} --use-previous-template --capabilities CAPABILITY_IAM --tags \
         Key={TAG},Value={name}"
    );
    Err(Failure::refused(
        format!("{} has a stack {name} that cargo pmcp did not make", account.region),
        format!(
            "choose another `name` under [server] in .pmcp/deploy.toml; if it is this server's, and has lost its tag, give it \
             back: {}",
            account.line(&line)
        ),
    ))
}

#[derive(Deserialize)]
struct Template {
    #[serde(rename = "TemplateBody", default)]
    body: Value,
}

impl Template {
    /// Whether something in it is this server's.
    fn has_tag(&self, name: &str) -> bool {
        let resources = self.body["Resources"].as_object().into_iter().flat_map(|resources| resources.values());
        let mut tags = resources.filter_map(|resource| resource["Properties"]["Tags"].as_array()).flatten();
        tags.any(|tag| tag["Key"] == TAG && tag["Value"] == name)
    }
}

/// Whether there is a stack of this name, whoever made it.
pub(super) fn exists(account: &Account, name: &str) -> Result<bool> {
    let found: Option<Stacks> = account.ask(&["cloudformation", "describe-stacks", "--stack-name", name])?;
    Ok(found.is_some_and(|found| !found.stacks.is_empty()))
}

/// What Lambda calls the function of a server, whether or not it is there.
pub(super) fn function(account: &Account, server: &str) -> Result<String> {
    Ok(describe(account, server)?.map_or_else(|| server.to_owned(), |stack| stack.function(server)))
}

/// Whether the CDK has its own stack here.
pub(super) fn has_toolkit(account: &Account) -> Result<bool> {
    let found: Option<Stacks> = account.ask(&["cloudformation", "describe-stacks", "--stack-name", TOOLKIT])?;
    Ok(found.is_some())
}

/// Whether the stack can be deployed to as it is.
pub(super) fn ready(account: &Account, name: &str) -> Result {
    match describe(account, name)?.and_then(|stack| obstacle(account, name, &stack.status)) {
        Some((what, advice)) => Err(Failure::refused(what, advice)),
        None => Ok(()),
    }
}

/// Why the stack cannot be changed in this state, and what to do about it.
fn obstacle(account: &Account, name: &str, state: &str) -> Option<(String, String)> {
    let remove = "remove it with `cargo pmcp deploy destroy`, and deploy again".to_owned();
    Some(match state {
        "REVIEW_IN_PROGRESS" => (
            format!("the stack {name} is in the state {state}: somebody prepared it, and nothing came of that"),
            remove,
        ),
        "DELETE_IN_PROGRESS" => (
            format!("the stack {name} is being removed ({state})"),
            "wait until `cargo pmcp deploy status` names no state any more, and deploy again".to_owned(),
        ),
        state if state.ends_with("_IN_PROGRESS") => under_way(name, state, "deploy again"),
        // The first deployment failed and was taken back; CloudFormation only lets such a stack be removed.
        "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" => {
            (format!("the stack {name} is in the state {state}, from which it cannot be changed"), remove)
        }
        "UPDATE_ROLLBACK_FAILED" => (
            format!("the stack {name} is in the state {state}: a change failed, and taking it back failed too"),
            format!(
                "type: {}",
                account.line(&format!("aws cloudformation continue-update-rollback --stack-name {name}"))
            ),
        ),
        _ => return None,
    })
}

fn under_way(name: &str, state: &str, then: &str) -> (String, String) {
    (
        format!("another change of the stack {name} is under way ({state})"),
        format!("wait until `cargo pmcp deploy status` says COMPLETE, and {then}"),
    )
}

/// What a failed deployment leaves, in the words of the person who has to go on.
pub(super) fn after_failure(account: &Account, name: &str, failure: Failure) -> Failure {
    if let Failure::Interrupted { .. } = failure {
        return failure.when_interrupted(format!(
            "CloudFormation goes on with what it has begun of {name}: wait until `cargo pmcp deploy status` says COMPLETE \
             or that nothing is deployed, and deploy again"
        ));
    }
    let now = || {
        let Some(stack) = describe(account, name)? else { return Ok(None) };
        let (function, status) = (stack.function(name), stack.status);
        let now = format!("the stack is now in the state {status}");
        let mend = "mend what it says, and deploy again";
        Ok(Some(match obstacle(account, name, &status) {
            Some((_, advice)) => (now, advice),
            None if status.contains("ROLLBACK") => (now, format!("the version before answers as ever; {mend}")),
            // Nothing was begun, or all was done and only its end was not heard of.
            None => match live(account, &function)? {
                Some(live) => {
                    (format!("{now}; version {live} is live"), format!("{mend}: what is done is not done twice"))
                }
                None => (now, mend.to_owned()),
            },
        }))
    };
    crate::target::after_failure(name, failure, now)
}

#[derive(Deserialize)]
struct Versions {
    #[serde(rename = "Versions")]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: String,
    /// `2026-11-22T22:07:15.001+0000`.
    #[serde(rename = "LastModified")]
    made: Option<String>,
    #[serde(flatten)]
    function: Function,
}

impl Version {
    /// Its number; the code that is no version yet has none.
    fn number(&self) -> Option<u64> {
        self.version.parse().ok()
    }

    fn made(&self) -> Option<String> {
        date::whole_seconds(&self.made.as_ref()?.replace("+0000", "Z"))
    }
}

#[derive(Deserialize)]
struct Alias {
    #[serde(rename = "FunctionVersion")]
    version: String,
}

/// The versions of the function, oldest first.
pub(super) fn versions(account: &Account, function: &str) -> Result<Vec<String>> {
    Ok(published(account, function)?.into_iter().map(|version| version.version).collect())
}

/// The same, and when each was made.
pub(super) fn versions_with_times(
    account: &Account,
    function: &str,
) -> Result<(Vec<String>, BTreeMap<String, String>)> {
    let published = published(account, function)?;
    let times = published.iter().filter_map(|version| Some((version.version.clone(), version.made()?))).collect();
    Ok((published.into_iter().map(|version| version.version).collect(), times))
}

/// Those that read a secret at their start.
pub(super) fn readers(account: &Account, config: &Config, key: &str) -> Result<Vec<String>> {
    let mut found = published(account, &function(account, &config.server.name)?)?;
    found.retain(|version| version.function.secrets().contains_key(key));
    Ok(found.into_iter().map(|version| version.version).collect())
}

fn published(account: &Account, function: &str) -> Result<Vec<Version>> {
    let found: Option<Versions> = account.ask(&["lambda", "list-versions-by-function", "--function-name", function])?;
    let mut versions = found.map(|found| found.versions).unwrap_or_default();
    versions.retain(|version| version.number().is_some());
    versions.sort_unstable_by_key(Version::number);
    Ok(versions)
}

/// The version that answers.
pub(super) fn live(account: &Account, function: &str) -> Result<Option<String>> {
    let alias: Option<Alias> = account.ask(&["lambda", "get-alias", "--function-name", function, "--name", LIVE])?;
    Ok(alias.map(|alias| alias.version))
}

fn point_to(account: &Account, function: &str, version: &str) -> Result {
    // Without a share for any other, which somebody may have given by hand.
    let arguments =
        ["lambda", "update-alias", "--function-name", function, "--name", LIVE, "--function-version", version];
    account.tell(&[&arguments[..], &["--routing-config", "AdditionalVersionWeights={}"]].concat())
}

/// Lets the version that was deployed last answer, if a rollback has chosen another, and sees that it is what was packed.
pub(super) fn go_live(account: &Account, name: &str, zip: &Path) -> Result {
    let Some(stack) = describe(account, name)? else { return Err(elsewhere(account, name)) };
    let function = stack.function(name);
    // Whoever took that out of the template, or made something else of it, looks after what is live.
    if let Some(deployed) = stack.output("Version").filter(|version| version.parse::<u64>().is_ok()) {
        match live(account, &function)? {
            None => return Err(no_alias(&function)),
            Some(live) if live != deployed => point_to(account, &function, deployed)?,
            Some(_) => {}
        }
    }
    let packed = fs::read(zip).map_err(Failure::file("reading", zip))?;
    let packed = STANDARD.encode(Sha256::digest(packed));
    let arguments = ["lambda", "get-function-configuration", "--function-name", &function, "--qualifier", LIVE];
    match account.ask::<Code>(&arguments)?.and_then(|code| code.sha256) {
        Some(live) if live != packed => Err(Failure::failed(
            "its live version has not the code that was packed",
            "somebody may have deployed right after: see `cargo pmcp deploy status`; else see that nothing in deploy/aws-lambda, \
             nor in ~/.cdk.json, has the CDK deploy in another way, and deploy again",
        )),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Code {
    #[serde(rename = "CodeSha256")]
    sha256: Option<String>,
}

/// Of a deployment that went well and is not there.
fn elsewhere(account: &Account, name: &str) -> Failure {
    Failure::failed(
        format!("there is no stack {name} in {}, in the account that the AWS CLI reaches", account.region),
        "see what in deploy/aws-lambda gives the stack another name, region or account, and remove what was made there: \
         `aws cloudformation delete-stack`",
    )
}

fn no_alias(name: &str) -> Failure {
    Failure::failed(
        format!("the function {name} has no alias `{LIVE}`"),
        "put it back into deploy/aws-lambda/server-stack.ts, and deploy again; if it is there, somebody removed it elsewhere, \
         which CloudFormation does not see: `cargo pmcp deploy destroy` first",
    )
}

pub(super) fn rollback(account: &Account, config: &Config, options: &Rollback) -> Result<Plan> {
    let name = &config.server.name;
    let Some(stack) = describe(account, name)? else { return Err(not_deployed(config)) };
    let (function, has_server) = (stack.function(name), stack.has_server());
    let status = stack.status;
    if !has_server && let Some((what, advice)) = obstacle(account, name, &status) {
        return Err(Failure::refused(what, advice));
    }
    // While CloudFormation cleans up, the alias is as it will be.
    if status.ends_with("_IN_PROGRESS") && !status.ends_with("_CLEANUP_IN_PROGRESS") {
        let (what, advice) = under_way(name, &status, "run this again");
        return Err(Failure::refused(what, advice));
    }
    let versions = versions(account, &function)?;
    let live = live(account, &function)?.ok_or_else(|| no_alias(&function))?;
    let version = choose(&versions, &live, options.version.as_deref())?;
    secrets::check_version(account, config, &function, &version)?;
    let mut plan = Plan::new();
    plan.detailed(Action::Change, format!("the live version of {name}"), format!("from {live} to {version}"));
    if !options.dry_run {
        point_to(account, &function, &version)?;
    }
    Ok(plan)
}

/// Removes the stack, and waits until it is gone.
pub(super) fn delete(account: &Account, name: &str) -> Result {
    account.tell(&["cloudformation", "delete-stack", "--stack-name", name])?;
    account.tell(&["cloudformation", "wait", "stack-delete-complete", "--stack-name", name]).map_err(|failure| {
        if let Failure::Interrupted { .. } = failure {
            return failure.when_interrupted(format!(
                "CloudFormation goes on removing {name}; run the same command again to see that nothing is left"
            ));
        }
        Failure::failed(
            format!("the stack {name} was not removed: {failure}"),
            "see why in the CloudFormation console, and run `cargo pmcp deploy destroy` again",
        )
    })
}
