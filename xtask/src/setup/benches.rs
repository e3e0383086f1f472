//! What the benchmarks use besides Rust: peers in JavaScript and Python, what runs Workers, and valgrind.

use std::path::Path;

use super::npm::{FILES, from_npm};
use super::system::{self, Package, Permission};
use super::{Tools, node, python, workers};
use crate::cache::Cache;
use crate::failure::Failure;
use crate::program;

const VALGRIND: Package = Package { what: "valgrind, which counts instructions", apt: "valgrind", brew: "valgrind" };

/// Brings what the benchmarks use, as far as this machine can have it: they leave out what is missing, and say so.
pub(crate) fn bench_tools(root: &Path, cache: &Cache, permission: Permission) -> Result<Tools, Failure> {
    let _only_one = cache.lock()?;
    let peers = root.join("benches/peers");
    let mut tools = Tools::default();
    match node::node(cache, permission) {
        Ok(binary) => {
            let what = ("the TypeScript SDK from npm (10 MB)", "bench-typescript");
            let packages = from_npm(what, (&peers.join("typescript"), &FILES), cache, &binary, permission);
            tools.note("PMCP_BENCH_TYPESCRIPT", packages);
            workers::note(&mut tools, root, cache, &binary, permission);
            tools.note("PMCP_NODE", Ok(binary));
        }
        Err(failure) => tools.note("PMCP_NODE", Err(failure)),
    }
    let requirements = peers.join("python/requirements.txt");
    let python = python::environment(cache, "bench-python", &requirements, "fastmcp", permission);
    tools.note("PMCP_BENCH_PYTHON", python);
    Ok(tools)
}

/// Makes sure that valgrind is there.
pub(crate) fn valgrind(permission: Permission) -> Result<(), Failure> {
    match program::find("valgrind") {
        Some(_) => Ok(()),
        None => system::install(&VALGRIND, permission),
    }
}
