//! One thing that was made for a Worker to be bound to, and what of it can be trusted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account::Account;
use super::bindings::PATH;
use crate::config::{is_account, is_bucket, is_database};
use crate::failure::{Failure, Result};

/// One thing that was made for a binding.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    pub(super) binding: String,
    pub(super) name: String,
    /// A bucket's is its name. Without one, it was begun, and whether it was made is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Kv,
    D1,
    R2,
}

impl Kind {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Kv => "KV namespace",
            Self::D1 => "D1 database",
            Self::R2 => "R2 bucket",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Kv => "/storage/kv/namespaces",
            Self::D1 => "/d1/database",
            Self::R2 => "/r2/buckets",
        }
    }

    /// The member of an answer that has the id.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Kv => "id",
            Self::D1 => "uuid",
            Self::R2 => "name",
        }
    }

    /// The member that has the name.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Kv => "title",
            Self::D1 | Self::R2 => "name",
        }
    }

    /// Whether it can be the id of one of this name. What is no id leads elsewhere in a path.
    pub(super) fn is_id(self, id: &str, name: &str) -> bool {
        match self {
            // Both have the same form.
            Self::Kv => is_account(id),
            Self::D1 => is_database(id),
            Self::R2 => id == name && is_bucket(id),
        }
    }

    /// The id of the one of this name, if it is there.
    pub(super) fn find(self, account: &Account, name: &str) -> Result<Option<String>> {
        let path = match self {
            // An account has no more of them.
            Self::Kv => format!("{}?per_page=1000", self.path()),
            Self::D1 => format!("{}?name={name}", self.path()),
            Self::R2 => {
                let found: Option<Value> = account.ask(&format!("{}/{name}", self.path()))?;
                return Ok(found.map(|_| name.to_owned()));
            }
        };
        let found: Vec<Value> = account.ask(&path)?.unwrap_or_default();
        let found = found.iter().find(|thing| thing[self.member()] == name);
        Ok(found.and_then(|thing| thing[self.id()].as_str()).map(str::to_owned))
    }

    /// What is said where one was refused, as there is one of that name that is not known to be this tool's.
    pub(super) fn taken(self, binding: &str, name: &str, refused: Failure) -> Failure {
        if !refused.to_string().contains("already exists") {
            return refused;
        }
        let (section, key) = match self {
            Self::Kv => ("kv", "id"),
            Self::D1 => ("d1", "id"),
            Self::R2 => ("r2", "bucket"),
        };
        Failure::refused(
            format!("the account has a {} {name} already, which {PATH} does not name", self.title()),
            format!(
                "if another checkout of this project made it, take that file from there; if it is yours to use, say so: \
                 `{binding} = {{ {key} = \"…\" }}` under [cloudflare.{section}]"
            ),
        )
    }
}

impl Thing {
    /// As it is called where it is about to be removed: with the id, which is what goes.
    pub(super) fn label(&self) -> String {
        match &self.id {
            Some(id) if *id != self.name => format!("{} ({id})", self.name),
            _ => self.name.clone(),
        }
    }

    /// Refuses one whose id is that of a thing of another name.
    pub(super) fn check(&self, account: &Account) -> Result {
        let Self { kind, name, id: Some(id), .. } = self else { return Ok(()) };
        let found: Option<Value> = match kind {
            // Its id is its name.
            Kind::R2 => None,
            Kind::Kv | Kind::D1 => account.ask(&format!("{}/{id}", kind.path()))?,
        };
        match found.as_ref().map(|found| found[kind.member()].as_str().unwrap_or_default()) {
            Some(called) if called != name => Err(Failure::refused(
                format!("the {} {id} is called `{called}`, and {PATH} says that it is {name}", kind.title()),
                format!(
                    "see who wrote that into {PATH}, and take out what is not this server's; where it was given another name, \
                     give it back this one, or remove it in the dashboard"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Whether it can be what this tool wrote: a name as it gives them, and an id of this kind.
    pub(super) fn is_whole(&self) -> bool {
        let Self { kind, name, id, .. } = self;
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        is_name && id.as_ref().is_none_or(|id| kind.is_id(id, name))
    }
}
