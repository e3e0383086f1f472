//! Real clients that nobody here wrote do real work against the calculator.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use pmcp_tests::{Server, run_client, skip, tool};

/// The scripts measure when progress arrives; on a small machine they would measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const NODE: &str = "needs Node 22 or newer";

#[test]
fn typescript_sdk_v1() {
    run_with_node("typescript_sdk_v1", "typescript-v1.mjs");
}

#[test]
fn typescript_sdk_v2() {
    run_with_node("typescript_sdk_v2", "typescript-v2.mjs");
}

#[test]
fn inspector_command_line() {
    run_with_node("inspector_command_line", "inspector.mjs");
}

#[test]
fn python_sdk_v2() {
    run_with_python("python_sdk_v2", "PMCP_PYTHON", "needs a Python with mcp 2.x", "python.py");
}

#[test]
fn python_sdk_v1() {
    run_with_python("python_sdk_v1", "PMCP_PYTHON_V1", "needs a Python with mcp 1.x", "python_v1.py");
}

fn run_with_node(test: &str, script: &str) {
    let Some(node) = tool(test, "PMCP_NODE", NODE) else {
        return;
    };
    let Some(clients) = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else {
        return;
    };
    if !clients.join("node_modules").exists() {
        return skip(test, &format!("{} has no node_modules", clients.display()));
    }
    run(&node, script);
}

fn run_with_python(test: &str, variable: &str, what: &str, script: &str) {
    let Some(python) = tool(test, variable, what) else {
        return;
    };
    run(&python, script);
}

fn run(interpreter: &Path, script: &str) {
    // A client that failed says nothing about the next.
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start("calculator-cloudrun", &[]);
    run_client(interpreter, script, &server.url(), 13);
}
