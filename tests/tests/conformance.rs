//! The official conformance suite against the fixture server: what each revision requires, and every scenario there is,
//! those of extensions and those that the suite does not score yet among them.
//!
//! Nothing is excused: a warning is a failure here, and a check that the suite skips is one that nobody saw, so each of
//! those is named with its reason. The suite's own exit code covers less than that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pmcp_tests::{Finished, Redis, Server, run_to_end, tool};
use serde_json::Value;

/// As many checks pass; raise the number when more do.
const FLOOR_2026_07_28: usize = 196;
const FLOOR_2025_11_25: usize = 83;
const FLOOR_2025_06_18: usize = 56;
const FLOOR_OF_ALL: usize = 275;

/// The checks that the suite itself never runs, whatever the server: scenario, check, and its reason.
const SKIPPED: &[(&str, &str, &str)] = &[(
    "tasks-status-notifications",
    "tasks-status-notifications",
    "written for a draft in which the stream of the call told of its task; listen streams do, and it does not open one",
)];

/// The scenarios of older revisions need sessions.
const IN_MEMORY: [(&str, &str); 1] = [("PMCP_SESSIONS", "memory")];

/// A run takes 10 s on an idle machine; the rest is for a busy one.
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn conformance_2026_07_28() {
    run_suite("conformance_2026_07_28", &IN_MEMORY, &["--requirements", "2026-07-28"], FLOOR_2026_07_28);
}

#[test]
fn conformance_2025_11_25() {
    run_suite("conformance_2025_11_25", &IN_MEMORY, &["--requirements", "2025-11-25"], FLOOR_2025_11_25);
}

#[test]
fn conformance_2025_11_25_with_sessions_in_redis() {
    let test = "conformance_2025_11_25_with_sessions_in_redis";
    let Some(redis) = Redis::start(test) else { return };
    let env = [("PMCP_SESSIONS", "shared"), ("REDIS_URL", &redis.url())];
    run_suite(test, &env, &["--requirements", "2025-11-25"], FLOOR_2025_11_25);
}

#[test]
fn conformance_2025_06_18() {
    run_suite(
        "conformance_2025_06_18",
        &IN_MEMORY,
        &["--suite", "all", "--spec-version", "2025-06-18"],
        FLOOR_2025_06_18,
    );
}

#[test]
fn conformance_of_every_scenario() {
    const TEST: &str = "conformance_of_every_scenario";
    let Some(results) = run_suite(TEST, &IN_MEMORY, &["--suite", "all"], FLOOR_OF_ALL) else { return };
    let Some(mut suite) = suite(TEST) else { return };
    let listed = run_to_end(suite.args(["list", "--server"]), LIMIT);
    let unseen: Vec<_> = listed_scenarios(&listed.stdout).filter(|name| !results.covers(name)).collect();
    assert!(listed.stdout.contains("tools-list"), "the suite lists nothing: {listed}");
    assert!(unseen.is_empty(), "the suite has scenarios that no run covered: {unseen:?}");
}

/// Runs the suite against a fixture of its own; nothing where the machine lacks what it needs.
fn run_suite(test: &str, env: &[(&str, &str)], selection: &[&str], floor: usize) -> Option<Results> {
    let mut suite = suite(test)?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));

    let server = Server::start("conformance-cloudrun", env);
    let command = suite.args(["server", "--url", &server.url()]).args(selection).arg("--output-dir").arg(&folder);
    let finished = run_to_end(command, LIMIT);
    let results = Results::read(&folder);
    let problems = problems(&finished, &results, floor);
    assert!(
        problems.is_empty(),
        "{selection:?}:\n- {}\nevery check is under {}\n{finished}\n--- the server\n{}",
        problems.join("\n- "),
        folder.display(),
        server.log()
    );
    fs::remove_dir_all(&folder).expect("the folder of the results can be removed");
    Some(results)
}

/// The suite's command.
fn suite(test: &str) -> Option<Command> {
    let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
    let clients: PathBuf = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients")?;
    let mut command = Command::new(node);
    command.arg(clients.join("node_modules/@modelcontextprotocol/conformance/dist/index.js"));
    Some(command)
}

/// All that is wrong with a run, one line each.
fn problems(finished: &Finished, results: &Results, floor: usize) -> Vec<String> {
    let mut problems = Vec::new();
    let started: Vec<_> = started_scenarios(&finished.stdout).collect();
    if started.is_empty() {
        problems.push("the suite ran no scenario".to_owned());
    }
    let broken = started.into_iter().filter(|name| !results.0.contains_key(*name));
    problems.extend(broken.map(|name| format!("the suite could not finish {name}")));
    problems.extend(results.problems());
    let passed = results.passed();
    if passed < floor {
        problems.push(format!("{passed} checks passed, and at least {floor} did before"));
    }
    if problems.is_empty() && !finished.is_success() {
        problems.push("the suite failed for a reason that its checks do not tell".to_owned());
    }
    problems
}

/// The names in lines such as `=== Running scenario: ping ===`.
fn started_scenarios(stdout: &str) -> impl Iterator<Item = &str> {
    stdout.lines().filter_map(|line| line.strip_prefix("=== Running scenario: ")?.strip_suffix(" ==="))
}

/// The names in lines such as `  - ping [2025-06-18,2025-11-25]`.
fn listed_scenarios(stdout: &str) -> impl Iterator<Item = &str> {
    stdout.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_whitespace().next())
}

