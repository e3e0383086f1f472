//! Invariant 2: the core has no async runtime, not even through a dependency.

use std::path::Path;

use super::workspace::Finding;
use crate::failure::Failure;
use crate::program;

/// Runtimes, and what is of no use without one.
const RUNTIMES: [&str; 7] = ["tokio", "tokio-util", "async-std", "async-io", "smol", "hyper", "hyper-util"];

/// Asks cargo what the core depends on, on any platform, with all features and without its tests.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>, Failure> {
    let mut tree = program::cargo(
        root,
        [
            "tree",
            "--package",
            "pmcp-core",
            "--all-features",
            "--edges",
            "normal",
            "--target",
            "all",
            "--prefix",
            "none",
        ],
    );
    Ok(runtimes(&program::capture(&mut tree)?)
        .into_iter()
        .map(|name| {
            let what = format!("the core has no async runtime, but depends on {name}");
            Finding::new("pmcp-core/Cargo.toml", 0, what)
        })
        .collect())
}

/// The runtimes named in a tree of lines such as `tokio v1.47.0`.
fn runtimes(tree: &str) -> Vec<&'static str> {
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    RUNTIMES.into_iter().filter(|runtime| names.contains(runtime)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_found_by_its_whole_name() {
        let bad = "pmcp-core v0.1.0 (/a/pmcp-core)\nbytes v1.10.0\nhyper v1.7.0\ntokio v1.47.0 (*)";
        assert_eq!(runtimes(bad), ["tokio", "hyper"]);
        let good = "pmcp-core v0.1.0 (/a/tokio)\nhttp v1.3.0\nsmol_str v0.3.0";
        assert_eq!(runtimes(good), [""; 0]);
    }
}
