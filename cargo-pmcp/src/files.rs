//! Files that the tool writes once and that are the user's from then on.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::plan::{Action, Plan};

/// A file to be written, by its path in the project.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) path: String,
    pub(crate) content: String,
}

impl NewFile {
    pub(crate) fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into() }
    }
}

/// What a project has of a list of files.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Written {
    /// These were not there.
    pub(crate) written: Vec<String>,
    /// These were as they would be written.
    pub(crate) unchanged: Vec<String>,
    /// These were changed by the user, and stay as they are.
    pub(crate) left_alone: Vec<String>,
    /// In these something was changed.
    pub(crate) changed: Vec<Changed>,
}

/// A file of the user's in which one thing was changed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Changed {
    pub(crate) path: String,
    pub(crate) what: String,
}

impl Written {
    /// Compares; changes nothing.
    pub(crate) fn compare(root: &Path, files: &[NewFile]) -> Result<Self> {
        let mut found = Self::default();
        for file in files {
            let path = root.join(&file.path);
            let list = match fs::read_to_string(&path) {
                Ok(content) if content == file.content => &mut found.unchanged,
                Ok(_) => &mut found.left_alone,
                // What is no text was not written by this tool.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => &mut found.left_alone,
                Err(error) if error.kind() == io::ErrorKind::NotFound => &mut found.written,
                Err(error) => return Err(Failure::file("reading", path)(error)),
            };
            list.push(file.path.clone());
        }
        Ok(found)
    }

    /// Writes those that are not there.
    pub(crate) fn write(root: &Path, files: &[NewFile]) -> Result<Self> {
        let found = Self::compare(root, files)?;
        for file in files.iter().filter(|file| found.written.contains(&file.path)) {
            let path = root.join(&file.path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(Failure::file("creating", folder))?;
            }
            fs::write(&path, &file.content).map_err(Failure::file("writing", path))?;
        }
        Ok(found)
    }

    /// The same as a plan.
    pub(crate) fn into_plan(self) -> Plan {
        let mut plan = Plan::new();
        for Changed { path, what } in self.changed {
            plan.detailed(Action::Change, path, what);
        }
        for path in self.written {
            plan.step(Action::Write, path);
        }
        for path in self.unchanged {
            plan.detailed(Action::Leave, path, "is as it would be written");
        }
        for path in self.left_alone {
            plan.detailed(Action::Leave, path, "was changed by you");
        }
        plan
    }
}

impl fmt::Display for Written {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.written.iter().map(|path| format!("wrote {path}")).collect();
        lines.extend(self.changed.iter().map(|Changed { path, what }| format!("changed {path}: {what}")));
        lines.extend(self.left_alone.iter().map(|path| format!("left alone, as you changed it: {path}")));
        if lines.is_empty() {
            lines.push("everything is there already".into());
        }
        out.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_changed_stays() {
        let root = std::env::temp_dir().join(format!("cargo-pmcp-{}-files", std::process::id()));
        let files = [NewFile::new("a/one", "1"), NewFile::new("two", "2"), NewFile::new("three", "3")];
        fs::create_dir_all(&root).expect("a scratch folder");
        fs::write(root.join("two"), "mine").expect("writes");
        fs::write(root.join("three"), "3").expect("writes");
        let written = Written::write(&root, &files).expect("writes");
        assert_eq!(written.written, ["a/one"]);
        assert_eq!(written.unchanged, ["three"]);
        assert_eq!(written.left_alone, ["two"]);
        assert_eq!(fs::read_to_string(root.join("two")).expect("is there"), "mine");
        assert_eq!(written.to_string(), "wrote a/one\nleft alone, as you changed it: two");
        fs::remove_dir_all(root).expect("is removed");
    }
}
