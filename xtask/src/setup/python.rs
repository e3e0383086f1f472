//! Virtual environments of Python: for the MCP client, for an account of AWS on loopback, and for programs from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::system::{self, Package, Permission};
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;
use crate::version::Version;

/// The oldest Python that the client supports.
const MINIMUM: Version = Version(3, 10, 0);

/// The names an interpreter may have, the one a user means first.
const NAMES: [&str; 7] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];

const VENV: Package =
    Package { what: "a Python from 3.10 on with its venv module", apt: "python3-venv", brew: "python" };

/// The interpreter inside a virtual environment.
const INTERPRETER: &str = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };

/// The Python of a virtual environment that has what the requirements file lists; `module` is then there to import.
pub(crate) fn environment(
    cache: &Cache,
    folder: &str,
    requirements: &Path,
    module: &str,
    permission: Permission,
) -> Result<PathBuf, Failure> {
    let content = fs::read_to_string(requirements).map_err(Failure::file("reading", requirements))?;
    let part = Part {
        what: &format!("a Python environment with {}", summary(&content)),
        folder,
        proof: INTERPRETER,
        inputs: &[&content],
    };
    let find = || base_interpreter(permission);
    let folder = cache.bring(&part, find, |folder, base| {
        program::capture(pip_install(folder, &base)?.arg("--requirement").arg(requirements))?;
        program::capture(Command::new(folder.join(INTERPRETER)).args(["-c", &format!("import {module}")])).map(drop)
    })?;
    Ok(folder.join(INTERPRETER))
}

/// A program that PyPI has as a binary, with nothing but what `requirements` name; `version` makes it print its own.
pub(super) fn from_pypi(
    cache: &Cache,
    part: &Part<'_>,
    requirements: &[&str],
    version: &[&str],
    permission: Permission,
) -> Result<PathBuf, Failure> {
    let find = || base_interpreter(permission);
    let folder = cache.bring(part, find, |folder, base| {
        program::capture(pip_install(folder, &base)?.arg("--no-deps").args(requirements))?;
        program::capture(Command::new(folder.join(part.proof)).args(version)).map(drop)
    })?;
    Ok(folder.join(part.proof))
}

/// Makes a virtual environment; what is left to say is what pip installs there.
fn pip_install(folder: &Path, base: &Path) -> Result<Command, Failure> {
    program::capture(Command::new(base).args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join(INTERPRETER));
    pip.args(["-m", "pip", "install", "--no-input", "--quiet", "--disable-pip-version-check"]);
    Ok(pip)
}

/// A Python that can make virtual environments; Debian packages that ability by itself.
fn base_interpreter(permission: Permission) -> Result<PathBuf, Failure> {
    let find = || NAMES.iter().filter_map(|name| program::find(name)).find(|path| suits(path));
    if let Some(path) = find() {
        return Ok(path);
    }
    system::install(&VENV, permission)?;
    find().ok_or_else(|| Failure::Missing {
        what: format!("{} was not found after installing {}", VENV.what, VENV.apt),
        advice: format!("install a Python from {MINIMUM} on and put it on PATH"),
    })
}

fn suits(python: &Path) -> bool {
    let script = "import ensurepip, venv, sys; print('%d.%d.%d' % sys.version_info[:3])";
    program::capture(Command::new(python).args(["-c", script]))
        .ok()
        .and_then(|printed| Version::parse(&printed))
        .is_some_and(|found| found >= MINIMUM)
}

/// The first requirement: the one that the file is about.
fn summary(requirements: &str) -> &str {
    requirements
        .lines()
        .map(|line| line.split([';', '#']).next().unwrap_or(line).trim())
        .find(|line| !line.is_empty())
        .unwrap_or("nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_requirement_names_the_environment() {
        assert_eq!(summary("# why\n\nmcp==1.0.0 # client\nanyio==4.0.0\n"), "mcp==1.0.0");
        assert_eq!(summary("mcp==1.0.0; python_version >= '3.11'"), "mcp==1.0.0");
        assert_eq!(summary("# only a comment\n"), "nothing");
    }

    #[test]
    fn a_program_that_is_no_python_does_not_suit() {
        assert!(!suits(Path::new("/no/such/python")));
    }
}
