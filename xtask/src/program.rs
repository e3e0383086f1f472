//! Finding programs on PATH and running them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// How many lines of a failed program's output are shown.
const SHOWN_LINES: usize = 20;

/// The absolute path of the first program of this name on PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &[""] };
    env::split_paths(&env::var_os("PATH")?)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .find(|path| path.is_file())
}

/// PATH with `folder` in front of it, for programs that start other programs by name.
pub(crate) fn path_starting_with(folder: &Path) -> OsString {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf()).chain(env::split_paths(&rest));
    // Joining fails only for a folder whose name holds the separator: then PATH stays as it was.
    env::join_paths(folders).unwrap_or(rest)
}

/// A command that runs this workspace's cargo in its root.
///
/// What `cargo run` put into the environment about the xtask package is taken out again: build
/// scripts that watch these variables would otherwise run anew each time a developer changes
/// between `cargo test` and `cargo xtask test`.
pub(crate) fn cargo<A: AsRef<OsStr>>(root: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = at(Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())), root);
    command.args(arguments);
    command
}

/// The command in `folder`, rid of what `cargo run` says about the xtask package.
pub(crate) fn at(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command whose output the reader sees as it comes.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status =
        command.stdin(Stdio::null()).status().map_err(|source| Failure::Start { command: shown(command), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Status { command: shown(command), status, output: String::new() })
}

/// Runs a command and returns what it printed to stdout; a failure shows the end of both outputs.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|source| Failure::Start { command: shown(command), source })?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let printed = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = printed.lines().collect();
    Err(Failure::Status {
        command: shown(command),
        status: output.status,
        output: lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n"),
    })
}

/// The command as a reader would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_exists_nowhere_is_not_found() {
        assert_eq!(find("pmcp-no-such-program"), None);
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/usr/bin/npm");
        command.args(["ci", "--ignore-scripts"]);
        assert_eq!(shown(&command), "npm ci --ignore-scripts");
    }

    #[test]
    fn a_folder_put_first_is_first() {
        let path = path_starting_with(Path::new("/first"));
        assert_eq!(env::split_paths(&path).next(), Some(PathBuf::from("/first")));
    }

    #[test]
    fn a_failed_command_shows_what_it_printed() {
        let mut command = cargo(Path::new("."), ["no-such-subcommand"]);
        let failure = capture(&mut command).expect_err("cargo knows no such subcommand");
        assert!(failure.to_string().contains("no-such-subcommand"), "{failure}");
    }
}
