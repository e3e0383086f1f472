//! What builds for Cloudflare Workers and runs there: npm packages, tools from crates.io, and the WebAssembly target.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Tools;
use super::node::npm;
use super::system::Permission;
use crate::cache::{Cache, Part};
use crate::failure::Failure;
use crate::program;

/// What npm reads.
const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

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
    tools.note(packages, from_npm(what, &root.join("scripts/workers"), cache, node, permission));
    match fs::read_to_string(root.join("Cargo.lock")).map_err(Failure::file("reading", &root.join("Cargo.lock"))) {
        Ok(lock) => {
            for ((tool, of, folder), variable) in TOOLS.into_iter().zip([worker_build, wasm_bindgen]) {
                tools.note(variable, from_crates_io(root, cache, &lock, (tool, of, folder), permission));
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

/// The folder of the cache whose node_modules has what the package.json in `source` names.
pub(super) fn from_npm(
    (what, folder): (&str, &str),
    source: &Path,
    cache: &Cache,
    node: &Path,
    permission: Permission,
) -> Result<PathBuf, Failure> {
    let mut contents = Vec::new();
    for file in FILES {
        let path = source.join(file);
        contents.push(fs::read_to_string(&path).map_err(Failure::file("reading", &path))?);
    }
    let mut inputs: Vec<&str> = contents.iter().map(String::as_str).collect();
    inputs.extend([OS, ARCH]);
    let part = Part { what, folder, proof: "node_modules/.package-lock.json", inputs: &inputs };
    let find = || npm(Some(node), permission);
    cache.bring(&part, find, |folder, mut npm| {
        for (file, content) in FILES.iter().zip(&contents) {
            let path = folder.join(file);
            fs::write(&path, content).map_err(Failure::file("writing", &path))?;
        }
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        program::capture(&mut npm).map(drop)
    })
}

/// The path of a tool, in the version that the lock file has of the crate it belongs to: the one on PATH, or one built
/// into the cache.
fn from_crates_io(
    root: &Path,
    cache: &Cache,
    lock: &str,
    (tool, of, folder): (&str, &str, &str),
    permission: Permission,
) -> Result<PathBuf, Failure> {
    let release = locked(lock, of).ok_or_else(|| Failure::Missing {
        what: format!("Cargo.lock names no version of {of}"),
        advice: "build the workspace once".into(),
    })?;
    let program = tool.trim_end_matches("-cli");
    if let Some(found) = program::find(program)
        && program::capture(Command::new(&found).arg("--version"))
            .is_ok_and(|printed| printed.split_whitespace().any(|word| word == release))
    {
        return Ok(found);
    }
    let binary = format!("bin/{program}{}", std::env::consts::EXE_SUFFIX);
    let part = Part {
        what: &format!("{tool} {release} (built from source, some minutes)"),
        folder,
        proof: &binary,
        inputs: &[release],
    };
    let may_build = || {
        // It changes nothing but the cache, but takes longer than somebody expects who only wants to run a test.
        if permission.install {
            return Ok(());
        }
        Err(Failure::Missing {
            what: format!("{tool} {release} was not found"),
            advice: format!("type: cargo install {tool} --version {release} (or add --install)"),
        })
    };
    let folder = cache.bring(&part, may_build, |folder, ()| {
        let mut command = program::cargo(root, ["install", tool, "--version", release]);
        // Without a target folder of its own, cargo builds in a temporary one and removes it.
        command.env_remove("CARGO_TARGET_DIR").args(["--quiet", "--root"]).arg(folder);
        program::run(&mut command)
    })?;
    Ok(folder.join(binary))
}

/// The version of a crate in a lock file.
fn locked<'l>(lock: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
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
        assert_eq!(locked(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked(lock, "worker"), None);
    }

    #[test]
    fn the_environment_of_a_build_is_read() {
        assert_eq!(exports(""), []);
        let printed = "export RUSTC=/cache/wasm/bin/rustc\nexport CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=/ld\n";
        assert_eq!(exports(printed)[0], ("RUSTC".to_owned(), PathBuf::from("/cache/wasm/bin/rustc")));
        assert_eq!(exports(printed).len(), 2);
    }
}
