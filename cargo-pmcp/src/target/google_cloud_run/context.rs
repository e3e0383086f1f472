//! What a container build is given of a project: its source, and neither secrets nor what was built.

use std::fs;
use std::path::{Path, PathBuf};

use super::FOLDER;
use crate::deploy;
use crate::failure::{Failure, Result};
use crate::workspace::Workspace;

/// The rules for `gcloud builds submit`, in a project.
pub(super) const IGNORED: &str = ".pmcp/build/gcloudignore";

/// What nobody is sent, whatever else is said of it. The template of Dockerfile.dockerignore has the same.
const NEVER: [&str; 7] = [".git", ".pmcp", ".dev.vars*", ".env*", ".wrangler", "cdk.out", "node_modules"];

/// What every folder has that cargo builds into: <https://bford.info/cachedir/>.
const BUILT: &str = "CACHEDIR.TAG";

/// Whether an image can be made of what is in the project's folder, which is all that those see who make it.
pub(super) fn check(project: &deploy::Project, file: &str) -> Result {
    check_of(project, file, Workspace::load_whole)
}

/// The same, as far as it is known without a compiler, whose place the project may give to a program of its own.
pub(super) fn check_unbuilt(project: &deploy::Project, file: &str) -> Result {
    check_of(project, file, Workspace::load)
}

fn check_of(project: &deploy::Project, file: &str, load: impl Fn(&Path) -> Result<Workspace>) -> Result {
    if !project.root.join(FOLDER).join(file).exists() {
        return Err(Failure::refused(
            format!("{FOLDER}/{file} is not there"),
            "write it with `cargo pmcp deploy init`, or leave out --builder",
        ));
    }
    let root = project.root.canonicalize().map_err(Failure::file("finding", &project.root))?;
    match load(&project.root)?.outside(&root) {
        None => Ok(()),
        Some(outside) => Err(Failure::refused(
            format!("the server is made of {} too, which no container build of this folder sees", outside.display()),
            "depend on it by `git` instead of `path`, or leave out --builder",
        )),
    }
}

/// Writes down what Cloud Build is not sent. By itself gcloud goes by one file, `.gcloudignore` or `.gitignore`, and
/// sends all where there is none.
pub(super) fn write_ignored(root: &Path) -> Result {
    let mut found = Found { root: root.to_path_buf(), rules: Vec::new(), built: Vec::new() };
    let own = root.join(".gcloudignore");
    let is_own = own.is_file();
    if is_own {
        found.rules = included(root, &read(&own)?)?;
    }
    found.walk(root, !is_own)?;
    // The last rule that fits counts.
    let lines = found.rules.into_iter().chain(NEVER.map(str::to_owned)).chain(found.built);
    let text: String = lines.map(|line| line + "\n").collect();
    let path = root.join(IGNORED);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Failure::file("creating", folder))?;
    }
    fs::write(&path, text).map_err(Failure::file("writing", path))
}

/// What a walk through a project finds.
struct Found {
    root: PathBuf,
    /// Of every .gitignore, as the folder of the whole project has it.
    rules: Vec<String>,
    /// The folders with what cargo has built, whatever they are called: a module may be called `target`.
    built: Vec<String>,
}

impl Found {
    fn walk(&mut self, folder: &Path, reads_gitignore: bool) -> Result {
        let path: String = self.path_of(folder);
        if folder.join(BUILT).is_file() {
            self.built.push(path);
            return Ok(());
        }
        let gitignore = folder.join(".gitignore");
        if reads_gitignore && gitignore.is_file() {
            let text = read(&gitignore)?;
            self.rules.extend(text.lines().filter_map(|line| moved(line, &path)));
        }
        // What cannot be read here cannot be sent either.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        let mut folders: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter(|entry| !NEVER.iter().any(|never| entry.file_name() == *never))
            .map(|entry| entry.path())
            .collect();
        folders.sort();
        folders.iter().try_for_each(|folder| self.walk(folder, reads_gitignore))
    }