/// What the suite wrote of one check.
#[derive(Debug)]
struct Check {
    id: String,
    /// `SUCCESS`, `FAILURE`, `WARNING`, `SKIPPED`, or `INFO` where there was nothing to check.
    status: String,
    message: String,
}

impl Check {
    fn parse(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let message = match text("errorMessage") {
            message if message.is_empty() => text("description"),
            message => message,
        };
        Self { id: text("id"), status: text("status"), message }
    }

    /// What is wrong with it, in `scenario`.
    fn problem(&self, scenario: &str) -> Option<String> {
        let may_be_skipped = SKIPPED.iter().any(|(of, id, _)| *of == scenario && *id == self.id);
        match self.status.as_str() {
            "SKIPPED" if may_be_skipped => None,
            _ if may_be_skipped => Some(format!("{scenario}:{} is run now: take it off the list", self.id)),
            "SUCCESS" | "INFO" => None,
            status => Some(format!("{scenario}:{} {status}: {}", self.id, self.message)),
        }
    }
}

/// The checks of each scenario. An id may be there more than once.
#[derive(Debug, Default)]
struct Results(BTreeMap<String, Vec<Check>>);

impl Results {
    /// Reads `<folder>/server-<scenario>-<time>/checks.json`.
    fn read(folder: &Path) -> Self {
        let Ok(entries) = fs::read_dir(folder) else {
            // The suite did not get as far as its first scenario, which `problems` says.
            return Self::default();
        };
        let mut results = Self::default();
        for entry in entries {
            let entry = entry.expect("the folder of the results can be read");
            let name = entry.file_name().into_string().expect("the suite's names are ASCII");
            // A scenario that threw an error leaves an empty folder.
            let Ok(text) = fs::read_to_string(entry.path().join("checks.json")) else { continue };
            let scenario = scenario_of(&name).unwrap_or_else(|| panic!("{name} does not name a scenario"));
            let checks: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            results.0.insert(scenario.to_owned(), checks.iter().map(Check::parse).collect());
        }
        results
    }

    fn passed(&self) -> usize {
        self.0.values().flatten().filter(|check| check.status == "SUCCESS").count()
    }

    /// Whether a check of the scenario passed, or is skipped for a reason.
    fn covers(&self, scenario: &str) -> bool {
        let covers = |check: &Check| matches!(check.status.as_str(), "SUCCESS" | "SKIPPED");
        self.0.get(scenario).is_some_and(|checks| checks.iter().any(covers))
    }

    fn problems(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|(scenario, checks)| checks.iter().filter_map(move |check| check.problem(scenario)))
    }
}

/// The scenario in `server-<scenario>-2026-07-28T12-00-00-000Z`.
fn scenario_of(folder: &str) -> Option<&str> {
    let rest = folder.strip_prefix("server-")?;
    rest.get(..rest.len().checked_sub("-2026-07-28T12-00-00-000Z".len())?)
}

#[test]
fn reads_what_the_suite_writes() {
    assert_eq!(scenario_of("server-tools-list-2026-11-22T13-04-33-613Z"), Some("tools-list"));
    assert_eq!(scenario_of("server-x"), None);
    let stdout = "noise\n=== Running scenario: ping ===\nRunning client scenario\n=== SUMMARY ===\n";
    assert_eq!(started_scenarios(stdout).collect::<Vec<_>>(), ["ping"]);
    let stdout = "Server scenarios (test against a server):\n  - ping [2025-06-18]\n  - skills [extension]\n";
    assert_eq!(listed_scenarios(stdout).collect::<Vec<_>>(), ["ping", "skills"]);
}

#[test]
fn judges_every_check() {
    let check = |id: &str, status: &str| Check { id: id.into(), status: status.into(), message: "why".into() };
    let results = Results(BTreeMap::from([
        ("bad".into(), vec![check("a", "SUCCESS"), check("b", "FAILURE"), check("c", "WARNING")]),
        ("good".into(), vec![check("a", "SUCCESS"), check("b", "SKIPPED"), check("c", "INFO")]),
        ("tasks-status-notifications".into(), vec![check("tasks-status-notifications", "SKIPPED")]),
    ]));
    let found = ["bad:b FAILURE: why", "bad:c WARNING: why", "good:b SKIPPED: why"];
    assert_eq!(results.problems().collect::<Vec<_>>(), found);
    assert!(results.covers("good") && !results.covers("lost"));
    let stale = check("tasks-status-notifications", "SUCCESS").problem("tasks-status-notifications");
    assert_eq!(
        stale.as_deref(),
        Some("tasks-status-notifications:tasks-status-notifications is run now: take it off the list")
    );

    let good = Results(BTreeMap::from([("good".into(), vec![check("a", "SUCCESS"), check("c", "INFO")])]));
    let finished = |stdout: &str| Finished { status: None, stdout: stdout.into(), stderr: String::new() };
    assert_eq!(problems(&finished(""), &good, 1), ["the suite ran no scenario"]);
    assert_eq!(
        problems(&finished("=== Running scenario: lost ===\n=== Running scenario: good ==="), &good, 2),
        ["the suite could not finish lost", "1 checks passed, and at least 2 did before"]
    );
    assert_eq!(
        problems(&finished("=== Running scenario: good ==="), &good, 1),
        ["the suite failed for a reason that its checks do not tell"]
    );
}
