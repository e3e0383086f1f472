//! Brings what the tests need and a machine may lack into the cache: Node, MCP clients in JavaScript and Python,
//! an emulator of Lambda, Redis, an authorization server, and what builds for Cloudflare Workers and runs there.

mod benches;
mod cargo_deny;
mod cargo_lambda;
mod clients;
mod crates_io;
mod google;
mod node;
mod npm;
mod python;
mod redis;
mod system;
mod workers;
mod zigbuild;

use std::path::{Path, PathBuf};

use self::npm::{FILES, from_npm};
use crate::cache::Cache;
use crate::failure::Failure;

pub(crate) use benches::{bench_tools, valgrind};
pub(crate) use cargo_deny::cargo_deny;
pub(crate) use system::Permission;
pub(crate) use workers::wasm_target;

/// What is at hand for the tests, and why the rest is not.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// Environment variables for the tests, each an absolute path.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    /// What could not be had and why, each reason once.
    pub(crate) missing: Vec<String>,
}

impl Tools {
    /// Where the tool is that a variable names.
    pub(crate) fn path(&self, variable: &str) -> Option<&Path> {
        self.environment.iter().find(|(name, _)| *name == variable).map(|(_, path)| path.as_path())
    }

    fn note(&mut self, variable: &'static str, found: Result<PathBuf, Failure>) {
        match found {
            Ok(path) => self.environment.push((variable, path)),
            Err(failure) => {
                let reason = failure.to_string();
                eprintln!("what needs {variable} will be skipped: {reason}");
                if !self.missing.contains(&reason) {
                    self.missing.push(reason);
                }
            }
        }
    }
}

/// The variables that tell the tests where things are; a test skips where its variable is unset.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    VARIABLES.into_iter().chain(workers::VARIABLES).chain(google::VARIABLES)
}

const VARIABLES: [&str; 10] = [
    "PMCP_NODE",
    "PMCP_CLIENTS",
    "PMCP_PYTHON",
    "PMCP_PYTHON_V1",
    "PMCP_REDIS",
    "PMCP_CARGO_LAMBDA",
    "PMCP_ZIGBUILD",
    "PMCP_CDK",
    "PMCP_AWS",
    "PMCP_AUTHORIZATION_SERVER",
];

/// Brings everything that the tests use and that is not there yet.
pub(crate) fn tools(root: &Path, cache: &Cache, permission: Permission) -> Result<Tools, Failure> {
    let _only_one = cache.lock()?;
    let samples = root.join("tests/clients");
    let [node, clients, python, python_v1, redis, cargo_lambda, zigbuild, cdk, aws, authorization] = VARIABLES;
    let mut tools = Tools::default();
    match node::node(cache, permission) {
        Ok(binary) => {
            tools.note(clients, clients::clients(&samples, cache, &binary, permission));
            workers::note(&mut tools, root, cache, &binary, permission);
            // As the app that cargo-pmcp writes has it locked; tests then need not install it anew.
            let what = ("the AWS CDK from npm (230 MB)", "cdk");
            let app = root.join("cargo-pmcp/templates/aws-lambda");
            let files = ["package.json", "package-lock.json"];
            tools.note(cdk, from_npm(what, (&app, &files), cache, &binary, permission));
            let what = ("an OAuth authorization server from npm (4 MB)", "authorization-server");
            let source = root.join("tests/pmcp_run");
            tools.note(authorization, from_npm(what, (&source, &FILES), cache, &binary, permission));
            tools.note(node, Ok(binary));
        }
        // Without Node the clients are of no use.
        Err(failure) => tools.note(node, Err(failure)),
    }
    for (variable, folder, requirements, module) in [
        (python, "python", "clients/requirements.txt", "mcp"),
        (python_v1, "python-v1", "clients/requirements-v1.txt", "mcp"),
        (aws, "aws", "aws/requirements.txt", "moto, awscli"),
    ] {
        let requirements = root.join("tests").join(requirements);
        tools.note(variable, python::environment(cache, folder, &requirements, module, permission));
    }
    tools.note(redis, redis::redis(permission));
    tools.note(cargo_lambda, cargo_lambda::cargo_lambda(cache, permission));
    tools.note(zigbuild, zigbuild::zigbuild(cache, permission));
    google::note(&mut tools, permission);
    Ok(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_kept_once() {
        let mut tools = Tools::default();
        for variable in ["PMCP_PYTHON", "PMCP_PYTHON_V1"] {
            tools.note(variable, Err(Failure::Usage("no Python".into())));
        }
        tools.note("PMCP_NODE", Ok("/node".into()));
        assert_eq!(tools.missing, ["no Python"]);
        assert_eq!(tools.environment, [("PMCP_NODE", PathBuf::from("/node"))]);
    }
}
