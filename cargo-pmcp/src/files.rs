//! Files that the tool writes once and that are the user's from then on.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
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
            let list = match fs::metadata(&path) {
                Ok(there) if is_same(&there, &path, &file.content)? => &mut found.unchanged,
                Ok(_) => &mut found.left_alone,
                Err(error) if error.kind() == io::ErrorKind::NotFound => &mut found.written,
                Err(error) => return Err(Failure::file("reading", path)(error)),
            };
            list.push(file.path.clone());
        }
        Ok(found)
    }

    /// Refuses a link that leads nowhere: it is not there to read, but to write to.
    pub(crate) fn check(&self, root: &Path) -> Result {
        self.written.iter().try_for_each(|path| no_link(&root.join(path)))
    }

    /// Writes those that are not there.
    pub(crate) fn write(root: &Path, files: &[NewFile]) -> Result<Self> {
        let found = Self::compare(root, files)?;
        found.check(root)?;
        for file in files.iter().filter(|file| found.written.contains(&file.path)) {
            let path = root.join(&file.path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(Failure::file("creating", folder))?;
            }
            write_whole(&path, &file.content)?;
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

/// Whether a file has this content, but for the ends of lines, which git may have changed. What has no end is not read.
fn is_same(there: &Metadata, path: &Path, content: &str) -> Result<bool> {
    let longest = content.len() + content.matches('\n').count();
    if !(there.is_file() && u64::try_from(longest).is_ok_and(|longest| there.len() <= longest)) {
        return Ok(false);
    }
    let found = fs::read(path).map_err(Failure::file("reading", path))?;
    Ok(String::from_utf8(found).is_ok_and(|found| found.replace("\r\n", "\n") == content))
}

/// Writes a file in one step: whatever happens, all of it is there, or what was there before. What is half written would
/// be taken for the user's own.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result {
    // Where a link leads to: the link stays.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // What an end half-way has left, or somebody's link, whose target is not this tool's.
    let removed = match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let made = removed.and_then(|()| File::options().write(true).create_new(true).open(&new));
    let written = made.and_then(|mut file| file.write_all(text.as_bytes())).and_then(|()| {
        if let Ok(before) = path.metadata() {
            fs::set_permissions(&new, before.permissions())?;
        }
        fs::rename(&new, &path)
    });
    written.map_err(|error| {
        // Of no use to anybody, and the first failure is the one to tell of.
        drop(fs::remove_file(&new));
        Failure::file("writing", path)(error)
    })
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

/// The text of a file of up to so many MiB, if it is there: what has no end is not read, and nobody's pipe is waited for.
pub(crate) fn read(path: &Path, longest: u64, advice: &str) -> Result<Option<String>> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() <= longest << 20 => {}
        Ok(_) => {
            let what = format!("{} is no file of up to {longest} MiB", path.display());
            return Err(Failure::refused(what, advice));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("reading", path)(error)),
    }
    fs::read_to_string(path).map(Some).map_err(Failure::file("reading", path))
}

/// Refuses to remove what is in no folder of the project's, but where a link leads.
pub(crate) fn within(root: &Path, path: &str) -> Result {
    let folders = Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders.map(|folder| root.join(folder)) {
        if folder.is_symlink() {
            return Err(Failure::refused(
                format!("{} is a link, and what is in it would be removed where it leads to", folder.display()),
                "remove the link, or put what it leads to in its place",
            ));
        }
    }
    Ok(())
}

/// Refuses a link where something is about to be written: what it leads to is not this tool's.
pub(crate) fn no_link(path: &Path) -> Result {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(Failure::refused(
            format!("{} is a link, and what it leads to would be written over", path.display()),
            "remove the link, or put what it leads to in its place",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_changed_stays() {
        let root = std::env::temp_dir().join(format!("cargo-pmcp-{}-files", std::process::id()));
        let files = [NewFile::new("a/one", "1"), NewFile::new("two", "2"), NewFile::new("three", "3\n")];
        fs::create_dir_all(&root).expect("a scratch folder");
        fs::write(root.join("two"), "mine").expect("writes");
        fs::write(root.join("three"), "3\r\n").expect("writes");
        let written = Written::write(&root, &files).expect("writes");
        assert_eq!(written.written, ["a/one"]);
        assert_eq!(written.unchanged, ["three"]);
        assert_eq!(written.left_alone, ["two"]);
        assert_eq!(fs::read_to_string(root.join("two")).expect("is there"), "mine");
        assert_eq!(written.to_string(), "wrote a/one\nleft alone, as you changed it: two");
        fs::remove_dir_all(root).expect("is removed");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let root = std::env::temp_dir().join(format!("cargo-pmcp-{}-whole", std::process::id()));
        fs::create_dir_all(&root).expect("a scratch folder");
        let (file, link) = (root.join("mine.toml"), root.join("link.toml"));
        fs::write(&file, "before").expect("writes");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("is changed");
        symlink(&file, &link).expect("a link");
        write_whole(&link, "after").expect("writes");
        assert_eq!(fs::read_to_string(&file).expect("is there"), "after");
        assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).expect("is there").is_symlink());
        // A link beside it leads to what is somebody's.
        fs::write(root.join("precious"), "mine").expect("writes");
        symlink(root.join("precious"), root.join("mine.toml.new")).expect("a link");
        write_whole(&file, "after").expect("writes");
        assert_eq!(fs::read_to_string(root.join("precious")).expect("is there"), "mine");
        assert!(!fs::symlink_metadata(&file).expect("is there").is_symlink());
        // Where it cannot be written beside, it is as it was.
        fs::create_dir(root.join("mine.toml.new")).expect("a folder");
        write_whole(&file, "later").expect_err("a folder is in the way");
        assert_eq!(fs::read_to_string(&file).expect("is there"), "after");
        fs::remove_dir_all(root).expect("is removed");
    }
}
