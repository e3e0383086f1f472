//! What wrangler.toml and deploy.toml both say, and which of the two counts.

use serde_json::{Map, Value};

use super::account::named;
use crate::config::{Config, PATH};
use crate::failure::{Failure, Result};

/// The lists of wrangler.toml that bind something, and the member with its name.
const BOUND: [(&str, &str); 3] = [("kv_namespaces", "binding"), ("d1_databases", "binding"), ("r2_buckets", "binding")];

/// A note on each setting of which there are two; `own` is what the file at `path` says. What Cloudflare would refuse is
/// refused here.
pub(super) fn notes(own: &Map<String, Value>, path: &str, config: &Config) -> Result<Vec<String>> {
    let vars = own.get("vars").and_then(Value::as_object);
    let is_var = |name: &String| vars.is_some_and(|vars| vars.contains_key(name));
    if let Some(key) = config.secrets.keys().find(|key| is_var(key)) {
        return Err(Failure::refused(
            format!("{key} is under [vars] in {path}, and under [secrets] in {PATH}"),
            "take it out of one of them: what is under [vars] is stored and shown as plain text",
        ));
    }
    let bound = names(own);
    if let Some((section, name)) = config.cloudflare.bindings().find(|(_, name)| bound.contains(&name.as_str())) {
        return Err(Failure::refused(
            format!("{name} is bound in {path}, and under [cloudflare.{section}] in {PATH}"),
            "take it out of one of them",
        ));
    }
    let mut notes = Vec::new();
    let mut note = |what: String, counts: &str| {
        notes.push(format!("{what} in {path} says something else: what counts is {counts}"))
    };
    let says_other = |key: &str, counts: &Value| own.get(key).is_some_and(|own| own != counts);
    if says_other("name", &Value::from(config.server.name.as_str())) {
        note("`name`".into(), &format!("`name` under [server] in {PATH}"));
    }
    if says_other("account_id", &named(config).map_or(Value::Null, Value::from)) {
        note(
            "`account_id`".into(),
            &format!(
                "`account_id` under [cloudflare] in {PATH}, else CLOUDFLARE_ACCOUNT_ID, else the only account that the login has"
            ),
        );
    }
    if config.cloudflare.workers_dev.is_some_and(|there| says_other("workers_dev", &Value::from(there))) {
        note("`workers_dev`".into(), &format!("`workers_dev` under [cloudflare] in {PATH}"));
    }
    for (name, value) in &config.environment {
        if vars.and_then(|vars| vars.get(name)).is_some_and(|own| own != value) {
            note(format!("`vars.{name}`"), &format!("{name} under [environment] in {PATH}"));
        }
    }
    Ok(notes)
}

/// What wrangler.toml binds.
fn names(own: &Map<String, Value>) -> Vec<&str> {
    let objects = own.get("durable_objects").and_then(|objects| objects.get("bindings"));
    let lists = BOUND.iter().map(|(list, member)| (own.get(*list), *member)).chain([(objects, "name")]);
    let items = lists
        .flat_map(|(list, member)| list.and_then(Value::as_array).into_iter().flatten().map(move |item| &item[member]));
    items.filter_map(Value::as_str).collect()
}
