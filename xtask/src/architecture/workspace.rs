//! The files that the checks read.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::source;
use crate::failure::Failure;
use crate::program;

/// A Rust file, read once for all checks.
pub(super) struct RustFile {
    /// From the workspace's root, with `/` on every platform.
    pub(super) path: String,
    /// Without comments and the contents of literals.
    pub(super) code: String,
    /// The code without its tests; nothing if the whole file is a test.
    pub(super) production: String,
    /// How many lines it has without its tests.
    pub(super) lines: usize,
}

impl RustFile {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = source::code(text);
        let (production, lines) = if is_test(path) {
            (String::new(), 0)
        } else {
            let lines = code.lines().count() - source::test_lines(&code);
            (source::without_tests(&code), lines)
        };
        Self { path: path.to_owned(), code, production, lines }
    }
}

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: String,
    /// Counted from one; zero if the file as a whole is meant.
    pub(super) line: usize,
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.what),
            line => write!(out, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// All Rust files of the workspace that git does not ignore, sorted.
pub(super) fn rust_files(root: &Path) -> Result<Vec<RustFile>, Failure> {
    let mut paths = match listed_by_git(root) {
        Some(paths) => paths,
        None => {
            let mut paths = Vec::new();
            walk(root, "", &mut paths)?;
            paths
        }
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        // git also lists what was removed and not yet committed.
        if root.join(&path).exists() {
            files.push(RustFile::new(&path, &read(root, &path)?));
        }
    }
    Ok(files)
}

/// A file's text.
pub(super) fn read(root: &Path, path: &str) -> Result<String, Failure> {
    let path = root.join(path);
    fs::read_to_string(&path).map_err(Failure::file("reading", &path))
}

/// Tests in files of their own: they may do what the code they test may not.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests") || path.ends_with("/tests.rs")
}

/// None where git or its folder is missing, as in a source archive.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let git = program::find("git")?;
    let mut command = Command::new(git);
    command.current_dir(root).args([
        "-c",
        "core.quotePath=false",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.rs",
    ]);
    let listed = program::capture(&mut command).ok()?;
    Some(listed.lines().map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<(), Failure> {
    let place = root.join(folder);
    for entry in fs::read_dir(&place).map_err(Failure::file("reading", &place))? {
        let entry = entry.map_err(Failure::file("reading", &place))?;
        let kind = entry.file_type().map_err(Failure::file("reading", &place))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
        if kind.is_dir() && !skipped {
            walk(root, &path, paths)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_their_path() {
        for (path, expected) in [
            ("tests/src/lib.rs", true),
            ("pmcp-core/tests/allocations.rs", true),
            ("pmcp-core/src/server/tests.rs", true),
            ("pmcp-core/src/testing.rs", false),
            ("pmcp-core/benches/dispatch.rs", false),
        ] {
            assert_eq!(is_test(path), expected, "{path}");
        }
    }

    #[test]
    fn a_walk_finds_what_git_lists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut walked = Vec::new();
        walk(root, "", &mut walked).expect("the folder is readable");
        walked.sort();
        assert!(walked.contains(&"src/architecture/workspace.rs".to_owned()));
        if let Some(mut listed) = listed_by_git(root) {
            listed.retain(|path| root.join(path).exists());
            listed.sort();
            listed.dedup();
            assert_eq!(walked, listed);
        }
    }
}
