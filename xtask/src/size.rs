//! What a binary may weigh: on Lambda each byte of it is loaded before the first request, on Workers into each isolate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Cache;
use crate::failure::Failure;
use crate::program;
use crate::setup::{self, Permission};
use crate::wasm;

/// Binaries as they are deployed, and how many bytes they may have: 2,214,720 when this was set, and 4 % more.
const LIMITS: [(&str, u64); 1] = [("calculator-lambda", 2_300_000)];

/// A Worker, and how many bytes its WebAssembly may have: as it is, and gzipped, as Cloudflare counts it. It had 483,806 and
/// 209,973 when this was set; names of folders, which the compiler sorts by, and versions of Rust move that by 2 %.
const WORKER: (&str, u64, u64) = ("calculator-workers", 495_000, 213_000);

/// Prints how many bytes a file has, and how many when it is gzipped.
const WEIGH: &str = "const all = require('fs').readFileSync(process.argv[1]); \
                     console.log(all.length, require('zlib').gzipSync(all, { level: 9 }).length)";

/// Builds them as they are deployed and weighs them. This costs some 30 s each where only the workspace has changed.
pub(crate) fn run(root: &Path, cache: &Cache, permission: Permission) -> Result<(), Failure> {
    // One that is too large does not keep the other from being weighed.
    let binaries = weigh_binaries(root);
    weigh_worker(root, cache, permission)?;
    binaries
}

fn weigh_worker(root: &Path, cache: &Cache, permission: Permission) -> Result<(), Failure> {
    let (name, most, most_gzipped) = WORKER;
    let tools = setup::tools(root, cache, permission)?;
    let folder = root.join("examples/calculator/workers");
    let (Some(mut build), Some(node)) = (wasm::worker_build(&tools, &folder), tools.path("PMCP_NODE")) else {
        let missing = tools.missing.join("; ");
        if permission.ci {
            return Err(Failure::Missing { what: missing, advice: "it is needed to build Workers".into() });
        }
        println!("SKIPPED {name}: {missing}");
        return Ok(());
    };
    program::capture(&mut build)?;
    let path = folder.join("build/index_bg.wasm");
    let weighed = program::capture(Command::new(node).args(["-e", WEIGH]).arg(&path))?;
    let sizes: Vec<u64> = weighed.split_whitespace().filter_map(|size| size.parse().ok()).collect();
    let [bytes, gzipped] = sizes[..] else {
        return Err(Failure::Missing { what: format!("no sizes in {weighed:?}"), advice: "look at WEIGH".into() });
    };
    println!("{name}: {bytes} bytes of {most}, gzipped {gzipped} of {most_gzipped}");
    hold(name, bytes, most)?;
    hold(name, gzipped, most_gzipped)
}

fn hold(name: &'static str, bytes: u64, limit: u64) -> Result<(), Failure> {
    if bytes > limit { Err(Failure::TooLarge { name, bytes, limit }) } else { Ok(()) }
}

fn weigh_binaries(root: &Path) -> Result<(), Failure> {
    for (name, limit) in LIMITS {
        let flags = ["build", "--release", "--quiet", "--message-format=json", "--package", name];
        let built = program::capture(&mut program::cargo(root, flags))?;
        let path = executable(&built, name).ok_or_else(|| Failure::Missing {
            what: format!("cargo built no executable called {name}"),
            advice: "name one that there is in xtask/src/size.rs".into(),
        })?;
        let bytes = fs::metadata(&path).map_err(Failure::file("reading", &path))?.len();
        println!("{name}: {bytes} bytes of {limit}");
        hold(name, bytes, limit)?;
    }
    Ok(())
}

/// The path in what cargo says of `name`: a line of JSON, in which this member stands once.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let of_name = format!("\"name\":\"{name}\"");
    messages.lines().filter(|line| line.contains(&of_name)).find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        // Only Windows has a character in its paths that JSON writes otherwise.
        rest.split_once('"').map(|(path, _)| PathBuf::from(path.replace("\\\\", "\\")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_what_may_be_reached() {
        assert!(hold("it", 3, 3).is_ok());
        assert!(hold("it", 4, 3).is_err_and(|failure| failure.to_string().contains("it")));
    }

    #[test]
    fn the_executable_is_found_in_what_cargo_says() {
        let messages = r#"noise
            {"target":{"name":"other"},"executable":"/o"}
            {"target":{"name":"it"},"executable":null}
            {"target":{"name":"it"},"executable":"/it"}"#;
        assert_eq!(executable(messages, "it"), Some(PathBuf::from("/it")));
        assert_eq!(executable(messages, "none"), None);
    }
}
