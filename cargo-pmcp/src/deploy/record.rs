//! `.pmcp/deployed.json`: under which name and where this project was deployed, so that a new name is not a mistake, and
//! nothing that was begun is forgotten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Project;
use crate::config::{PATH as FILE, TargetType};
use crate::failure::{Failure, Result};
use crate::files::{read, write_whole};
use crate::output::encode_json;
use crate::target::cloudflare_workers::{ANY_ACCOUNT, account_at_cloudflare, named_at_cloudflare};

/// The file's place in a project.
pub(super) const PATH: &str = ".pmcp/deployed.json";

/// More is none, in MiB.
const LONGEST: u64 = 1;

/// Of a file that is not what this program wrote.
const RESTORE: &str = "restore it from version control, or remove it if nothing is deployed";

/// One deployment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Record {
    target_type: TargetType,
    name: String,
    // As versions wrote it that knew AWS Lambda alone.
    #[serde(alias = "region")]
    place: String,
    /// Whose place that is, where the version that wrote this asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// What says that now.
    #[serde(skip)]
    said_by: &'static str,
    /// Whether it has not come to its end yet, or never has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    begun: bool,
    /// What a later version knows more, for which it is kept.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// All that there are. Belongs under version control: others then know of them too.
#[derive(Debug, Default, Serialize)]
pub(super) struct Records {
    deployments: Vec<Entry>,
    /// What a later version says of them together.
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry {
    Known(Record),
    /// On a platform that a later version knows, for which it is kept.
    Later {
        target_type: String,
        #[serde(flatten)]
        more: Map<String, Value>,
    },
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut more = Map::<String, Value>::deserialize(deserializer)?;
        let target = more.get("target_type").and_then(Value::as_str).unwrap_or_default();
        // One that this version knows is whole: what it says is what keeps a new name from being a second server.
        if TargetType::from_str(target, false).is_ok() {
            return serde_json::from_value(Value::Object(more)).map(Self::Known).map_err(D::Error::custom);
        }
        let target_type = match more.remove("target_type") {
            Some(Value::String(target_type)) => target_type,
            _ => return Err(D::Error::custom("a deployment has no `target_type`")),
        };
        Ok(Self::Later { target_type, more })
    }
}

impl Record {
    /// What deploy.toml says now.
    pub(super) fn new(project: &Project) -> Result<Self> {
        let config = &project.config;
        let place = project.target().place(config);
        let (name, said_by) = (config.server.name.clone(), project.target().says_place(config));
        let (target_type, more) = (config.target.target_type, Map::new());
        Ok(Self { target_type, name, place, account: None, said_by, begun: false, more })
    }

    /// The same in an account, which only the platform knows.
    pub(super) fn of(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    /// That `now` is another server than this one.
    pub(super) fn differs(&self, now: &Self) -> String {
        let (name, place) = (&self.name, self.place());
        let before = match self.begun {
            true => format!("a deployment of this project as {name} in {place} was begun and has not ended"),
            false => format!("this project is deployed as {name} in {place}"),
        };
        match (self.said_otherwise(now), *name == now.name) {
            (None, _) => format!("{before}, and {FILE} now says {} in {}", now.name, now.place),
            (Some(who), true) => format!("{before}, and {who} now says {}", now.place),
            (Some(who), false) => format!("{before}, and {FILE} now says {}, {who} {}", now.name, now.place),
        }
    }

    /// What to do if `now` is not meant, as the beginning of an advice in which deploy.toml is called `file`.
    pub(super) fn put_back(&self, now: &Self, file: &str) -> String {
        match self.said_otherwise(now) {
            Some(who) => format!("correct {who}"),
            None => format!("put back what {file} said"),
        }
    }

    /// What says another place than this one's, where that is not deploy.toml.
    fn said_otherwise(&self, now: &Self) -> Option<&'static str> {
        (self.place() != now.place && now.said_by != FILE).then_some(now.said_by)
    }

    /// What is not known of an account does not tell two apart.
    fn is_same(&self, now: &Self) -> bool {
        let is_another = matches!((self.account(), now.account()), (Some(there), Some(here)) if there != here);
        self.is_called_as(now) && !is_another
    }

    /// Whether what is said of `now` may mean this one: at Cloudflare a place is an account, which a login says as well.
    fn is_called_as(&self, now: &Self) -> bool {
        let is_named = |id| now.place == account_at_cloudflare(id);
        let is_there = self.place == now.place || now.place == ANY_ACCOUNT || self.account().is_some_and(is_named);
        self.target_type == now.target_type && self.name == now.name && is_there
    }

