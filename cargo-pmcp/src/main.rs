//! `cargo pmcp`: makes an MCP server, deploys it and looks after it.
//!
//! `cli` is the command line as typed, `config` the file `.pmcp/deploy.toml`, `plan` what a command is about to do,
//! `exec` alone starts other programs and opens connections, `output` what is printed. `mcp` is a client for tests. `deploy`
//! has a file for each subcommand that is more than a question to `target`, and that a folder per platform.

mod cli;
mod completions;
mod config;
mod date;
mod deploy;
mod dev;
mod environment;
mod exec;
mod failure;
mod files;
mod mains;
mod mcp;
mod new;
mod output;
mod plan;
mod random;
mod target;
mod toml_text;
mod workspace;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::{Failure, Result};
use output::Output;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = env::args_os().collect();
    // Cargo passes on the name of the subcommand that it was called with.
    if arguments.get(1).is_some_and(|first| first == "pmcp") {
        arguments.remove(1);
    }
    let cli = Cli::try_parse_from(arguments).unwrap_or_else(|error| cli::explain(error).exit());
    let output = Output { json: cli.json };
    match run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.note(format_args!("error: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli, output: Output) -> Result {
    let folder = cli.folder.unwrap_or_else(|| PathBuf::from("."));
    if !folder.is_dir() {
        let what = format!("{} is no folder, which -C names", folder.display());
        return Err(Failure::usage(what, "make it, or leave out -C"));
    }
    match cli.command {
        Command::New(new) => new::run(&folder, &new, output),
        Command::Dev(options) => dev::run(&folder, &options, output),
        Command::Deploy(deploy) => deploy::run(&folder, deploy, output),
        Command::Completions { shell } => completions::run(shell, output),
    }
}
