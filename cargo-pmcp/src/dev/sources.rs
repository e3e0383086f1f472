//! What a server is made of on this machine, and whether that has changed.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

/// The folders of packages whose source is here.
pub(super) struct Sources {
    folders: Vec<PathBuf>,
    /// Has the server's environment.
    config: PathBuf,
    /// Where cargo builds, which changes with every build.
    target: PathBuf,
    seen: u64,
}

impl Sources {
    pub(super) fn new(workspace: &Workspace, config: PathBuf) -> Self {
        Self { folders: workspace.folders(), config, target: workspace.target_directory.clone(), seen: 0 }
    }

    /// Whether anything is other than at the last look.
    pub(super) fn look(&mut self) -> bool {
        let mut hasher = DefaultHasher::new();
        for folder in &self.folders {
            self.add(folder, &mut hasher);
        }
        if let Ok(found) = self.config.metadata() {
            (found.len(), found.modified().ok()).hash(&mut hasher);
        }
        let now = hasher.finish();
        std::mem::replace(&mut self.seen, now) != now
    }

    /// Names, sizes and times; a file that goes in this moment is as one that has gone.
    fn add(&self, folder: &Path, hasher: &mut DefaultHasher) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            let Ok(found) = entry.metadata() else { continue };
            let is_left_out =
                name.starts_with('.') || name == "node_modules" || name == "target" || path == self.target;
            if found.is_dir() && !is_left_out {
                self.add(&path, hasher);
            } else if found.is_file() && !name.starts_with('.') {
                (path, found.len(), found.modified().ok()).hash(hasher);
            }
        }
    }
}
