//! `.pmcp/deployed.json`: under which name and where this project was deployed, so that a new name is not a mistake.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Config, TargetType};
use crate::failure::{Failure, Result};
use crate::output::encode_json;

/// The file's place in a project.
const PATH: &str = ".pmcp/deployed.json";

/// The deployment that was made last. Belongs under version control: others then know of it too.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    target_type: TargetType,
    pub(super) name: String,
    pub(super) region: String,
}

impl Record {
    pub(super) fn new(config: &Config) -> Self {
        let (name, region) = (config.server.name.clone(), config.aws.region.clone());
        Self { target_type: config.target.target_type, name, region }
    }

    pub(super) fn load(root: &Path) -> Result<Option<Self>> {
        let path = path(root);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("reading", path)(error)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let what = format!("{} is not what cargo pmcp wrote: {error}", path.display());
            Failure::refused(what, "restore it from version control, or remove it if nothing is deployed")
        })
    }

    pub(super) fn save(&self, root: &Path) -> Result {
        let path = path(root);
        fs::write(&path, encode_json(self)? + "\n").map_err(Failure::file("writing", path))
    }

    pub(super) fn remove(root: &Path) -> Result {
        match fs::remove_file(path(root)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file("removing", path(root))(error)),
            _ => Ok(()),
        }
    }
}

fn path(root: &Path) -> PathBuf {
    root.join(PATH)
}