    /// The account that it is in, as far as that is known.
    fn account(&self) -> Option<&str> {
        self.account.as_deref().or_else(|| named_at_cloudflare(&self.place))
    }

    /// Where it is, as it stands in a sentence: at Cloudflare in whose account, where that is known.
    fn place(&self) -> String {
        match &self.account {
            Some(id) if self.place == ANY_ACCOUNT => account_at_cloudflare(id),
            _ => self.place.clone(),
        }
    }
}

impl Records {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let path = path(root);
        let Some(text) = read(&path, LONGEST, RESTORE)? else { return Ok(Self::default()) };
        let read = serde_json::from_str::<Map<String, Value>>(&text).and_then(|mut more| {
            let Some(deployments) = more.remove("deployments") else {
                // As versions wrote it that knew one alone.
                return Ok(Self { deployments: vec![serde_json::from_value(Value::Object(more))?], more: Map::new() });
            };
            Ok(Self { deployments: serde_json::from_value(deployments)?, more })
        });
        read.map_err(|error| {
            Failure::refused(format!("{} is not what cargo pmcp wrote: {error}", path.display()), RESTORE)
        })
    }

    /// The deployment on the platform of `now` that `now` would be a second one beside.
    pub(super) fn other_than(&self, now: &Record) -> Option<&Record> {
        match self.known().any(|record| record.is_called_as(now)) {
            true => None,
            false => self.known().filter(|record| record.target_type == now.target_type).last(),
        }
    }

    /// That what is called as `now` is known in another account only, if that is so.
    pub(super) fn in_another_account(&self, now: &Record) -> Option<String> {
        if self.is_known(now) {
            return None;
        }
        let there = self.known().find(|record| record.is_called_as(now))?;
        let (id, here) = (there.account()?, now.account()?);
        let (name, place) = (&there.name, there.place());
        let place = if place == account_at_cloudflare(id) { place } else { format!("{place} of the account {id}") };
        let what = match there.begun {
            true => format!("a deployment of {name} in {place} was begun and has not ended"),
            false => format!("{name} is deployed in {place}"),
        };
        Some(format!("{what}, and this is the account {here}"))
    }

    /// Whether which account this is tells what is called as `now` from another.
    pub(super) fn knows_accounts(&self, now: &Record) -> bool {
        self.known().any(|record| record.is_called_as(now) && record.account().is_some())
    }

    /// Whether this project has deployed it, or begun to.
    pub(super) fn is_known(&self, now: &Record) -> bool {
        self.find(now).is_some()
    }

    /// That `now` was begun and has not ended, if that is so.
    pub(super) fn is_begun(&self, now: &Record) -> bool {
        self.known().any(|record| record.is_same(now) && record.begun)
    }

    /// Notes what is about to be deployed, if it was not known; whether that was so.
    pub(super) fn begin(&mut self, now: &Record) -> bool {
        let is_new = !self.is_known(now);
        if is_new {
            self.deployments.push(Entry::Known(Record { begun: true, ..now.clone() }));
        }
        is_new
    }

    /// Notes a deployment, as it was called first.
    pub(super) fn put(&mut self, now: Record) {
        let known = self.find(&now).cloned();
        let (place, account, more) = match known {
            Some(Record { place, account, more, .. }) => (place, account.or_else(|| now.account.clone()), more),
            None => (now.place.clone(), now.account.clone(), Map::new()),
        };
        self.remove(&now);
        self.deployments.push(Entry::Known(Record { place, account, more, ..now }));
    }

    /// Forgets one; whether it was known.
    pub(super) fn remove(&mut self, gone: &Record) -> bool {
        let before = self.deployments.len();
        self.deployments.retain(|entry| !matches!(entry, Entry::Known(record) if record.is_same(gone)));
        self.deployments.len() < before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deployments.is_empty()
    }

    /// Whether one of them is on this platform.
    pub(super) fn is_on(&self, target: TargetType) -> bool {
        self.known().any(|record| record.target_type == target)
    }

    fn known(&self) -> impl Iterator<Item = &Record> {
        self.deployments.iter().filter_map(|entry| match entry {
            Entry::Known(record) => Some(record),
            Entry::Later { .. } => None,
        })
    }

    fn find(&self, now: &Record) -> Option<&Record> {
        self.known().find(|record| record.is_same(now))
    }

    pub(super) fn save(&self, root: &Path) -> Result {
        let path = path(root);
        if !self.deployments.is_empty() {
            return write_whole(&path, &(encode_json(self)? + "\n"));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file("removing", path)(error)),
            _ => Ok(()),
        }
    }
}

fn path(root: &Path) -> PathBuf {
    root.join(PATH)
}