    /// A folder as a rule names it: `/a/b`, and the project's own as nothing.
    fn path_of(&self, folder: &Path) -> String {
        let parts = folder.strip_prefix(&self.root).unwrap_or(folder).components();
        let part = |letter: char| match letter {
            // What would mean something else there is any letter.
            '*' | '?' | '[' | ']' | '\\' | '!' | '#' | ' ' => '?',
            // Here no letter is known.
            char::REPLACEMENT_CHARACTER => '*',
            letter => letter,
        };
        parts
            .map(|folder| format!("/{}", folder.as_os_str().to_string_lossy().chars().map(part).collect::<String>()))
            .collect()
    }
}

/// A rule of the .gitignore in `folder` as the whole project has it.
fn moved(line: &str, folder: &str) -> Option<String> {
    let line = line.trim_end_matches('\r');
    if line.trim().is_empty() || line.starts_with('#') {
        return None;
    }
    if folder.is_empty() {
        return Some(line.to_owned());
    }
    let (not, rule) = line.strip_prefix('!').map_or(("", line), |rule| ("!", rule));
    // With a slash that is not its last letter a rule is of this folder alone, else of those below it too.
    let is_bound = rule.trim_end_matches('/').contains('/');
    let between = if is_bound { "/" } else { "/**/" };
    Some(format!("{not}{folder}{between}{}", rule.trim_start_matches('/')))
}

/// The rules of the user's own .gcloudignore, with those of the files that it includes.
fn included(root: &Path, text: &str) -> Result<Vec<String>> {
    let mut rules = Vec::new();
    for line in text.lines() {
        let included = line.strip_prefix('#').and_then(|comment| comment.trim_start().strip_prefix("!include:"));
        match included {
            Some(name) => rules.extend(read(&root.join(name))?.lines().map(str::to_owned)),
            None => rules.push(line.to_owned()),
        }
    }
    Ok(rules)
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(Failure::file("reading", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("writes");
    }

    fn rules(root: &Path) -> String {
        write_ignored(root).expect("writes");
        fs::read_to_string(root.join(IGNORED)).expect("was written")
    }

    #[test]
    fn a_rule_is_where_its_file_is() {
        for (line, folder, rule) in [
            ("/target\r", "", "/target"),
            ("a/b", "", "a/b"),
            ("# nothing", "/w", ""),
            ("  ", "/w", ""),
            (".dev.vars", "/w", "/w/**/.dev.vars"),
            ("build/", "/w", "/w/**/build/"),
            ("/build", "/w/x", "/w/x/build"),
            ("a/b", "/w", "/w/a/b"),
            ("!kept", "/w", "!/w/**/kept"),
        ] {
            assert_eq!(moved(line, folder).unwrap_or_default(), rule, "{line}");
        }
    }

    #[test]
    fn docker_is_not_given_what_google_is_not_sent() {
        let rules = include_str!("../../../templates/google-cloud-run/Dockerfile.dockerignore");
        for never in NEVER {
            assert!(rules.lines().any(|line| line == format!("**/{never}")), "{never}");
        }
    }

    #[test]
    fn what_is_never_sent_comes_last() {
        let root = std::env::temp_dir().join(format!("cargo-pmcp-{}-context", std::process::id()));
        let never = ".git\n.pmcp\n.dev.vars*\n.env*\n.wrangler\ncdk.out\nnode_modules\n";
        write(&root, ".gitignore", "/target\n!.env\n");
        write(&root, "workers/.gitignore", "build\n");
        write(&root, "src/target/mod.rs", "");
        write(&root, "in [nested]/built here/CACHEDIR.TAG", "");
        write(&root, "node_modules/x/.gitignore", "y\n");
        let ours = format!("{never}/in??nested?/built?here\n");
        assert_eq!(rules(&root), format!("/target\n!.env\n/workers/**/build\n{ours}"));
        write(&root, ".gcloudignore", "docs\n#!include:.gitignore\n");
        assert_eq!(rules(&root), format!("docs\n/target\n!.env\n{ours}"));
        fs::remove_dir_all(root).expect("is removed");
    }
}
