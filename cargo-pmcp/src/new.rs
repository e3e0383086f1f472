//! `cargo pmcp new`: a workspace whose server has a test, and a `main` for each platform.

mod readme;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::{New, NewTarget, Platform};
use crate::config::check_name;
use crate::failure::{Failure, Result};
use crate::files::{NewFile, Written};
use crate::mains::{self, Dependencies, MainTemplate, RUST, WORKERS_PROFILE};
use crate::output::Output;

const WORKSPACE: &str = include_str!("../templates/new/Cargo.toml.in");
const SERVER: &str = include_str!("../templates/new/server/Cargo.toml.in");
const LIB: &str = include_str!("../templates/new/server/lib.rs.in");
const GITIGNORE: &str = include_str!("../templates/new/gitignore.in");

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    name: String,
    folder: PathBuf,
    files: Vec<String>,
    #[serde(skip)]
    start: &'static str,
    /// What it can be deployed to.
    #[serde(skip)]
    deploy: Vec<String>,
}

impl fmt::Display for Made {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "made {} in {} ({} files)", self.name, self.folder.display(), self.files.len())?;
        write!(out, "next: cd {} && cargo test && {}", word(&self.folder), self.start)?;
        match &self.deploy[..] {
            [] => Ok(()),
            targets => write!(out, "\nthen: cargo pmcp deploy init --target {}", targets.join(", or ")),
        }
    }
}

