//! What is built as WebAssembly and what it needs in its environment: the core's tests, which Node runs, and Workers.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program;
use crate::setup::Tools;

/// `cargo test` of the core for WebAssembly; none where something for it is missing, which [`Tools`] has said.
pub(crate) fn cargo_test(root: &Path, tools: &Tools) -> Option<Command> {
    // It is there only where the target is.
    tools.path("PMCP_WORKER_BUILD")?;
    let runner = beside(tools.path("PMCP_WASM_BINDGEN")?);
    let node = tools.path("PMCP_NODE")?.parent()?;
    let chosen = ["--target", "wasm32-unknown-unknown", "-p", "pmcp-core", "--lib", "--tests", "--all-features"];
    let mut command = program::cargo(root, ["test", "--no-fail-fast"].into_iter().chain(chosen));
    command
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("PATH", program::path_starting_with(node))
        // Half the time goes into names of lines that nobody is shown.
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    compile_with(&mut command, tools);
    Some(command)
}

/// worker-build in the folder of a Worker, as its wrangler.toml has it; none where something for it is missing.
pub(crate) fn worker_build(tools: &Tools, folder: &Path) -> Option<Command> {
    let modules = tools.path("PMCP_WORKERS")?.join("node_modules/.bin");
    // wasm-opt is a script for Node; and worker-build asks the compiler on PATH for the target.
    let mut path = program::path_starting_with(tools.path("PMCP_NODE")?.parent()?);
    if let Some(compiler) = tools.path("PMCP_WASM_RUSTC").and_then(Path::parent) {
        let folders = std::iter::once(compiler.to_path_buf()).chain(std::env::split_paths(&path));
        path = std::env::join_paths(folders).unwrap_or(path);
    }
    let mut command = program::at(Command::new(tools.path("PMCP_WORKER_BUILD")?), folder);
    command
        .args(["--profile", "workers"])
        .env("WASM_BINDGEN_BIN", tools.path("PMCP_WASM_BINDGEN")?)
        .env("ESBUILD_BIN", modules.join("esbuild"))
        .env("WASM_OPT_BIN", modules.join("wasm-opt"))
        .env("PATH", path);
    compile_with(&mut command, tools);
    Some(command)
}

fn compile_with(command: &mut Command, tools: &Tools) {
    for (variable, name) in
        [("PMCP_WASM_RUSTC", "RUSTC"), ("PMCP_WASM_LINKER", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER")]
    {
        if let Some(path) = tools.path(variable) {
            command.env(name, path);
        }
    }
}

/// wasm-bindgen-test-runner, which is installed with wasm-bindgen.
fn beside(wasm_bindgen: &Path) -> PathBuf {
    wasm_bindgen.with_file_name(format!("wasm-bindgen-test-runner{}", std::env::consts::EXE_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_tool_there_is_nothing_to_run() {
        let mut tools = Tools::default();
        for variable in ["PMCP_WORKER_BUILD", "PMCP_WASM_BINDGEN", "PMCP_NODE"] {
            assert!(cargo_test(Path::new("."), &tools).is_none());
            tools.environment.push((variable, format!("/tools/{variable}").into()));
        }
        let command = cargo_test(Path::new("."), &tools).expect("all is there");
        let runner = command.get_envs().find(|(name, _)| name.to_string_lossy().ends_with("_RUNNER"));
        assert!(runner.is_some_and(|(_, path)| path.is_some_and(|path| path.to_string_lossy().starts_with("/tools/"))));
    }
}
