//! The official conformance suite against the fixture server on each platform: what each revision requires, and every
//! scenario there is, those of extensions and those that the suite does not score yet among them.
//!
//! Nothing is excused: a warning is a failure here, and a check that the suite skips is one that nobody saw, so each of
//! those is named with its reason. The suite's own exit code covers less than that.

mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pmcp_tests::{Emulator, Redis, Server, Workerd, run_to_end, tool};
use results::{Results, problems};

/// As many checks pass; raise the number when more do.
const FLOOR_2026_07_28: usize = 196;
/// With one that looks at streams only where there are any.
const FLOOR_2026_07_28_IN_EVENTS: usize = 197;
const FLOOR_2025_11_25: usize = 83;
const FLOOR_2025_06_18: usize = 56;
const FLOOR_OF_ALL: usize = 275;
const FLOOR_2025_11_25_WITHOUT_SESSIONS: usize = 61;

/// The scenarios that need a session, and fail without one: each asks the client something while its request runs,
/// subscribes in one request to what another tells, or looks for the session itself.
const NEED_A_SESSION: [&str; 8] = [
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "resources-subscribe",
    "resources-unsubscribe",
    "server-sse-multiple-streams",
    "server-sse-polling",
    "tools-call-elicitation",
    "tools-call-sampling",
];

const IN_MEMORY: [(&str, &str); 1] = [("PMCP_SESSIONS", "memory")];

/// A run takes 10 s on an idle machine; the rest is for a busy one.
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn conformance_2026_07_28() {
    on_cloud_run("conformance_2026_07_28", &IN_MEMORY, &["--requirements", "2026-07-28"], FLOOR_2026_07_28);
}

#[test]
fn conformance_2026_07_28_in_events() {
    let env = [IN_MEMORY[0], ("PMCP_ANSWERS", "events")];
    let selection = ["--requirements", "2026-07-28"];
    on_cloud_run("conformance_2026_07_28_in_events", &env, &selection, FLOOR_2026_07_28_IN_EVENTS);
}

#[test]
fn conformance_2025_11_25() {
    on_cloud_run("conformance_2025_11_25", &IN_MEMORY, &["--requirements", "2025-11-25"], FLOOR_2025_11_25);
}

#[test]
fn conformance_2025_11_25_with_sessions_in_redis() {
    let test = "conformance_2025_11_25_with_sessions_in_redis";
    let Some(redis) = Redis::start(test) else { return };
    let env = [("PMCP_SESSIONS", "shared"), ("REDIS_URL", &redis.url())];
    on_cloud_run(test, &env, &["--requirements", "2025-11-25"], FLOOR_2025_11_25);
}

#[test]
fn conformance_2025_06_18() {
    let selection = ["--suite", "all", "--spec-version", "2025-06-18"];
    on_cloud_run("conformance_2025_06_18", &IN_MEMORY, &selection, FLOOR_2025_06_18);
}

#[test]
fn conformance_of_every_scenario() {
    const TEST: &str = "conformance_of_every_scenario";
    let Some(results) = on_cloud_run(TEST, &IN_MEMORY, &["--suite", "all"], FLOOR_OF_ALL) else { return };
    let Some(mut suite) = suite(TEST) else { return };
    let listed = run_to_end(suite.args(["list", "--server"]), LIMIT);
    let unseen: Vec<_> = listed_scenarios(&listed.stdout).filter(|name| !results.covers(name)).collect();
    assert!(listed.stdout.contains("tools-list"), "the suite lists nothing: {listed}");
    assert!(unseen.is_empty(), "the suite has scenarios that no run covered: {unseen:?}");
}

#[test]
fn conformance_of_lambda_2026_07_28() {
    on_lambda("conformance_of_lambda_2026_07_28", "2026-07-28", FLOOR_2026_07_28, &[]);
}

#[test]
fn conformance_of_lambda_2025_11_25() {
    let floor = FLOOR_2025_11_25_WITHOUT_SESSIONS;
    on_lambda("conformance_of_lambda_2025_11_25", "2025-11-25", floor, &NEED_A_SESSION);
}

fn on_cloud_run(test: &str, env: &[(&str, &str)], selection: &[&str], floor: usize) -> Option<Results> {
    let suite = suite(test)?;
    let server = Server::start("conformance-cloudrun", env);
    Some(run(suite, test, &server.url(), selection, floor, &[], || server.log()))
}

