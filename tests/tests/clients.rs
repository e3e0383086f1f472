//! Real clients that nobody here wrote do real work against the calculator.

use pmcp_tests::{Client, Server, one_at_a_time};

#[test]
fn typescript_sdk_v1() {
    run("typescript_sdk_v1", "typescript-v1.mjs");
}

#[test]
fn typescript_sdk_v2() {
    run("typescript_sdk_v2", "typescript-v2.mjs");
}

#[test]
fn inspector_command_line() {
    run("inspector_command_line", "inspector.mjs");
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
    let _turn = one_at_a_time();
    let server = Server::start("calculator-cloudrun", &[]);
    client.run(&[&server.url()], 13);
}
