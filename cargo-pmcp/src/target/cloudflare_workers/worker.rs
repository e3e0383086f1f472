//! The Worker: whose it is, what of it is live, and the addresses that lead to it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::account::Account;
use super::bindings::{Found, Made};
use super::versions;
use crate::config::Config;
use crate::failure::{Failure, Result};

/// What this tool deployed has it, with the server's name.
fn tag(name: &str) -> String {
    format!("pmcp:server={name}")
}

/// What has nothing but secrets yet, which came first.
fn draft(name: &str) -> String {
    format!("pmcp:secrets={name}")
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// Before the number of the last version that has secrets and no server.
const LAST_DRAFT: &str = "pmcp:drafts=";

pub(super) fn path(name: &str, rest: &str) -> String {
    format!("/workers/scripts/{name}{rest}")
}

fn tags(account: &Account, name: &str) -> Result<Option<Vec<String>>> {
    let settings: Option<Settings> = account.ask(&path(name, "/settings"))?;
    Ok(settings.map(|settings| settings.tags.unwrap_or_default()))
}

/// What there is of it. One that somebody else made is not touched.
pub(super) fn find(account: &Account, config: &Config) -> Result<Option<Found>> {
    let name = &config.server.name;
    let Some(tags) = tags(account, name)? else { return Ok(None) };
    if tags.contains(&tag(name)) {
        return Ok(Some(Found::Server));
    }
    if tags.contains(&draft(name)) {
        return Ok(Some(Found::Draft));
    }
    // What was cut off before it was marked.
    let made = Made::load(&config.root, account)?;
    match made.begun(name) {
        Some(found) => Ok(Some(found)),
        None => Err(Failure::refused(
            format!("{} has a Worker {name} that cargo pmcp did not make", account.place()),
            "choose another `name` under [server] in .pmcp/deploy.toml",
        )),
    }
}

/// Whether it was deployed.
pub(super) fn is_deployed(account: &Account, config: &Config) -> Result<bool> {
    Ok(find(account, config)? == Some(Found::Server))
}

/// Whether nothing of this name is there, whoever made it.
pub(super) fn is_free(account: &Account, name: &str) -> Result<bool> {
    Ok(tags(account, name)?.is_none())
}

/// Whether it says itself that this tool made it.
pub(super) fn is_marked(account: &Account, name: &str) -> Result<bool> {
    let tags = tags(account, name)?.unwrap_or_default();
    Ok(tags.contains(&tag(name)) || tags.contains(&draft(name)))
}

/// The number of the last version that has secrets and no server; 0 where there is none.
pub(super) fn last_draft(account: &Account, name: &str) -> Result<u64> {
    let tags = tags(account, name)?.unwrap_or_default();
    let number = tags.iter().find_map(|tag| tag.strip_prefix(LAST_DRAFT)?.parse().ok());
    Ok(number.unwrap_or_default())
}

/// Marks what there is as without a server, before the first is uploaded: no rollback is to go there.
pub(super) fn end_drafts(account: &Account, name: &str) -> Result {
    let number = versions::newest(account, name)?;
    let mut tags = tags(account, name)?.unwrap_or_default();
    tags.retain(|tag| *tag != draft(name) && !tag.starts_with(LAST_DRAFT));
    tags.extend([draft(name), format!("{LAST_DRAFT}{number}")]);
    tell(account, name, &tags)
}

fn tell(account: &Account, name: &str, tags: &[String]) -> Result {
    account.tell("PATCH", &path(name, "/script-settings"), Some(&json!({ "tags": tags }))).map(drop)
}

/// Marks it as made by this tool: deployed, or with its first secret.
pub(super) fn mark(account: &Account, name: &str, found: Found) -> Result {
    let mut tags = tags(account, name)?.unwrap_or_default();
    let mark = match found {
        Found::Server => tag(name),
        Found::Draft => draft(name),
    };
    if tags.contains(&tag(name)) || tags.contains(&mark) {
        return Ok(());
    }
    tags.retain(|tag| *tag != draft(name));
    tags.push(mark);
    tell(account, name, &tags)
}

#[derive(Deserialize)]
struct Deployments {
    deployments: Vec<Deployment>,
}

#[derive(Deserialize)]
pub(super) struct Deployment {
    pub(super) created_on: String,
    versions: Vec<Share>,
}

#[derive(Deserialize)]
struct Share {
    version_id: String,
    percentage: f64,
}

impl Deployment {
    /// The version that answers most requests.
    pub(super) fn live(&self) -> Option<String> {
        let most = self.versions.iter().max_by(|one, other| one.percentage.total_cmp(&other.percentage))?;
        Some(most.version_id.clone())
    }
}

/// The version that answers most requests; nothing where no Worker is.
pub(super) fn live(account: &Account, name: &str) -> Result<Option<String>> {
    Ok(deployment(account, name)?.and_then(|deployment| deployment.live()))
}

/// What was made live last.
pub(super) fn deployment(account: &Account, name: &str) -> Result<Option<Deployment>> {
    Ok(deployments(account, name)?.into_iter().next())
}

/// What was made live, the last first.
fn deployments(account: &Account, name: &str) -> Result<Vec<Deployment>> {
    let found: Option<Deployments> = account.ask(&path(name, "/deployments"))?;
    Ok(found.map(|found| found.deployments).unwrap_or_default())
}

/// What was live right before what is live now.
pub(super) fn replaced(account: &Account, name: &str) -> Result<Option<String>> {
    let mut live = deployments(account, name)?.into_iter().filter_map(|deployment| deployment.live());
    let now = live.next();
    Ok(live.find(|version| Some(version) != now.as_ref()))
}

#[derive(Deserialize)]
struct Subdomain {
    subdomain: String,
}

#[derive(Deserialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Deserialize)]
struct Domain {
    hostname: String,
}

#[derive(Deserialize)]
struct Route {
    pattern: String,
}

/// Its name, its live version and its addresses, as Cloudflare has them.
pub(super) fn outputs(account: &Account, name: &str) -> Result<BTreeMap<String, String>> {
    let mut outputs = BTreeMap::from([("Worker".to_owned(), name.to_owned()), ("Account".into(), account.id.clone())]);
    if let Some(live) = live(account, name)? {
        outputs.insert("Version".into(), live);
    }
    let domains: Option<Vec<Domain>> = account.ask(&format!("/workers/domains?service={name}"))?;
    let mut hosts: Vec<String> = domains.into_iter().flatten().map(|domain| domain.hostname).collect();
    if account.ask::<Enabled>(&path(name, "/subdomain"))?.is_some_and(|subdomain| subdomain.enabled)
        && let Some(Subdomain { subdomain }) = account.ask("/workers/subdomain")?
    {
        hosts.push(format!("{name}.{subdomain}.workers.dev"));
    }
    let routes: Option<Vec<Route>> =
        account.ask(&format!("/workers/services/{name}/environments/production/routes?show_zonename=true"))?;
    let routes: Vec<String> = routes.into_iter().flatten().map(|route| route.pattern).collect();
    if !routes.is_empty() {
        outputs.insert("Routes".into(), routes.join(", "));
    }
    // Of a pattern with a star the host may still be one.
    let of_route = routes.iter().filter_map(|pattern| pattern.split('/').next()).filter(|host| !host.contains('*'));
    hosts.extend(of_route.map(str::to_owned));
    if let Some(host) = hosts.first() {
        outputs.insert("Url".into(), format!("https://{host}/mcp"));
    }
    Ok(outputs)
}
