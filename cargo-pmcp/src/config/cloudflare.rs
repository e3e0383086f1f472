//! `[cloudflare]` in deploy.toml: the account, the addresses, and what is bound to the Worker.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::{Broken, broken};
use super::{Config, TargetType};

/// The most that Cloudflare takes of one variable or secret, in bytes, and of both together; on its free plan half as many.
/// <https://developers.cloudflare.com/workers/platform/limits/#environment-variables>
pub(crate) const LONGEST_VALUE: usize = 5 << 10;
const MOST_VARIABLES: usize = 128;

/// The most characters of a KV namespace's title, as the schema of Cloudflare's API has it. For names of D1 databases it
/// has letters, digits, `-` and `_`, which ours always are.
/// <https://developers.cloudflare.com/api/resources/kv/subresources/namespaces/methods/create/>
const LONGEST_TITLE: usize = 512;

/// For the target cloudflare-workers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cloudflare {
    /// The account's id. Without it, CLOUDFLARE_ACCOUNT_ID, or the only account of whoever is logged in.
    pub(crate) account_id: Option<String>,
    /// A host name of a zone in the account, such as `mcp.example.com`, which then is the server's.
    pub(crate) custom_domain: Option<String>,
    /// Parts of a zone in the account that the server answers, such as `example.com/mcp*`.
    pub(crate) routes: Vec<String>,
    /// Whether the server is at `NAME.SUBDOMAIN.workers.dev`. Without it, where nothing else leads to it.
    pub(crate) workers_dev: Option<bool>,
    /// KV namespaces, by the name that the code has for them.
    pub(crate) kv: BTreeMap<String, Kv>,
    /// D1 databases, by the name that the code has for them.
    pub(crate) d1: BTreeMap<String, D1>,
    /// R2 buckets, by the name that the code has for them.
    pub(crate) r2: BTreeMap<String, R2>,
    /// Durable Objects of the Worker itself, by the name that the code has for them. Their classes are made with storage
    /// of SQLite, unless wrangler.toml has `[[migrations]]` of its own.
    pub(crate) durable_objects: BTreeMap<String, DurableObject>,
}

/// A KV namespace.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kv {
    /// One that is there already and stays yours. Without it, one that is made for this server.
    pub(crate) id: Option<String>,
}

/// A D1 database.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct D1 {
    /// One that is there already and stays yours. Without it, one that is made for this server.
    pub(crate) id: Option<String>,
    /// A folder of numbered SQL files beside wrangler.toml; each is run once, before the code that needs it is live.
    pub(crate) migrations: Option<String>,
}

/// An R2 bucket.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct R2 {
    /// One that is there already and stays yours. Without it, one that is made for this server.
    pub(crate) bucket: Option<String>,
}

/// A Durable Object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DurableObject {
    /// The name of its class in the Worker.
    #[schemars(length(min = 1))]
    pub(crate) class: String,
}

impl Cloudflare {
    /// Names of bindings with the section that they are in.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let of = |section: &'static str| move |name| (section, name);
        let keys = self.kv.keys().map(of("kv")).chain(self.d1.keys().map(of("d1")));
        keys.chain(self.r2.keys().map(of("r2"))).chain(self.durable_objects.keys().map(of("durable_objects")))
    }
}

/// What Cloudflare Workers does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let cloudflare = &config.cloudflare;
    let broken = |key: &[&str], what: &str| broken(&[&["cloudflare"], key].concat(), what);
    if cloudflare.account_id.as_deref().is_some_and(|id| !is_account(id)) {
        return broken(&["account_id"], "must be the 32 digits and letters from a to f that `wrangler whoami` shows");
    }
    if cloudflare.custom_domain.as_deref().is_some_and(|name| !is_host(name)) {
        return broken(&["custom_domain"], "must be a host name alone, such as `mcp.example.com`");
    }
    if !cloudflare.routes.iter().all(|route| is_route(route)) {
        return broken(&["routes"], "must be patterns that begin with a host name, such as `example.com/mcp*`");
    }
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (section, name) in cloudflare.bindings() {
        if !is_binding(name) {
            return broken(&[section, name], "names have letters, digits and underscores, and begin with no digit");
        }
        if is_reserved(name) {
            return broken(&[section, name], RESERVED);
        }
        let taken = config.environment.contains_key(name) || config.secrets.contains_key(name);
        if seen.insert(name, section).is_some() || (taken && config.target.target_type == TargetType::CloudflareWorkers)
        {
            return broken(&[section, name], "another binding, variable or secret has this name already");
        }
    }
    for (name, namespace) in &cloudflare.kv {
        // Both have the same form.
        if namespace.id.as_deref().is_some_and(|id| !is_account(id)) {
            return broken(
                &["kv", name, "id"],
                "must be the 32 digits and letters from a to f that the dashboard shows",
            );
        }
    }
    for (name, database) in &cloudflare.d1 {
        if database.id.as_deref().is_some_and(|id| !is_database(id)) {
            return broken(&["d1", name, "id"], "must be the UUID that `wrangler d1 list` shows");
        }
        if database.migrations.as_deref().is_some_and(|folder| folder.is_empty() || folder.starts_with('/')) {
            return broken(&["d1", name, "migrations"], "must be a folder beside wrangler.toml, such as `migrations`");
        }
    }
    for (name, bucket) in &cloudflare.r2 {
        if bucket.bucket.as_deref().is_some_and(|name| !is_bucket(name)) {
            return broken(&["r2", name, "bucket"], &format!("must be the name of a bucket: {BUCKET}"));
        }
    }
    for (name, object) in &cloudflare.durable_objects {
        if !is_binding(&object.class) {
            let what = "classes have letters, digits and underscores in their names, and begin with no digit";
            return broken(&["durable_objects", name, "class"], what);
        }
    }
    check_made(config)?;
    if config.target.target_type == TargetType::CloudflareWorkers {
        check_variables(config)?;
    }
    Ok(())
}

