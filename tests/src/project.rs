//! A folder in which `cargo pmcp` is run, as somebody would who makes a server there.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Finished, binary, run_to_end};

/// A release build is part of some of the commands.
const LIMIT: Duration = Duration::from_secs(600);

/// The folder, and what every command is told of the platform.
#[derive(Debug)]
pub struct Project {
    /// Where commands are run.
    pub folder: PathBuf,
    /// The first on PATH.
    bin: PathBuf,
    environment: Vec<(String, Option<OsString>)>,
    /// The subcommands that did what they say.
    done: RefCell<BTreeSet<String>>,
}

impl Project {
    /// An empty folder of this name, in one for scratch files where all projects are built into the same place.
    ///
    /// # Panics
    ///
    /// If it cannot be made, as everywhere here.
    pub fn empty(scratch: &Path, name: &str) -> Self {
        let folder = scratch.join(name);
        drop(fs::remove_dir_all(&folder));
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        let mut project = Self { folder, bin, environment: Vec::new(), done: RefCell::default() };
        let before = std::env::var("PATH").expect("PATH");
        project.set("PATH", format!("{}:{before}", project.bin.display()));
        project.set("CARGO_TARGET_DIR", scratch.join("deploy-target"));
        // Built once, and not for speed.
        project.set("CARGO_PROFILE_RELEASE_LTO", "off");
        project.set("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        project.set("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        project
    }

    /// Sets a variable for every command.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.to_owned(), Some(value.into())));
    }

    /// Takes a variable from every command.
    pub fn unset(&mut self, name: &str) {
        self.environment.push((name.to_owned(), None));
    }

    /// Puts a program on PATH that is this shell script.
    #[cfg(unix)]
    pub fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable");
    }

    /// Puts a program that is somewhere else on PATH, with all that is in its folder.
    pub fn find(&mut self, program: &Path) {
        let path = self.environment.iter().rfind(|(name, _)| name == "PATH");
        let path = path.and_then(|(_, value)| value.as_ref()?.to_str()).expect("a PATH");
        let (bin, rest) = path.split_once(':').expect("several folders");
        let folder = program.parent().expect("a folder").display();
        self.set("PATH", format!("{bin}:{folder}:{rest}"));
    }

    /// Makes a project of this name in the folder, and goes into it.
    pub fn new_project(&mut self, name: &str, targets: &[&str]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
        let checkout = root.display().to_string();
        let mut arguments = vec!["new", name, "--path", &checkout];
        arguments.extend(targets.iter().flat_map(|target| ["--target", target]));
        self.pmcp(&arguments);
        self.folder.push(name);
        // The versions of crates that this workspace has.
        fs::copy(root.join("Cargo.lock"), self.folder.join("Cargo.lock")).expect("a lock file");
    }

    /// Writes a file of the project.
    pub fn write(&self, file: &str, content: &str) {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("writes");
    }

    /// Puts `new` in the place of `old` in a file of the project.
    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.folder.join(file)).expect("is there");
        assert!(text.contains(old), "no {old:?} in {text}");
        self.write(file, &text.replace(old, new));
    }

    /// Adds lines to deploy.toml.
    pub fn configure(&self, lines: &str) {
        let text = fs::read_to_string(self.folder.join(".pmcp/deploy.toml")).expect("is there");
        self.write(".pmcp/deploy.toml", &format!("{text}{lines}"));
    }

    /// A program, told of everything.
    pub fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(&self.folder);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs a program to its end.
    pub fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Finished {
        run_to_end(&mut self.command(program, arguments), LIMIT)
    }

    /// `cargo pmcp` with these arguments.
    pub fn tool(&self, arguments: &[&str]) -> Command {
        self.command(binary("cargo-pmcp"), &[&["pmcp"], arguments].concat())
    }

    /// What a command prints as JSON.
    pub fn pmcp(&self, arguments: &[&str]) -> Value {
        let finished = run_to_end(&mut self.tool(&[&["--json"], arguments].concat()), LIMIT);
        assert!(finished.is_success(), "cargo pmcp {}: {finished}", arguments.join(" "));
        self.note(arguments);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
    }

    /// The exit code of a command that must fail, and its message without what led to it.
    pub fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let finished = run_to_end(&mut self.tool(arguments), LIMIT);
        let words = finished.stderr;
        let message = words.find("error: ").map(|begin| words[begin..].to_owned());
        (finished.status.and_then(|status| status.code()), message.unwrap_or(words))
    }

    /// The same as [`Project::pmcp`] with something to read.
    pub fn told(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.tell(&[&["--json"], arguments].concat(), input);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo pmcp {}: {words}", arguments.join(" "));
        self.note(arguments);
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The same as [`Project::refused`] with something to read, and with all that it says.
    pub fn refused_when_told(&self, arguments: &[&str], input: &str) -> (Option<i32>, String) {
        let output = self.tell(arguments, input);
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    fn tell(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.tool(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("ends")
    }

    /// Notes which subcommand it was that worked.
    fn note(&self, arguments: &[&str]) {
        let words: Vec<&str> =
            arguments.iter().copied().take_while(|word| word.chars().all(char::is_alphabetic)).collect();
        let length = match words[..] {
            ["deploy", "secrets", ..] => 3,
            ["deploy", ..] => 2,
            _ => 1,
        };
        self.done.borrow_mut().insert(words[..length.min(words.len())].join(" "));
    }

    /// Whether a subcommand has done what it says here.
    pub fn has_done(&self, subcommand: &str) -> bool {
        self.done.borrow().contains(subcommand)
    }
}
