//! The Worker's versions: which of them are the server's, and which one a rollback goes to.
//!
//! Cloudflare makes one of every upload and of every secret that is stored or deleted, which is live at once. Those before
//! the first deployment have secrets and no server: wrangler made them around code that does nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::account::Account;
use super::worker::{self, path};
use crate::cli::Rollback;
use crate::config::Config;
use crate::date;
use crate::failure::{Failure, Result};
use crate::plan::{Action, Plan};
use crate::target::not_deployed_in;
use crate::target::versions::{choose, others};

/// What Cloudflare says a version was made by.
const TRIGGER: &str = "workers/triggered_by";

#[derive(Deserialize)]
struct List {
    items: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    id: String,
    /// Counted from the Worker's first on, whatever is not listed any more.
    number: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    metadata: Made,
}

#[derive(Default, Deserialize)]
struct Made {
    created_on: Option<String>,
}

impl Version {
    /// Whether it has the code of the one before, and other secrets.
    fn is_of_a_secret(&self) -> bool {
        let trigger = self.annotations.as_ref().and_then(|annotations| annotations.get(TRIGGER));
        trigger.is_some_and(|trigger| trigger == "secret")
    }
}

/// Those that Cloudflare would make live.
pub(super) struct Versions {
    /// The server's, oldest first.
    all: Vec<Version>,
    drafts: Vec<Version>,
}

impl Versions {
    pub(super) fn load(account: &Account, name: &str) -> Result<Self> {
        let last_draft = worker::last_draft(account, name)?;
        let (drafts, all) = items(account, name)?.into_iter().partition(|version| version.number <= last_draft);
        Ok(Self { all, drafts })
    }

    /// Whether it is there, with a server or without.
    pub(super) fn has(&self, id: &str) -> bool {
        self.all.iter().chain(&self.drafts).any(|version| version.id == id)
    }

    fn is_draft(&self, id: &str) -> bool {
        self.drafts.iter().any(|version| version.id == id)
    }

    /// When each was made.
    pub(super) fn times(&self) -> BTreeMap<String, String> {
        let time = |version: &Version| date::whole_seconds(version.metadata.created_on.as_ref()?);
        self.all.iter().filter_map(|version| Some((version.id.clone(), time(version)?))).collect()
    }

    /// One for each code that was deployed, oldest first: the live one, or that with the newest secrets.
    pub(super) fn of_code(&self, live: Option<&str>) -> Vec<String> {
        let mut found: Vec<&str> = Vec::new();
        for version in &self.all {
            if version.is_of_a_secret()
                && let Some(before) = found.last_mut()
            {
                if Some(*before) != live {
                    *before = &version.id;
                }
            } else {
                found.push(&version.id);
            }
        }
        found.into_iter().map(str::to_owned).collect()
    }
}

fn items(account: &Account, name: &str) -> Result<Vec<Version>> {
    let found: Option<List> = account.ask(&path(name, "/versions?deployable=true"))?;
    let mut items = found.map(|found| found.items).unwrap_or_default();
    items.sort_by_key(|version| version.number);
    Ok(items)
}

/// The number of the newest.
pub(super) fn newest(account: &Account, name: &str) -> Result<u64> {
    Ok(items(account, name)?.last().map_or(0, |version| version.number))
}

pub(super) fn rollback(account: &Account, config: &Config, options: &Rollback) -> Result<Plan> {
    let name = &config.server.name;
    let missing = || not_deployed_in(config, &account.place());
    if !worker::is_deployed(account, config)? {
        return Err(missing());
    }
    let versions = Versions::load(account, name)?;
    let live = worker::live(account, name)?.ok_or_else(missing)?;
    let known = versions.of_code(Some(&live));
    let version = match options.version.as_deref() {
        Some(id) if versions.is_draft(id) => {
            let what = format!("version {id} is of before the first deployment: it has secrets, and no server");
            return Err(Failure::refused(what, others(&known, &live)));
        }
        // Of the same code there may be several, with the secrets of their time.
        Some(id) if id != live && versions.has(id) => id.to_owned(),
        wanted => choose(&known, &live, wanted)?,
    };
    let mut plan = Plan::new();
    plan.detailed(Action::Change, format!("the live version of {name}"), format!("from {live} to {version}"));
    if !options.dry_run {
        let message = "--message=cargo pmcp deploy rollback";
        account.run(account.wrangler_about(config, &["rollback", &version, "--name", name, message, "--yes"])?)?;
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_code(live: &str, versions: &[(&str, &str)]) -> Vec<String> {
        let version = |(number, (id, trigger)): (u64, &(&str, &str))| Version {
            id: (*id).into(),
            number,
            annotations: Some(BTreeMap::from([(TRIGGER.to_owned(), (*trigger).to_owned())])),
            metadata: Made::default(),
        };
        let all = (1..).zip(versions).map(version).collect();
        Versions { all, drafts: Vec::new() }.of_code(Some(live))
    }

    #[test]
    fn another_secret_is_no_other_code() {
        let versions = [("a", "upload"), ("b", "secret"), ("c", "secret"), ("d", "upload"), ("e", "secret")];
        assert_eq!(of_code("e", &versions), ["c", "e"]);
        assert_eq!(of_code("c", &versions), ["c", "e"]);
        // Where somebody has gone back to older secrets, these are what there is of that code.
        assert_eq!(of_code("b", &versions), ["b", "e"]);
        assert_eq!(of_code("a", &versions), ["a", "e"]);
        // The first that is listed may have lost the one that it was made of.
        assert_eq!(of_code("e", &versions[1..]), ["c", "e"]);
    }
}
