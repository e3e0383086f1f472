//! What the CDK writes of an app that it has deployed, in `cdk.out`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::account::Account;
use super::stack;
use crate::failure::{Failure, Result};
use crate::files::read;

#[derive(Deserialize)]
struct Assembly {
    artifacts: BTreeMap<String, Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct Properties {
    /// Where it is another than the artifact's.
    #[serde(rename = "stackName")]
    stack: Option<String>,
}

/// Refuses to call gone what the CDK app in a folder has deployed under another name than the server's.
pub(super) fn require_name(account: &Account, name: &str, app: &Path) -> Result {
    let path = app.join("cdk.out/manifest.json");
    let Some(text) = read(&path, 16, "remove it: the CDK writes another")? else { return Ok(()) };
    // Another version of the CDK may write it in another way.
    let Ok(mut assembly) = serde_json::from_str::<Assembly>(&text) else { return Ok(()) };
    let named = assembly.artifacts.remove(name).and_then(|artifact| artifact.properties?.stack);
    match named.filter(|other| other != name) {
        Some(other) if stack::exists(account, &other)? => Err(Failure::refused(
            format!("deploy/aws-lambda has deployed {name} as the stack {other}, and there is no stack {name}"),
            format!(
                "take the other name out of server-stack.ts, by which nothing else finds it, and remove that stack: {}",
                account.line(&format!("aws cloudformation delete-stack --stack-name {other}"))
            ),
        )),
        _ => Ok(()),
    }
}
