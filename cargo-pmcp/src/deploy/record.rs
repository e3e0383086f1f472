//! `.pmcp/deployed.json`: under which name and where this project was deployed, so that a new name is not a mistake, and
//! nothing that was begun is forgotten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Project;
use crate::config::TargetType;
use crate::failure::{Failure, Result};
use crate::files::write_whole;
use crate::output::encode_json;

/// The file's place in a project.
const PATH: &str = ".pmcp/deployed.json";

/// One deployment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Record {
    target_type: TargetType,
    name: String,
    // As versions wrote it that knew AWS Lambda alone.
    #[serde(alias = "region")]
    place: String,
    /// Whether it has not come to its end yet, or never has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    begun: bool,
}

/// All that there are. Belongs under version control: others then know of them too.
#[derive(Debug, Default, Serialize)]
pub(super) struct Records {
    deployments: Vec<Record>,
}

/// The file as any version wrote it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Several { deployments: Vec<Record> },
    One(Record),
}

impl Record {
    /// What deploy.toml says now.
    pub(super) fn new(project: &Project) -> Result<Self> {
        let config = &project.config;
        let place = project.target().place(config);
        Ok(Self { target_type: config.target.target_type, name: config.server.name.clone(), place, begun: false })
    }

    /// That `now` is another server than this one.
    pub(super) fn differs(&self, now: &Self) -> String {
        let Self { name, place, .. } = self;
        let before = match self.begun {
            true => format!("a deployment of this project as {name} in {place} was begun and has not ended"),
            false => format!("this project is deployed as {name} in {place}"),
        };
        format!("{before}, and .pmcp/deploy.toml now says {} in {}", now.name, now.place)
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.target_type, &self.name, &self.place) == (other.target_type, &other.name, &other.place)
    }
}

impl Records {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let path = path(root);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::file("reading", path)(error)),
        };
        match serde_json::from_str(&text) {
            Ok(Written::Several { deployments }) => Ok(Self { deployments }),
            Ok(Written::One(record)) => Ok(Self { deployments: vec![record] }),
            Err(error) => {
                let what = format!("{} is not what cargo pmcp wrote: {error}", path.display());
                Err(Failure::refused(what, "restore it from version control, or remove it if nothing is deployed"))
            }
        }
    }

    /// The deployment on the platform of `now` that `now` would be a second one beside.
    pub(super) fn other_than(&self, now: &Record) -> Option<&Record> {
        match self.find(now) {
            Some(_) => None,
            None => self.deployments.iter().rfind(|record| record.target_type == now.target_type),
        }
    }

    /// That `now` was begun and has not ended, if that is so.
    pub(super) fn is_begun(&self, now: &Record) -> bool {
        self.find(now).is_some_and(|record| record.begun)
    }

    /// Notes what is about to be deployed, if it was not known; whether that was so.
    pub(super) fn begin(&mut self, now: &Record) -> bool {
        let is_new = self.find(now).is_none();
        if is_new {
            self.deployments.push(Record { begun: true, ..now.clone() });
        }
        is_new
    }

    /// Notes a deployment.
    pub(super) fn put(&mut self, now: Record) {
        self.remove(&now);
        self.deployments.push(now);
    }

    /// Forgets one; whether it was known.
    pub(super) fn remove(&mut self, gone: &Record) -> bool {
        let before = self.deployments.len();
        self.deployments.retain(|record| !record.is_same(gone));
        self.deployments.len() < before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deployments.is_empty()
    }

    /// Whether one of them is on this platform.
    pub(super) fn is_on(&self, target: TargetType) -> bool {
        self.deployments.iter().any(|record| record.target_type == target)
    }

    fn find(&self, now: &Record) -> Option<&Record> {
        self.deployments.iter().find(|record| record.is_same(now))
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
