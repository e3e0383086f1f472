//! The stack as CloudFormation has it, and what belongs to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Rollback;
use super::account::Account;
use crate::config::Config;
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
    Err(Failure::refused(
        format!("{} has a stack {name} that cargo pmcp did not make", account.region),
        "choose another `name` under [server] in .pmcp/deploy.toml",
    ))
}

/// Whether the CDK has its own stack here.
pub(super) fn has_toolkit(account: &Account) -> Result<bool> {
    let found: Option<Stacks> = account.ask(&["cloudformation", "describe-stacks", "--stack-name", TOOLKIT])?;
    Ok(found.is_some())
}

/// Whether the stack can be deployed to as it is.
pub(super) fn ready(account: &Account, name: &str) -> Result {
    match describe(account, name)? {
        Some(stack) => check_state(name, &stack.status),
        None => Ok(()),
    }
}

fn check_state(name: &str, state: &str) -> Result {
    if state.ends_with("_IN_PROGRESS") {
        return Err(Failure::refused(
            format!("another change of the stack {name} is under way ({state})"),
            "wait until `cargo pmcp deploy status` says COMPLETE, and deploy again",
        ));
    }
    match state {
        // The first deployment failed and was taken back; CloudFormation only lets such a stack be removed.
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" => Err(Failure::refused(
            format!("the stack {name} is in the state {state}, from which it cannot be changed"),
            "remove it with `cargo pmcp deploy destroy`, and deploy again",
        )),
        "UPDATE_ROLLBACK_FAILED" => Err(Failure::refused(
            format!("the stack {name} is in the state {state}: a change failed, and taking it back failed too"),
            format!("type: aws cloudformation continue-update-rollback --stack-name {name}"),
        )),
        _ => Ok(()),
    }
}

/// What a failed deployment leaves, in the words of the person who has to go on.
pub(super) fn after_failure(account: &Account, name: &str, failure: Failure) -> Failure {
    if let Failure::Interrupted { .. } = failure {
        return failure.when_interrupted(format!(
            "CloudFormation goes on with what it has begun of {name}: wait until `cargo pmcp deploy status` says COMPLETE \
             or that nothing is deployed, and deploy again"
        ));
    }
    let now = |stack: Stack| {
        let advice = match check_state(name, &stack.status) {
            Ok(()) => "the version before answers as ever; mend what it says, and deploy again",
            Err(_) => "remove it with `cargo pmcp deploy destroy`, mend what it says, and deploy again",
        };
        (format!("the stack is now in the state {}", stack.status), advice)
    };
    crate::target::after_failure(name, failure, || Ok(describe(account, name)?.map(now)))
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
}

#[derive(Deserialize)]
struct Alias {
    #[serde(rename = "FunctionVersion")]
    version: String,
}

/// The versions of the function, oldest first.
pub(super) fn versions(account: &Account, name: &str) -> Result<Vec<String>> {
    let found: Option<Versions> = account.ask(&["lambda", "list-versions-by-function", "--function-name", name])?;
    let mut numbers: Vec<u64> = found
        .map(|found| found.versions.iter().filter_map(|version| version.version.parse().ok()).collect())
        .unwrap_or_default();
    numbers.sort_unstable();
    Ok(numbers.iter().map(u64::to_string).collect())
}

/// The version that answers.
pub(super) fn live(account: &Account, name: &str) -> Result<Option<String>> {
    let alias: Option<Alias> = account.ask(&["lambda", "get-alias", "--function-name", name, "--name", LIVE])?;
    Ok(alias.map(|alias| alias.version))
}

fn point_to(account: &Account, name: &str, version: &str) -> Result {
    account.tell(&["lambda", "update-alias", "--function-name", name, "--name", LIVE, "--function-version", version])
}

/// Lets the version that was deployed last answer, if a rollback has chosen another.
pub(super) fn go_live(account: &Account, name: &str) -> Result {
    let deployed = describe(account, name)?.and_then(|stack| stack.outputs().remove("Version"));
    if let (Some(deployed), Some(live)) = (deployed, live(account, name)?)
        && deployed != live
    {
        point_to(account, name, &deployed)?;
    }
    Ok(())
}

pub(super) fn rollback(account: &Account, config: &Config, options: &Rollback) -> Result<Plan> {
    let name = &config.server.name;
    if describe(account, name)?.is_none() {
        return Err(not_deployed(config));
    }
    let versions = versions(account, name)?;
    let Some(live) = live(account, name)? else {
        return Err(Failure::failed(
            format!("the function {name} has no alias `{LIVE}`"),
            "put it back into deploy/aws-lambda/server-stack.ts, and deploy again",
        ));
    };
    let version = choose(&versions, &live, options.version.as_deref())?;
    let mut plan = Plan::new();
    plan.detailed(Action::Change, format!("the live version of {name}"), format!("from {live} to {version}"));
    if !options.dry_run {
        point_to(account, name, &version)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_cannot_be_changed_is_not_tried() {
        for good in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"] {
            assert!(check_state("crm", good).is_ok(), "{good}");
        }
        for (bad, advice) in [
            ("UPDATE_IN_PROGRESS", "wait until"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait until"),
            ("ROLLBACK_COMPLETE", "`cargo pmcp deploy destroy`"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name crm"),
        ] {
            let refused = check_state("crm", bad).expect_err(bad);
            assert_eq!(refused.exit_code(), 5);
            assert!(refused.to_string().contains(advice), "{refused}");
        }
    }
}
