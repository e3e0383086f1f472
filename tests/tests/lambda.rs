//! Real clients against the calculator on an emulator of Lambda that nobody here wrote, behind a Function URL.

use pmcp_tests::{Client, Emulator, one_at_a_time, tool};

/// Streams, so that progress arrives while the handler runs; one instance answers what clients send side by side.
const ENV: [(&str, &str); 2] = [("PMCP_RESPONSE_MODE", "streaming"), ("AWS_LAMBDA_MAX_CONCURRENCY", "4")];

#[test]
fn typescript_sdk_v1() {
    run("typescript_sdk_v1", "typescript-v1.mjs");
}

#[test]
fn typescript_sdk_v2() {
    run("typescript_sdk_v2", "typescript-v2.mjs");
}

#[test]
fn python_sdk_v2() {
    run("python_sdk_v2", "python.py");
}

#[test]
fn python_sdk_v1() {
    run("python_sdk_v1", "python_v1.py");
}

fn run(test: &str, script: &str) {
    let Some(client) = Client::find(test, script) else { return };
    let Some(emulator) = tool(test, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let _turn = one_at_a_time();
    let function = Emulator::start(&emulator, "calculator-lambda", &ENV);
    client.run(&[&function.url()], 13);
    let log = function.log();
    assert!(log.contains(r#""cold":true"#) && log.contains(r#""method":"tools/call","name":"countdown""#), "{log}");
}
