//! What stays when the stack goes: secrets, log groups, the people of a user pool, and the files that were uploaded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::Account;
use super::stack::{TAG, TOOLKIT};
use super::{Outliving, secrets};
use crate::config::Config;
use crate::failure::{Failure, Result};

const SECRET: &str = "secret";
const LOG_GROUP: &str = "log group";
const USER_POOL: &str = "Cognito user pool, with everybody in it,";
const UPLOADS: &str = "uploaded versions in";

/// Finds what is this server's by its tag, or by a folder of its own. `clean` if it is to be removed: then nothing may be
/// overlooked, while a server that never had people needs no right to look for them.
pub(super) fn find(account: &Account, config: &Config, clean: bool) -> Result<Vec<Outliving>> {
    let name = &config.server.name;
    let mut found: Vec<Outliving> =
        secrets::all(account, config, clean)?.into_iter().map(|name| Outliving { kind: SECRET, name }).collect();
    // CloudFormation names what has no name after the stack; only the tag says whose it is.
    let prefix = format!("{name}-Log");
    let groups: Option<LogGroups> =
        account.ask(&["logs", "describe-log-groups", "--log-group-name-prefix", &prefix])?;
    for LogGroup { log_group_name } in groups.map(|found| found.groups).unwrap_or_default() {
        let tags: Option<Tags> = account.ask(&["logs", "list-tags-log-group", "--log-group-name", &log_group_name])?;
        if tags.is_some_and(|found| found.tags.get(TAG) == Some(name)) {
            found.push(Outliving { kind: LOG_GROUP, name: log_group_name });
        }
    }
    let pools = if clean || config.auth.is_some() { pools(account)? } else { Vec::new() };
    for Pool { id, name: called } in pools {
        if called == *name && pool(account, &id)?.is_some_and(|pool| pool.tags.get(TAG) == Some(name)) {
            found.push(Outliving { kind: USER_POOL, name: id });
        }
    }
    if let Some(bucket) = bucket(account)?
        && !uploads(account, &bucket, name)?.is_empty()
    {
        found.push(Outliving { kind: UPLOADS, name: format!("s3://{bucket}/{}", folder(name)) });
    }
    Ok(found)
}

/// Removes one thing that was found.
pub(super) fn delete(account: &Account, kind: &str, name: &str, server: &str) -> Result {
    match kind {
        SECRET => secrets::delete_for_good(account, name),
        LOG_GROUP => account.tell(&["logs", "delete-log-group", "--log-group-name", name]),
        UPLOADS => match bucket(account)? {
            Some(bucket) => delete_uploads(account, &bucket, server),
            None => Ok(()),
        },
        _ => delete_pool(account, name),
    }
}

#[derive(Deserialize)]
struct LogGroups {
    #[serde(rename = "logGroups")]
    groups: Vec<LogGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogGroup {
    log_group_name: String,
}

#[derive(Deserialize)]
struct Tags {
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Pools {
    #[serde(rename = "UserPools")]
    pools: Vec<Pool>,
    #[serde(rename = "NextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pool {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct DescribedPool {
    #[serde(rename = "UserPool")]
    pool: PoolDetails,
}

#[derive(Deserialize)]
struct PoolDetails {
    #[serde(rename = "UserPoolTags", default)]
    tags: BTreeMap<String, String>,
    #[serde(rename = "Domain")]
    domain: Option<String>,
}

/// All there are. The AWS CLI wants to be told how many to take at once, and then does not ask for the rest.
fn pools(account: &Account) -> Result<Vec<Pool>> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut arguments = vec!["cognito-idp", "list-user-pools", "--max-results", "60"];
        // One argument: whatever it begins with, it is no option.
        arguments.extend(next.as_deref());
        let Some(found) = account.ask::<Pools>(&arguments)? else { return Ok(all) };
        all.extend(found.pools);
        match found.next {
            Some(token) => next = Some(format!("--next-token={token}")),
            None => return Ok(all),
        }
    }
}

fn pool(account: &Account, id: &str) -> Result<Option<PoolDetails>> {
    let found: Option<DescribedPool> = account.ask(&["cognito-idp", "describe-user-pool", "--user-pool-id", id])?;
    Ok(found.map(|found| found.pool))
}

/// A pool goes only without its sign-in page, which a stack that was changed by hand may have left.
fn delete_pool(account: &Account, id: &str) -> Result {
    if let Some(domain) = pool(account, id)?.and_then(|pool| pool.domain) {
        account.tell(&["cognito-idp", "delete-user-pool-domain", "--user-pool-id", id, "--domain", &domain])?;
    }
    account.tell(&["cognito-idp", "delete-user-pool", "--user-pool-id", id])
}

/// The CDK's bucket, which server-stack.ts gives this folder of.
fn folder(server: &str) -> String {
    format!("pmcp/{server}/")
}

#[derive(Deserialize)]
struct Resources {
    #[serde(rename = "StackResourceSummaries")]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    logical_resource_id: Option<String>,
    physical_resource_id: Option<String>,
}

/// Whatever the CDK called it when the account was bootstrapped.
fn bucket(account: &Account) -> Result<Option<String>> {
    let found: Option<Resources> = account.ask(&["cloudformation", "list-stack-resources", "--stack-name", TOOLKIT])?;
    let mut resources = found.into_iter().flat_map(|found| found.resources);
    let bucket = resources.find(|found| found.logical_resource_id.as_deref() == Some("StagingBucket"));
    Ok(bucket.and_then(|found| found.physical_resource_id))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Versions {
    versions: Option<Vec<Object>>,
    delete_markers: Option<Vec<Object>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
    #[serde(skip_serializing_if = "is_only_version")]
    version_id: String,
}

/// What S3 says of what it was told to delete: nothing of what is gone.
#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "Errors", default)]
    errors: Vec<Kept>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Kept {
    key: String,
    code: String,
    message: String,
}

/// In a bucket that keeps no versions, every file has this one.
fn is_only_version(version_id: &str) -> bool {
    version_id == "null"
}

/// Every version of every file, as the bucket keeps them.
fn uploads(account: &Account, bucket: &str, server: &str) -> Result<Vec<Object>> {
    let folder = folder(server);
    let found: Option<Versions> =
        account.ask(&["s3api", "list-object-versions", "--bucket", bucket, "--prefix", &folder])?;
    let Versions { versions, delete_markers } = found.unwrap_or_default();
    Ok(versions.into_iter().chain(delete_markers).flatten().collect())
}

fn delete_uploads(account: &Account, bucket: &str, server: &str) -> Result {
    // S3 takes a thousand at once, a command line less.
    const AT_ONCE: usize = 200;
    for objects in uploads(account, bucket, server)?.chunks(AT_ONCE) {
        let list = json!({ "Objects": objects, "Quiet": true }).to_string();
        let answer: Option<Deleted> =
            account.ask(&["s3api", "delete-objects", "--bucket", bucket, "--delete", &list])?;
        // S3 says yes, and names what it has not removed.
        let kept = answer.map(|answer| answer.errors).unwrap_or_default();
        if let Some(Kept { key, code, message }) = kept.first() {
            return Err(Failure::failed(
                format!(
                    "S3 did not remove {} of the files in s3://{bucket}/{}: {key}: {code}: {message}",
                    kept.len(),
                    folder(server)
                ),
                "mend what it says, and run `cargo pmcp deploy destroy --clean` again",
            ));
        }
    }
    Ok(())
}
