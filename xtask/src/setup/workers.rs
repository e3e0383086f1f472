//! What builds for Cloudflare Workers and runs there: npm packages, tools from crates.io, and the WebAssembly target.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Tools;
use super::crates_io::from_crates_io;
use super::npm::{FILES, from_npm};
use super::system::Permission;
use crate::cache::Cache;
use crate::failure::Failure;
use crate::program;

/// The tools from crates.io and the crate in Cargo.lock whose version each must have: what one writes the other reads.
const TOOLS: [(&str, &str, &str); 2] =
    [("worker-build", "worker", "tools/worker-build"), ("wasm-bindgen-cli", "wasm-bindgen", "tools/wasm-bindgen")];

/// The variables of this file.
pub(super) const VARIABLES: [&str; 5] =
    ["PMCP_WORKERS", "PMCP_WORKER_BUILD", "PMCP_WASM_BINDGEN", "PMCP_WASM_RUSTC", "PMCP_WASM_LINKER"];

/// Brings all of it, as far as this machine can have it.
pub(super) fn note(tools: &mut Tools, root: &Path, cache: &Cache, node: &Path, permission: Permission) {
    let [packages, worker_build, wasm_bindgen, rustc, linker] = VARIABLES;
    let what = ("workerd, wrangler, esbuild and wasm-opt from npm (330 MB)", "workers");
    tools.note(packages, from_npm(what, (&root.join("scripts/workers"), &FILES), cache, node, permission));
    match fs::read_to_string(root.join("Cargo.lock")).map_err(Failure::file("reading", &root.join("Cargo.lock"))) {
        Ok(lock) => {
            for ((tool, of, folder), variable) in TOOLS.into_iter().zip([worker_build, wasm_bindgen]) {
                let release = locked(&lock, of);
                let found =
                    release.and_then(|release| from_crates_io(root, cache, (tool, release, folder), permission));
                tools.note(variable, found);
            }
        }
        Err(failure) => tools.note(worker_build, Err(failure)),
    }
    match wasm_target(root, cache, permission) {
        Ok(settings) => {
            for (name, path) in settings {
                match name.as_str() {
                    "RUSTC" => tools.note(rustc, Ok(path)),
                    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER" => tools.note(linker, Ok(path)),
                    // The folder of RUSTC, for people.
                    _ => {}
                }
            }
        }
        // Without the target there is nothing to build.
        Err(failure) => {
            tools.environment.retain(|(variable, _)| *variable != worker_build);
            tools.note(worker_build, Err(failure));
        }
    }
}

/// The version of a crate in a lock file.
fn locked<'l>(lock: &'l str, name: &str) -> Result<&'l str, Failure> {
    let found = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""));
    found.and_then(|(_, rest)| rest.split('"').next()).ok_or_else(|| Failure::Missing {
        what: format!("Cargo.lock names no version of {name}"),
        advice: "build the workspace once".into(),
    })
}

/// What a build for WebAssembly needs in its environment: nothing, where rustup has the target.
pub(crate) fn wasm_target(
    root: &Path,
    cache: &Cache,
    permission: Permission,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    let bash = program::find("bash").ok_or_else(|| Failure::Missing {
        what: "bash was not found, which runs scripts/wasm-target.sh".into(),
        advice: "type: rustup target add wasm32-unknown-unknown, and put bash on PATH".into(),
    })?;
    let mut command = Command::new(bash);
    command.arg(root.join("scripts/wasm-target.sh")).env("PMCP_CACHE", cache.folder(""));
    if permission.install {
        command.arg("--install");
    }
    Ok(exports(&program::capture(&mut command)?))
}

/// The pairs in lines such as `export NAME=/a/path`.
fn exports(printed: &str) -> Vec<(String, PathBuf)> {
    let pairs = printed.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs.map(|(name, path)| (name.to_owned(), PathBuf::from(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(locked(lock, "wasm-bindgen").expect("is there"), "0.2.130");
        assert!(locked(lock, "worker").is_err());
    }

    #[test]
    fn the_environment_of_a_build_is_read() {
        assert_eq!(exports(""), []);
        let printed = "export RUSTC=/cache/wasm/bin/rustc\nexport CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=/ld\n";
        assert_eq!(exports(printed)[0], ("RUSTC".to_owned(), PathBuf::from("/cache/wasm/bin/rustc")));
        assert_eq!(exports(printed).len(), 2);
    }
}
