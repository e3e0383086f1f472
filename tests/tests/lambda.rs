//! Real clients against the calculator on an emulator of Lambda that nobody here wrote, behind a Function URL.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pmcp_tests::{Emulator, run_client, skip, tool};

/// The scripts measure when progress arrives; on a small machine they would measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Streams, so that progress arrives while the handler runs; one instance answers what clients send side by side.
const ENV: [(&str, &str); 2] = [("PMCP_RESPONSE_MODE", "streaming"), ("AWS_LAMBDA_MAX_CONCURRENCY", "4")];

#[test]
fn typescript_sdk_v1() {
    run_with_node("typescript_sdk_v1", "typescript-v1.mjs");
}

#[test]
fn typescript_sdk_v2() {
    run_with_node("typescript_sdk_v2", "typescript-v2.mjs");
}

#[test]
fn python_sdk_v2() {
    let test = "python_sdk_v2";
    if let Some(python) = tool(test, "PMCP_PYTHON", "needs a Python with mcp 2.x") {
        run(test, python, "python.py");
    }
}

#[test]
fn python_sdk_v1() {
    let test = "python_sdk_v1";
    if let Some(python) = tool(test, "PMCP_PYTHON_V1", "needs a Python with mcp 1.x") {
        run(test, python, "python_v1.py");
    }
}

fn run_with_node(test: &str, script: &str) {
    let Some(node) = tool(test, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(clients) = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    if !clients.join("node_modules").exists() {
        return skip(test, &format!("{} has no node_modules", clients.display()));
    }
    run(test, node, script);
}

fn run(test: &str, interpreter: PathBuf, script: &str) {
    let Some(emulator) = tool(test, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    // A client that failed says nothing about the next.
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let function = Emulator::start(&emulator, "calculator-lambda", &ENV);
    run_client(&interpreter, script, &function.url(), 13);
    let log = function.log();
    assert!(log.contains(r#""cold":true"#) && log.contains(r#""method":"tools/call","name":"countdown""#), "{log}");
}
