//! What `wrangler dev` is told, and told again whenever deploy.toml or wrangler.toml changes.
//!
//! Secrets it reads from `.dev.vars` beside wrangler.toml, and where that is not there from `.env`.

use std::fs;
use std::path::{Path, PathBuf};

use super::bindings::Made;
use super::build;
use super::settings::{self, OWN, Package, Settings};
use crate::config::{Config, PATH, STATE_KEYS};
use crate::deploy::Project;
use crate::failure::Result;

/// The files with secrets, of which the first that is there counts.
const SECRETS: [&str; 2] = [".dev.vars", ".env"];

/// What there is to know before `wrangler dev` is started.
pub(crate) struct ForDev {
    /// Of the Worker's package.
    pub(crate) folder: PathBuf,
    /// Of the settings.
    pub(crate) path: PathBuf,
    /// Bindings of databases whose tables are made by migrations.
    pub(crate) databases: Vec<String>,
}

impl ForDev {
    /// Writes the settings; wrangler builds whenever one of the folders changes, and reads the settings again when they do.
    pub(crate) fn prepare(project: &Project, watched: &[PathBuf]) -> Result<Self> {
        let Package { folder, .. } = Package::find(&project.root, &project.config)?;
        build::check(&Settings::load(&folder)?)?;
        let path = write(project, &folder, watched)?;
        let databases = project.config.cloudflare.d1.iter().filter(|(_, database)| database.migrations.is_some());
        let databases = databases.map(|(binding, _)| binding.clone()).collect();
        Ok(Self { folder, path, databases })
    }

    /// Writes them again, as the files say by now.
    pub(crate) fn update(&self, project: &Project, watched: &[PathBuf]) -> Result {
        write(project, &self.folder, watched).map(drop)
    }

    /// The files that the settings are made of.
    pub(crate) fn sources(&self, root: &Path) -> [PathBuf; 2] {
        [root.join(PATH), self.folder.join(OWN)]
    }

    /// Secrets of deploy.toml that the server does not find here, and the file to write them into.
    pub(crate) fn missing_secrets<'a>(&self, config: &'a Config) -> (Vec<&'a str>, PathBuf) {
        let found = SECRETS.iter().map(|file| self.folder.join(file)).find(|path| path.exists());
        let path = found.unwrap_or_else(|| self.folder.join(SECRETS[0]));
        // What cannot be read, wrangler says itself.
        let text = fs::read_to_string(&path).unwrap_or_default();
        let missing = config.secrets.keys().map(String::as_str).filter(|key| !names(&text, key));
        // The one isolate that there is makes its own.
        (missing.filter(|key| *key != STATE_KEYS).collect(), path)
    }
}

fn write(project: &Project, folder: &Path, watched: &[PathBuf]) -> Result<PathBuf> {
    let mut settings = Settings::load(folder)?;
    settings.apply(&project.config, &Made::load_unasked(&project.root, &project.config)?);
    settings.watch(watched);
    settings.write(settings::FOR_DEV)
}

/// Whether a line of the text gives this variable a value.
fn names(text: &str, key: &str) -> bool {
    text.lines().filter_map(|line| line.split_once('=')).any(|(name, _)| {
        let name = name.trim();
        name.strip_prefix("export ").map_or(name, str::trim) == key
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_variable_is_found_where_it_has_a_value() {
        let text = "# KEY=no\n  A = 1\nexport B='2'\nCD=3\n";
        assert!(["A", "B", "CD"].iter().all(|key| names(text, key)));
        assert!(!["KEY", "C", "D", "E"].iter().any(|key| names(text, key)));
    }
}
