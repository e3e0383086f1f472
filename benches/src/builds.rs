//! What is measured, built as it is deployed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Result;

/// A workspace of this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workspace {
    /// The servers that this is about.
    Own,
    /// The least that is possible.
    Floors,
    /// What a user would pick instead.
    Peers,
}

impl Workspace {
    /// Its folder.
    pub fn folder(self) -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        match self {
            Self::Own => here.join(".."),
            Self::Floors => here.join("floors"),
            Self::Peers => here.join("peers"),
        }
    }

    /// A cargo command in it, without what another cargo told this program of its own package.
    pub fn cargo(self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(self.folder()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy();
            if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        cargo
    }

    /// Builds a package in release mode, and says where its binary is.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn release(self, package: &str) -> Result<PathBuf> {
        self.build(package, &["--release"], |_| {})
    }

    /// The same as one file that needs nothing beside it, for an image made from nothing.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn release_static(self, package: &str) -> Result<PathBuf> {
        let rustc = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
        let host = String::from_utf8(rustc.stdout)?;
        self.build(package, &["--release", "--target", host.trim()], |cargo| {
            cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
        })
    }

    /// Builds a package, and says where its binary is.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn build(self, package: &str, flags: &[&str], set: impl FnOnce(&mut Command)) -> Result<PathBuf> {
        eprintln!("building {package}");
        let mut cargo = self.cargo();
        cargo.args(["build", "--locked", "--quiet", "--message-format=json", "--package", package]).args(flags);
        set(&mut cargo);
        let built = cargo.stderr(Stdio::inherit()).output()?;
        if !built.status.success() {
            return Err(format!("{package} was not built: cargo ended with {}", built.status).into());
        }
        let messages = String::from_utf8(built.stdout)?;
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let binaries = messages.filter(|message| message["target"]["name"] == package);
        let paths: Vec<_> = binaries.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect();
        paths.into_iter().next().ok_or_else(|| format!("{package} has no binary").into())
    }

    /// How many crates a package is built from, itself included.
    ///
    /// # Errors
    /// Where cargo cannot say.
    pub fn crates(self, package: &str) -> Result<f64> {
        let tree = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", package];
        let listed = self.cargo().args(tree).output()?;
        if !listed.status.success() {
            return Err(format!("no dependencies of {package}: {}", String::from_utf8_lossy(&listed.stderr)).into());
        }
        let listed = String::from_utf8(listed.stdout)?;
        let mut names: Vec<&str> = listed.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names.iter().filter(|name| !name.is_empty()).count() as f64)
    }
}

/// How many bytes a file has.
///
/// # Errors
/// Where there is none.
pub fn size(path: &Path) -> Result<f64> {
    let file = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(file.len() as f64)
}
