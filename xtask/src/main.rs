//! The tasks of this workspace: `cargo xtask test` and its siblings; `cargo xtask help` lists them.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command line program speaks through stdout")]

mod architecture;
mod bench;
mod cache;
mod ci;
mod failure;
mod program;
mod setup;
mod size;
mod test;
mod totals;
mod version;
mod wasm;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cache::Cache;
use failure::Failure;
use setup::Permission;

const HELP: &str = "\
cargo xtask test [--install] [-- ARGUMENTS]   bring what the tests use, then run them;
                                              the arguments go to cargo test
cargo xtask check                             format, architecture, clippy
cargo xtask size                              build what is deployed as it is deployed, and weigh it
cargo xtask ci [--install]                    everything: check, documentation, cargo-deny, sizes, test
cargo xtask setup [--install]                 bring what the tests use and print its environment
cargo xtask bench [--quick] [PART...]         measure everything, or these: core http lambda workers builds;
                                              only a full run of everything is kept, in benches/

What is brought goes to PMCP_CACHE or the user's cache folder, and is brought once.
System packages and cargo-deny are installed only with --install or CI=true,
system packages only by root.";

/// A command line, read.
#[derive(Debug, PartialEq)]
struct Task {
    name: String,
    install: bool,
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let result = parse(env::args_os().skip(1)).and_then(|task| run(&task));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a task; false means that it did its work and found failures, and has named them.
fn run(task: &Task) -> Result<bool, Failure> {
    let permission = Permission::from_environment(task.install);
    match task.name.as_str() {
        "test" => {
            let outcome = test::run(&root()?, &Cache::open()?, permission, &task.arguments)?;
            for failure in &outcome.failures {
                println!("FAILED {failure}");
            }
            if let Some(totals) = outcome.totals {
                println!("{totals}");
            }
            Ok(outcome.failures.is_empty())
        }
        "check" => Ok(ci::check(&root()?)),
        "size" => size::run(&root()?, &Cache::open()?, permission).map(|()| true),
        "ci" => Ok(ci::ci(&root()?, &Cache::open()?, permission)),
        "setup" => {
            let tools = setup::tools(&root()?, &Cache::open()?, permission)?;
            for (name, path) in &tools.environment {
                println!("{name}={}", path.display());
            }
            Ok(!permission.ci || tools.missing.is_empty())
        }
        "bench" => bench::run(&root()?, &Cache::open()?, permission, &task.arguments).map(|()| true),
        "help" => {
            println!("{HELP}");
            Ok(true)
        }
        other => Err(Failure::Usage(format!("there is no task {other}\n{HELP}"))),
    }
}

fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Task, Failure> {
    let name = words.next().unwrap_or_else(|| "help".into());
    let mut task = Task {
        name: match name.to_str() {
            Some("--help" | "-h") => "help".into(),
            _ => name.to_string_lossy().into_owned(),
        },
        install: false,
        arguments: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--install") => task.install = true,
            Some("--help" | "-h") => task.name = "help".into(),
            Some("--quick") if task.name == "bench" => task.arguments.push(word),
            Some(part) if task.name == "bench" && !part.starts_with('-') => task.arguments.push(word),
            Some("--") if task.name == "test" => task.arguments = words.by_ref().collect(),
            _ => {
                let word = word.to_string_lossy();
                return Err(Failure::Usage(format!(
                    "{} takes no {word}; arguments for cargo test come after --\n{HELP}",
                    task.name
                )));
            }
        }
    }
    Ok(task)
}

/// The workspace's folder, from anywhere inside it.
fn root() -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(Failure::file("reading", Path::new(".")))?;
    here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file()).map(Path::to_path_buf).ok_or_else(|| {
        Failure::Missing {
            what: format!("{} is not inside the workspace", here.display()),
            advice: "change to the folder that has xtask/ in it".into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Task, Failure> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn a_command_line_is_read() {
        let task =
            parsed(&["test", "--install", "--", "-p", "xtask", "--", "--nocapture"]).expect("a good command line");
        assert!(task.install);
        assert_eq!(task.arguments, ["-p", "xtask", "--", "--nocapture"]);
        assert_eq!(parsed(&[]).expect("help").name, "help");
        assert_eq!(parsed(&["bench", "--quick", "http"]).expect("a part").arguments, ["--quick", "http"]);
        assert_eq!(parsed(&["ci", "-h"]).expect("help").name, "help");
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_help() {
        for words in [&["test", "fast"][..], &["ci", "--", "x"]] {
            let failure = parsed(words).expect_err("must be refused");
            assert!(failure.to_string().contains(HELP), "{failure}");
        }
        let unknown = run(&parsed(&["deploy"]).expect("a word")).expect_err("no such task");
        assert!(unknown.to_string().contains("no task deploy"), "{unknown}");
    }

    #[test]
    fn the_root_is_found_from_inside() {
        assert!(root().expect("tests run inside").join("Cargo.toml").is_file());
    }
}
