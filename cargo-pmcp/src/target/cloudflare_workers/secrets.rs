//! Secrets of the Worker, which wrangler is told on its standard input.

use std::collections::BTreeMap;

use serde_json::json;

use super::account::Account;
use super::bindings::{Found, Made};
use super::worker;
use crate::config::Config;
use crate::exec::Hidden;
use crate::failure::Result;

/// What the Worker has, by its name; Cloudflare does not say when each was stored.
pub(super) fn list(account: &Account, name: &str) -> Result<BTreeMap<String, Option<String>>> {
    #[derive(serde::Deserialize)]
    struct Secret {
        name: String,
    }
    let found: Option<Vec<Secret>> = account.ask(&format!("/workers/scripts/{name}/secrets"))?;
    Ok(found.into_iter().flatten().map(|secret| (secret.name, None)).collect())
}

/// Stores one. Where there is no Worker, wrangler makes one that does nothing yet.
pub(super) fn set(account: &Account, config: &Config, key: &str, Hidden(value): Hidden) -> Result {
    let (name, root) = (&config.server.name, &config.root);
    let found = worker::find(account, config)?;
    let mut made = Made::load(root, account)?;
    if found.is_none() {
        made.begin(root, name, Found::Draft)?;
    }
    if let Err(failure) = bulk(account, config, key, Some(value)) {
        if found.is_none() && worker::is_free(account, name).is_ok_and(|is_free| is_free) {
            made.forget(root, name)?;
        }
        return Err(failure);
    }
    worker::mark(account, name, found.unwrap_or(Found::Draft))?;
    made.marked(root)
}

pub(super) fn delete(account: &Account, config: &Config, key: &str) -> Result {
    bulk(account, config, key, None)
}

fn bulk(account: &Account, config: &Config, key: &str, value: Option<String>) -> Result {
    let input = Hidden(json!({ key: value }).to_string());
    let call = account.wrangler_about(config, &["secret", "bulk", "--name", &config.server.name])?.input(input);
    account.run(call.hiding(Hidden(value.unwrap_or_default()))).map(drop)
}