fn on_lambda(test: &str, revision: &str, floor: usize, left_out: &[&str]) {
    let Some(emulator) = tool(test, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some(suite) = suite(test) else { return };
    // As Cloud Run's adapter does by itself on a machine of its own; a deployed function leaves it to its gateway.
    let local = ("PMCP_ALLOWED_HOSTS", "127.0.0.1,localhost");
    let pages = ("PMCP_ALLOWED_ORIGINS", "http://127.0.0.1,http://localhost");
    // A listen stream is open while others are answered.
    let env = [local, pages, ("PMCP_RESPONSE_MODE", "streaming"), ("AWS_LAMBDA_MAX_CONCURRENCY", "8")];
    let function = Emulator::start(&emulator, "conformance-lambda", &env);
    run(suite, test, &function.url(), &["--requirements", revision], floor, left_out, || function.log());
}

#[test]
fn conformance_of_workers_2026_07_28() {
    on_workers("conformance_of_workers_2026_07_28", "none", "2026-07-28", FLOOR_2026_07_28, &[]);
}

#[test]
fn conformance_of_workers_2026_07_28_with_sessions_in_objects() {
    let test = "conformance_of_workers_2026_07_28_with_sessions_in_objects";
    on_workers(test, "shared", "2026-07-28", FLOOR_2026_07_28, &[]);
}

#[test]
fn conformance_of_workers_2025_11_25() {
    let floor = FLOOR_2025_11_25_WITHOUT_SESSIONS;
    on_workers("conformance_of_workers_2025_11_25", "none", "2025-11-25", floor, &NEED_A_SESSION);
}

#[test]
fn conformance_of_workers_2025_11_25_with_sessions_in_objects() {
    let test = "conformance_of_workers_2025_11_25_with_sessions_in_objects";
    on_workers(test, "shared", "2025-11-25", FLOOR_2025_11_25, &[]);
}

fn on_workers(test: &str, sessions: &str, revision: &str, floor: usize, left_out: &[&str]) {
    let Some(suite) = suite(test) else { return };
    // As Cloud Run's adapter does by itself on a machine of its own; Cloudflare routes by the name.
    let local = ("PMCP_ALLOWED_HOSTS", "127.0.0.1,localhost");
    let pages = ("PMCP_ALLOWED_ORIGINS", "http://127.0.0.1,http://localhost");
    let variables = [local, pages, ("PMCP_SESSIONS", sessions)];
    let Some(workerd) = Workerd::start(test, "conformance", &variables) else { return };
    run(suite, test, &workerd.url(), &["--requirements", revision], floor, left_out, || workerd.log());
}

/// The suite's command; nothing where the machine lacks what it needs.
fn suite(test: &str) -> Option<Command> {
    let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
    let clients: PathBuf = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients")?;
    let mut command = Command::new(node);
    command.arg(clients.join("node_modules/@modelcontextprotocol/conformance/dist/index.js"));
    Some(command)
}

/// Runs the suite against the server at `url`. The scenarios in `left_out` must fail, so that none is left out for
/// longer than it has to be.
fn run(
    mut suite: Command,
    test: &str,
    url: &str,
    selection: &[&str],
    floor: usize,
    left_out: &[&str],
    log: impl Fn() -> String,
) -> Results {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
    let command = suite.args(["server", "--url", url]).args(selection).arg("--output-dir").arg(&folder);
    let finished = run_to_end(command, LIMIT);
    let results = Results::read(&folder);
    let problems = problems(&finished, &results, floor, left_out);
    assert!(
        problems.is_empty(),
        "{selection:?}:\n- {}\nevery check is under {}\n{finished}\n--- the server\n{}",
        problems.join("\n- "),
        folder.display(),
        log()
    );
    fs::remove_dir_all(&folder).expect("the folder of the results can be removed");
    results
}

/// The names in lines such as `  - ping [2025-06-18,2025-11-25]`.
fn listed_scenarios(stdout: &str) -> impl Iterator<Item = &str> {
    stdout.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_whitespace().next())
}

#[test]
fn reads_what_the_suite_lists() {
    let stdout = "Server scenarios (test against a server):\n  - ping [2025-06-18]\n  - skills [extension]\n";
    assert_eq!(listed_scenarios(stdout).collect::<Vec<_>>(), ["ping", "skills"]);
}
