//! The package with the `main` for a platform, where `deploy init` finds none: its files, and its place in the workspace.

use std::fs;
use std::path::Path;

use crate::cli::Platform;
use crate::failure::{Failure, Result};
use crate::files::{Changed, NewFile, write_whole};
use crate::mains::{self, MainTemplate, WORKERS_PROFILE};
use crate::toml_text::{add_string, append, has};
use crate::workspace::Workspace;

/// What is to be written; nothing where the workspace has such a package.
#[derive(Default)]
pub(super) struct MainPackage {
    pub(super) files: Vec<NewFile>,
    /// The workspace's Cargo.toml as it is to be.
    manifest: Option<(String, Changed)>,
    /// Why nothing is written although something is missing.
    pub(super) note: Option<String>,
}

impl MainPackage {
    pub(super) fn find(root: &Path, platform: Platform) -> Result<Self> {
        let manifest = root.join("Cargo.toml");
        let MainTemplate { folder, adapter, .. } = platform.main_template();
        if !manifest.exists() {
            return Ok(Self::default());
        }
        let workspace = Workspace::load(root)?;
        if workspace.uses(adapter) {
            return Ok(Self::default());
        }
        let note = |why: &str| {
            let (name, call) = (adapter.name, adapter.call);
            let note = format!("{why}: make a `main` that calls `{call}`, in a package that depends on {name}");
            Ok(Self { note: Some(note), ..Self::default() })
        };
        if root.canonicalize().ok() != workspace.workspace_root.canonicalize().ok() {
            return note("the workspace has its root elsewhere");
        }
        let Some(library) = workspace.library() else {
            return note("which package is the server is not clear");
        };
        let text = fs::read_to_string(&manifest).map_err(Failure::file("reading", &manifest))?;
        let (mut changed, mut what) = match add_string(&text, &["workspace", "members"], folder) {
            Some(changed) => (changed, format!("{folder} is a member")),
            None if has(&text, &["workspace", "members"]) => return note("the members of the workspace are no list"),
            None if has(&text, &["workspace"]) => return note("the workspace names no members"),
            None => {
                let lines = format!("[workspace]\nmembers = [\"{folder}\"]\n");
                (append(&text, &lines), format!("{folder} is a member of the workspace that begins here"))
            }
        };
        if platform == Platform::CloudflareWorkers && !has(&changed, &["profile", "workers"]) {
            changed = append(&changed, WORKERS_PROFILE);
            what.push_str(", and has a profile");
        }
        let path = "Cargo.toml".to_owned();
        let files = mains::files_for(platform, &library, &workspace.workspace_root);
        Ok(Self { files, manifest: Some((changed, Changed { path, what })), note: None })
    }

    pub(super) fn changed(&self) -> Option<Changed> {
        self.manifest.as_ref().map(|(_, changed)| changed.clone())
    }

    /// Makes the package known to the workspace, once its files are there.
    pub(super) fn enlist(&self, root: &Path) -> Result {
        let Some((text, Changed { path, .. })) = &self.manifest else { return Ok(()) };
        write_whole(&root.join(path), text)
    }
}