/// A path as a shell takes it for one word.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/\\.:_-+,@".contains(letter);
    match text.chars().all(is_plain) {
        true => text,
        false if cfg!(windows) => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

pub(crate) fn run(folder: &Path, new: &New, output: Output) -> Result {
    check_name(&new.name).map_err(|what| {
        Failure::usage(format!("`{}` cannot be the server's name: {what}", new.name), "choose another name")
    })?;
    if let Some(what) = taken(&new.name) {
        let what = format!("`{}` cannot be the server's name, as its crate would have it too: {what}", new.name);
        return Err(Failure::usage(
            what,
            "choose another name; on the platform it can be changed with `deploy init --name`",
        ));
    }
    let root = if folder == Path::new(".") { PathBuf::from(&new.name) } else { folder.join(&new.name) };
    if fs::read_dir(&root).is_ok_and(|mut inside| inside.next().is_some()) || root.is_file() {
        return Err(Failure::refused(
            format!("{} is there already, and not empty", root.display()),
            "choose another name, or remove it",
        ));
    }
    let mut platforms: Vec<Platform> = new.targets.iter().map(|target| target.platform).collect();
    if platforms.is_empty() {
        platforms.push(Platform::GoogleCloudRun);
    }
    platforms.sort();
    platforms.dedup();
    let deploy = deployable(new);
    let files = files(&new.name, &platforms, &deploy, &source(new, folder)?);
    if new.dry_run {
        return output.result(&Written::compare(&root, &files)?.into_plan());
    }
    let written = Written::write(&root, &files)?.written;
    let start = if deploy.is_empty() { "cargo build" } else { "cargo pmcp dev" };
    output.result(&Made { name: new.name.clone(), folder: root, files: written, start, deploy })
}

/// What it can be deployed to, as it was typed; where nothing was, all that its `main` is good for.
fn deployable(new: &New) -> Vec<String> {
    if new.targets.is_empty() {
        return Platform::GoogleCloudRun.targets().iter().map(|name| (*name).to_owned()).collect();
    }
    let mut names: Vec<String> = Vec::new();
    for NewTarget { platform, name } in &new.targets {
        if !platform.targets().is_empty() && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The server's type: `my-crm` is `MyCrmServer`. The word at its end keeps it from being one of Rust's own.
fn type_name(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    let whole: String = name.split('-').map(capital).collect();
    if whole.ends_with("Server") { whole } else { whole + "Server" }
}

/// Why no crate can have this name in a project that builds.
fn taken(name: &str) -> Option<&'static str> {
    const WORDS: [&str; 51] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
        "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
        "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    ];
    match name {
        _ if WORDS.contains(&name) => Some("it is a word of Rust"),
        "core" | "std" | "alloc" | "proc-macro" | "test" => Some("a crate of Rust's own is called so"),
        // The names of what the workspace depends on, and of their cargo packages.
        "tokio" | "schemars" | "serde" | "serde-json" | "worker" => Some("the project depends on a crate of this name"),
        "pmcp" => Some("its packages would be called as those of pmcp are"),
        _ if name.starts_with("pmcp-") => Some("the packages of pmcp begin so"),
        _ => None,
    }
}

/// Where the crates of pmcp come from.
enum Source {
    Path(PathBuf),
    Git(String),
}

impl Source {
    /// What installs `cargo pmcp` from there.
    fn install_line(&self) -> String {
        match self {
            Self::Path(path) => format!("cargo install --path {}", word(&path.join("cargo-pmcp"))),
            Self::Git(url) => format!("cargo install --git {} cargo-pmcp", word(Path::new(url))),
        }
    }
}

/// `folder` is where the project's own is made.
fn source(new: &New, folder: &Path) -> Result<Source> {
    if let Some(url) = &new.git {
        let is_plain = url.chars().all(|letter| letter.is_ascii_graphic() && !"\"\'\\<>".contains(letter));
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if !is_plain || rest.is_empty() || !["https", "http", "ssh", "git", "file"].contains(&scheme) {
            return Err(Failure::usage(
                format!("`{url}` is no URL of a git repository that cargo takes"),
                "they look like this: https://example.com/pmcp.git, or ssh://git@example.com/pmcp.git",
            ));
        }
        return Ok(Source::Git(url.clone()));
    }
    // clap asks for one of the two.
    let given = new.path.clone().unwrap_or_default();
    let path = std::path::absolute(&given).map_err(Failure::file("finding", &given))?;
    if !path.join("pmcp-core/Cargo.toml").exists() {
        return Err(Failure::usage(
            format!("{} is no checkout of pmcp: it has no pmcp-core/Cargo.toml", path.display()),
            "give the folder of a checkout to --path, or a repository to --git",
        ));
    }
    if given.is_absolute() {
        return Ok(Source::Path(path));
    }
    // Both may then be moved together. Links are followed first: above one is another folder than its name says.
    let real = |path: &Path| fs::canonicalize(path).map_err(Failure::file("finding", path));
    let project = real(folder)?.join(&new.name);
    Ok(Source::Path(mains::relative(&project, &real(&path)?)))
}

/// `deploy` is what it is meant to be deployed to, the first of all first.
fn files(name: &str, platforms: &[Platform], deploy: &[String], source: &Source) -> Vec<NewFile> {
    let mains: Vec<MainTemplate> = platforms.iter().map(|platform| platform.main_template()).collect();
    let crates: Vec<&str> = std::iter::once("core").chain(mains.iter().map(|main| main.adapter.suffix)).collect();
    let dependencies: String = crates
        .iter()
        .map(|suffix| match source {
            // A JSON string is a TOML string, whatever is in the path.
            Source::Path(path) => {
                let path = path.join(format!("pmcp-{suffix}"));
                format!("pmcp-{suffix} = {{ path = {} }}\n", serde_json::json!(path.to_string_lossy()))
            }
            Source::Git(url) => format!("pmcp-{suffix} = {{ git = {} }}\n", serde_json::json!(url)),
        })
        .collect();
    let members: String = mains.iter().map(|main| format!(", \"{}\"", main.folder)).collect();
    let profile = match platforms.contains(&Platform::CloudflareWorkers) {
        true => format!("\n{WORKERS_PROFILE}"),
        false => String::new(),
    };
    let fill = |template: &str| {
        let text = template
            .replace("{{members}}", &members)
            .replace("{{dependencies}}", dependencies.trim_end())
            .replace("{{type}}", &type_name(name))
            .replace("{{rust}}", RUST);
        text.replace("{{name}}", name)
    };
    let mut files = vec![
        NewFile::new("Cargo.toml", fill(WORKSPACE) + &profile),
        NewFile::new("README.md", readme::readme(name, platforms, deploy, source)),
        NewFile::new(".gitignore", GITIGNORE),
        NewFile::new("server/Cargo.toml", fill(SERVER)),
        NewFile::new("server/src/lib.rs", fill(LIB)),
    ];
    for platform in platforms {
        let dependencies = Dependencies::of_workspace(name, platform.main_template().adapter);
        files.extend(mains::files(*platform, name, &name.replace('-', "_"), &dependencies));
    }
    files
}
