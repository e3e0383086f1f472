//! The calculator on workerd, the runtime of Cloudflare Workers: real clients, streams that come and go, many requests.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Client, Connection, Request, Workerd, exchange, one_at_a_time, run_to_end, tool, worker};
use serde_json::json;

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
    let _turn = one_at_a_time();
    let Some(workerd) = Workerd::start(test, "calculator", &[("RUST_LOG", "debug")]) else { return };
    client.run(&[&workerd.url()], 13);
    let log = workerd.log();
    assert!(log.contains(r#""method":"tools/call","name":"countdown""#), "{log}");
    assert!(!log.contains("Critical") && !log.contains("Uncaught"), "{log}");
}

/// What the process itself may hold more, in kilobytes: its threads, and what the allocator keeps.
const MORE_OF_THE_PROCESS: usize = 12_000;
/// What WebAssembly's memory may have grown, in bytes: two pages, as what lies where differs from run to run.
const MORE_WASM: usize = 128 << 10;
/// What JavaScript's heap may hold more, in bytes: of code that is run often more is compiled, until all of it is.
const MORE_COMPILED: usize = 256 << 10;
/// What a thousand requests may leave there once that is done.
const MORE_LEFT: usize = 32 << 10;

#[test]
fn a_thousand_requests_in_a_row_and_fifty_at_once_leave_no_memory_behind() {
    let test = "a_thousand_requests_in_a_row";
    let _turn = one_at_a_time();
    let Some(node) = tool(test, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(workerd) = Workerd::start_inspected(test, "calculator", &[("RUST_LOG", "warn")]) else { return };
    let send = |count: usize| {
        for a in 0..count {
            let request = Request::call("add", json!({"a": a, "b": 1})).to_bytes(workerd.addr());
            let reply = exchange(workerd.addr(), &request).expect("an answer");
            assert!(reply.text().contains(&format!("\"{}\"", a + 1)), "{}", reply.text());
        }
    };
    // Each waits long enough for all to be there.
    let waiting = Request::call("countdown", json!({"from": 1, "delay_ms": 500}));
    let at_once = |count: usize| {
        thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| {
                    let reply = exchange(workerd.addr(), &waiting.to_bytes(workerd.addr())).expect("an answer");
                    assert!(reply.text().contains("Counted down from 1."), "{}", reply.text());
                });
            }
        });
    };
    let held = || (workerd.heap(&node), kilobytes(workerd.pid()));
    // The first hundred: half of them at once, as memory that was needed once is not given back.
    send(50);
    at_once(50);
    let (first, first_process) = held();
    send(1_000);
    at_once(50);
    let (second, second_process) = held();
    eprintln!("after 100 requests: {first:?}, {first_process} KB; after 1,050 more: {second:?}, {second_process} KB");
    assert!(second.wasm <= first.wasm + MORE_WASM, "{first:?}, then {second:?}");
    assert!(second.javascript <= first.javascript + MORE_COMPILED, "{first:?}, then {second:?}");
    assert!(second_process <= first_process + MORE_OF_THE_PROCESS, "{first_process} KB, then {second_process} KB");

    // And once more, now that everything is compiled: streams too.
    let call = Request::call("countdown", json!({"from": 2, "delay_ms": 5})).with_progress();
    let stream = |count: usize| {
        for _ in 0..count {
            let reply = exchange(workerd.addr(), &call.to_bytes(workerd.addr())).expect("an answer");
            assert!(reply.text().contains("Counted down from 2."), "{}", reply.text());
        }
    };
    stream(100);
    let (third, _) = held();
    send(1_000);
    stream(100);
    at_once(50);
    let (fourth, fourth_process) = held();
    eprintln!("after streams: {third:?}; after 1,150 more: {fourth:?}, {fourth_process} KB");
    assert!(fourth.wasm <= first.wasm + MORE_WASM, "{first:?}, then {fourth:?}");
    assert!(fourth.javascript <= third.javascript + MORE_LEFT, "{third:?}, then {fourth:?}");
    assert!(fourth_process <= first_process + MORE_OF_THE_PROCESS, "{first_process} KB, then {fourth_process} KB");
    assert!(!workerd.log().contains("Uncaught"), "{}", workerd.log());
}

#[cfg(target_os = "linux")]
fn kilobytes(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("workerd runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of the kernel's");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[cfg(not(target_os = "linux"))]
fn kilobytes(_pid: u32) -> usize {
    0
}

#[test]
fn progress_comes_while_the_tool_runs_and_a_disconnect_ends_it() {
    let _turn = one_at_a_time();
    let Some(workerd) = Workerd::start("progress", "calculator", &[("RUST_LOG", "debug")]) else { return };
    let begin = Instant::now();
    let call = Request::call("countdown", json!({"from": 1000, "delay_ms": 200})).with_progress();
    let mut connection = Connection::open(workerd.addr()).expect("workerd accepts");
    connection.send(&call.to_bytes(workerd.addr())).expect("workerd reads");
    let head = connection.read_head().expect("a head");
    assert!(head.is_event_stream(), "{head:?}");
    assert!(begin.elapsed() < Duration::from_secs(2), "the head came after {:?}", begin.elapsed());
    assert!(!workerd.log().contains("went away"), "{}", workerd.log());
    drop(connection);
    workerd.expect_in_log("a client went away before its answer was complete");
    assert_eq!(
        exchange(workerd.addr(), &Request::call("add", json!({"a": 1, "b": 2})).to_bytes(workerd.addr()))
            .expect("an answer")
            .status(),
        200
    );
}

#[test]
fn wrangler_would_deploy_each_example() {
    let test = "wrangler_would_deploy_each_example";
    let Some(node) = tool(test, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(packages) = tool(test, "PMCP_WORKERS", "needs the npm packages of scripts/workers") else { return };
    for example in ["calculator", "conformance", "notes"] {
        let Some(build) = worker(test, example) else { return };
        let folder = build.parent().expect("it is in a folder");
        // It was built a moment ago: wrangler takes what is there.
        let config = std::fs::read_to_string(folder.join("wrangler.toml")).expect("it has settings");
        let (settings, _) = config.split_once("[build]").expect("it says how to build");
        let built = folder.join("build/wrangler.toml");
        std::fs::write(&built, settings.replace("build/", "")).expect("the folder can be written");
        let deployed = run_to_end(
            Command::new(&node)
                .arg(packages.join("node_modules/wrangler/bin/wrangler.js"))
                .args(["deploy", "--dry-run", "--outdir", "dry-run", "--config"])
                .arg(&built)
                .env("WRANGLER_SEND_METRICS", "false")
                .env("CI", "true")
                .current_dir(&build),
            Duration::from_secs(60),
        );
        assert!(deployed.is_success() && deployed.stdout.contains("--dry-run: exiting now"), "{example}: {deployed}");
    }
}
