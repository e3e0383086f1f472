//! `cargo pmcp completions`: what a shell completes after `cargo-pmcp`, and after `cargo pmcp` where it can.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Result;
use crate::output::Output;

/// What goes on top of the script of clap. Zsh needs nothing: the completion that comes with cargo looks for this one.
const BASH: &str = include_str!("../templates/completions/cargo.bash");
const FISH: &str = include_str!("../templates/completions/cargo.fish");

pub(crate) fn run(shell: Shell, output: Output) -> Result {
    // For bash, clap's names of subcommands fit together only where the program's has no hyphen.
    let name = if shell == Shell::Bash { "cargo_pmcp" } else { "cargo-pmcp" };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command().name(name).bin_name(name), name, &mut script);
    let more = match shell {
        Shell::Bash => BASH,
        Shell::Fish => FISH,
        _ => "",
    };
    output.script(&(String::from_utf8_lossy(&script) + more))
}
