//! `.pmcp/deployed.json`: under which name and where this project was deployed, so that a new name is not a mistake.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Project;
use crate::config::TargetType;
use crate::failure::{Failure, Result};
use crate::output::encode_json;

/// The file's place in a project.
const PATH: &str = ".pmcp/deployed.json";

/// The deployment that was made last on one platform.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    target_type: TargetType,
    name: String,
    // As versions wrote it that knew AWS Lambda alone.
    #[serde(alias = "region")]
    place: String,
}

/// One for each platform. Belongs under version control: others then know of them too.
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
        Ok(Self { target_type: config.target.target_type, name: config.server.name.clone(), place })
    }

    /// That `now` is another server than this one.
    pub(super) fn differs(&self, now: &Self) -> String {
        format!(
            "this project is deployed as {} in {}, and .pmcp/deploy.toml now says {} in {}",
            self.name, self.place, now.name, now.place
        )
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

    /// The deployment on the platform of `now`, if it is another one.
    pub(super) fn other_than(&self, now: &Record) -> Option<&Record> {
        self.deployments.iter().find(|record| record.target_type == now.target_type && *record != now)
    }

    /// Notes a deployment, in the place of the one before on its platform.
    pub(super) fn put(&mut self, now: Record) {
        self.deployments.retain(|record| record.target_type != now.target_type);
        self.deployments.push(now);
    }

    pub(super) fn has(&self, record: &Record) -> bool {
        self.deployments.contains(record)
    }

    /// Forgets one; whether others are left.
    pub(super) fn remove(&mut self, gone: &Record) -> bool {
        self.deployments.retain(|record| record != gone);
        !self.deployments.is_empty()
    }

    pub(super) fn save(&self, root: &Path) -> Result {
        let path = path(root);
        if !self.deployments.is_empty() {
            return fs::write(&path, encode_json(self)? + "\n").map_err(Failure::file("writing", path));
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