/// What is made for bindings gets names of this tool's.
fn check_made(config: &Config) -> Result<(), Broken> {
    let Cloudflare { kv, d1, r2, .. } = &config.cloudflare;
    let of = |section: &'static str| move |binding| (section, binding);
    let made = kv.iter().filter(|(_, kv)| kv.id.is_none()).map(|(binding, _)| binding).map(of("kv"));
    let made = made.chain(d1.iter().filter(|(_, d1)| d1.id.is_none()).map(|(binding, _)| binding).map(of("d1")));
    let made = made.chain(r2.iter().filter(|(_, r2)| r2.bucket.is_none()).map(|(binding, _)| binding).map(of("r2")));
    let mut seen = BTreeMap::new();
    for (section, binding) in made {
        let name = name_of(&config.server.name, binding);
        let broken = |what: String| {
            broken(&["cloudflare", section, binding], format!("it would be called `{name}` at Cloudflare, {what}"))
        };
        if section == "r2" && !is_bucket(&name) {
            return broken(format!("which takes {BUCKET}; give it another name, or a bucket of yours"));
        }
        if name.len() > LONGEST_TITLE {
            return broken(format!("which takes {LONGEST_TITLE} characters; give it a shorter name"));
        }
        if let Some(other) = seen.insert((section, name.clone()), binding) {
            return broken(format!("and `{other}` is called that already; give it another name"));
        }
    }
    Ok(())
}

fn check_variables(config: &Config) -> Result<(), Broken> {
    for (name, value) in &config.environment {
        if value.len() > LONGEST_VALUE {
            let what = format!("it has {} bytes, and Cloudflare takes {LONGEST_VALUE} at most", value.len());
            return broken(&["environment", name], what);
        }
    }
    let count = config.environment.len() + config.secrets.len();
    if count > MOST_VARIABLES {
        let section = if config.environment.is_empty() { "secrets" } else { "environment" };
        let what = format!("with [secrets] there are {count} variables, and Cloudflare takes {MOST_VARIABLES} at most");
        return broken(&[section], what);
    }
    Ok(())
}

/// What a server's thing for a binding is called: `crm-shared` for the binding SHARED of the server crm.
pub(crate) fn name_of(server: &str, binding: &str) -> String {
    format!("{server}-{}", binding.to_ascii_lowercase().replace('_', "-"))
}

/// As <https://developers.cloudflare.com/r2/buckets/create-buckets/> and wrangler have it.
const BUCKET: &str = "3 to 63 lower-case letters, digits and hyphens, with no hyphen first or last";

/// Whether a bucket may have this name.
pub(crate) fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether an id is one of an account.
pub(crate) fn is_account(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

/// Whether an id is one of a D1 database.
pub(crate) fn is_database(id: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && id.split('-').all(is_hex)
}

fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.contains('.') && name.split('.').all(is_label)
}

/// A pattern: a host, and what comes after it without a space or a letter that no URL has.
fn is_route(route: &str) -> bool {
    is_host(route.split('/').next().unwrap_or_default().trim_start_matches("*."))
        && route.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) const RESERVED: &str =
    "every object of JavaScript has this name, and wrangler takes it for that; choose another";

/// Whether wrangler fails at a variable or a binding of this name, or loses it.
pub(super) fn is_reserved(name: &str) -> bool {
    let accessors = ["__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"];
    let methods = ["hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"];
    name == "constructor" || accessors.contains(&name) || methods.contains(&name)
}

fn is_binding(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
