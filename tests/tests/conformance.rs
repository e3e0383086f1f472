//! The official conformance suite against the fixture server, once for each revision it has a requirement set for.
//!
//! The suite's exit code covers the scenarios that a revision requires. It also runs, and does not score, scenarios
//! that came later or belong to extensions; here all are held to the same list, so that none slips back. A warning
//! counts as a failure, as the suite itself has it where there is a list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pmcp_tests::{Finished, Redis, Server, run_to_end, tool};
use serde_json::Value;

/// As many checks pass; raise the number when more do.
const FLOOR_2026_07_28: usize = 196;
const FLOOR_2025_11_25: usize = 83;

/// A run takes 3 s on an idle machine; the rest is for a busy one.
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn conformance_2026_07_28() {
    run_suite("conformance_2026_07_28", "2026-07-28", FLOOR_2026_07_28, &[("PMCP_SESSIONS", "memory")]);
}

#[test]
fn conformance_2025_11_25() {
    run_suite("conformance_2025_11_25", "2025-11-25", FLOOR_2025_11_25, &[("PMCP_SESSIONS", "memory")]);
}

#[test]
fn conformance_2025_11_25_with_sessions_in_redis() {
    let test = "conformance_2025_11_25_with_sessions_in_redis";
    let Some(redis) = Redis::start(test) else { return };
    let env = [("PMCP_SESSIONS", "shared"), ("REDIS_URL", &redis.url())];
    run_suite(test, "2025-11-25", FLOOR_2025_11_25, &env);
}

/// An entry that names nothing excuses nothing, and nobody would notice.
#[test]
fn the_list_names_scenarios_that_exist() {
    let Some(suite) = suite("the_list_names_scenarios_that_exist") else { return };
    let required = ["2026-07-28", "2025-11-25"].map(|revision| {
        let path = suite.join("requirements").join(revision).with_extension("yaml");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    });
    let known: BTreeSet<_> = required.iter().flat_map(|text| text.split_whitespace()).collect();
    let unknown: Vec<_> = Listed::read().0.into_iter().filter(|(name, _)| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "listed, but no scenario of the suite: {unknown:?}");
}

fn run_suite(test: &str, revision: &str, floor: usize, env: &[(&str, &str)]) {
    let Some(node) = tool(test, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(suite) = suite(test) else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));

    let server = Server::start("conformance-cloudrun", env);
    let finished = run_to_end(
        Command::new(node)
            .arg(suite.join("dist/index.js"))
            .args(["server", "--url", &server.url(), "--requirements", revision])
            .arg("--expected-failures")
            .arg(list_path())
            .arg("--output-dir")
            .arg(&folder),
        LIMIT,
    );
    let results = Results::read(&folder);
    let problems = problems(&finished, &results, &Listed::read(), floor);
    assert!(
        problems.is_empty(),
        "{revision}:\n- {}\nevery check is under {}\n{finished}\n--- the server\n{}",
        problems.join("\n- "),
        folder.display(),
        server.log()
    );
    fs::remove_dir_all(&folder).expect("the folder of the results can be removed");
}

/// The folder of the suite's package.
fn suite(test: &str) -> Option<PathBuf> {
    let clients = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients")?;
    Some(clients.join("node_modules/@modelcontextprotocol/conformance"))
}

fn list_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance-expected-failures.yml")
}

/// All that is wrong with a run, one line each.
fn problems(finished: &Finished, results: &Results, listed: &Listed, floor: usize) -> Vec<String> {
    let mut problems = Vec::new();
    let started: Vec<_> = scenarios(&finished.stdout).collect();
    if started.is_empty() {
        problems.push("the suite ran no scenario".to_owned());
    }
    let broken = started.into_iter().filter(|name| !results.0.contains_key(*name));
    problems.extend(broken.map(|name| format!("the suite could not finish {name}")));
    problems.extend(results.unexpected(listed));
    problems.extend(results.stale(listed).into_iter().map(|entry| format!("{entry} passes: take it off the list")));
    let passed = results.count("SUCCESS");
    if passed < floor {
        problems.push(format!("{passed} checks passed, and at least {floor} did before"));
    }
    if problems.is_empty() && !finished.is_success() {
        problems.push("the suite failed for a reason that its checks do not tell".to_owned());
    }
    problems
}

/// The names in lines such as `=== Running scenario: ping ===`.
fn scenarios(stdout: &str) -> impl Iterator<Item = &str> {
    stdout.lines().filter_map(|line| line.strip_prefix("=== Running scenario: ")?.strip_suffix(" ==="))
}

/// What the suite wrote of one check.
#[derive(Debug)]
struct Check {
    id: String,
    /// `SUCCESS`, `FAILURE`, `WARNING`, `SKIPPED` or `INFO`.
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

    fn failed(&self) -> bool {
        matches!(self.status.as_str(), "FAILURE" | "WARNING")
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

    fn count(&self, status: &str) -> usize {
        self.0.values().flatten().filter(|check| check.status == status).count()
    }

    /// Failed checks that the list does not excuse.
    fn unexpected(&self, listed: &Listed) -> Vec<String> {
        let checks = self.0.iter().flat_map(|(scenario, checks)| checks.iter().map(move |check| (scenario, check)));
        checks
            .filter(|(scenario, check)| check.failed() && !listed.excuses(scenario, &check.id))
            .map(|(scenario, check)| format!("{scenario}:{} {}: {}", check.id, check.status, check.message))
            .collect()
    }

    /// Entries of the list that excuse nothing: a scenario that ran without a failure, or a check that passed.
    fn stale(&self, listed: &Listed) -> Vec<String> {
        let is_stale = |(scenario, id): &(String, Option<String>)| {
            let Some(checks) = self.0.get(scenario) else { return false };
            match id {
                None => !checks.iter().any(Check::failed),
                Some(id) => {
                    let mut named = checks.iter().filter(|check| check.id == *id).peekable();
                    named.peek().is_some() && named.all(|check| check.status == "SUCCESS")
                }
            }
        };
        listed.0.iter().filter(|entry| is_stale(entry)).map(entry_text).collect()
    }
}

/// The scenario in `server-<scenario>-2026-07-28T12-00-00-000Z`.
fn scenario_of(folder: &str) -> Option<&str> {
    let rest = folder.strip_prefix("server-")?;
    rest.get(..rest.len().checked_sub("-2026-07-28T12-00-00-000Z".len())?)
}

/// What may fail: scenarios, or single checks of them.
#[derive(Debug, PartialEq)]
struct Listed(BTreeSet<(String, Option<String>)>);

impl Listed {
    fn read() -> Self {
        Self::parse(&fs::read_to_string(list_path()).expect("the expected failures can be read"))
    }

    /// Reads lines such as `  - scenario  # why` and `  - scenario:check`.
    fn parse(yaml: &str) -> Self {
        let entries = yaml.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_whitespace().next());
        let entries = entries.map(|entry| match entry.split_once(':') {
            Some((scenario, id)) => (scenario.to_owned(), Some(id.to_owned())),
            None => (entry.to_owned(), None),
        });
        Self(entries.collect())
    }

    fn excuses(&self, scenario: &str, id: &str) -> bool {
        let scenario = scenario.to_owned();
        self.0.contains(&(scenario.clone(), None)) || self.0.contains(&(scenario, Some(id.to_owned())))
    }
}

fn entry_text((scenario, id): &(String, Option<String>)) -> String {
    match id {
        Some(id) => format!("{scenario}:{id}"),
        None => scenario.clone(),
    }
}

#[test]
fn reads_what_the_suite_writes() {
    assert_eq!(scenario_of("server-tools-list-2026-11-22T13-04-33-613Z"), Some("tools-list"));
    assert_eq!(scenario_of("server-x"), None);
    let stdout = "noise\n=== Running scenario: ping ===\nRunning client scenario\n=== SUMMARY ===\n";
    assert_eq!(scenarios(stdout).collect::<Vec<_>>(), ["ping"]);
    let listed = Listed::parse("# - not an entry\nserver:\n  - ping # why\n  - tools-list:one-check\n");
    assert_eq!(listed.0.iter().map(entry_text).collect::<Vec<_>>(), ["ping", "tools-list:one-check"]);
}

#[test]
fn judges_by_the_list() {
    let check = |id: &str, status: &str| Check { id: id.into(), status: status.into(), message: "why".into() };
    let results = Results(BTreeMap::from([
        ("bad".into(), vec![check("a", "SUCCESS"), check("b", "FAILURE"), check("c", "WARNING")]),
        ("good".into(), vec![check("a", "SUCCESS"), check("b", "SKIPPED"), check("c", "INFO")]),
    ]));
    let judged = |list: &str| {
        let listed = Listed::parse(list);
        (results.unexpected(&listed), results.stale(&listed))
    };
    let none = Vec::<String>::new();
    assert_eq!(judged(""), (vec!["bad:b FAILURE: why".into(), "bad:c WARNING: why".into()], none.clone()));
    assert_eq!(judged("- bad\n- good:b\n- not-run"), (none.clone(), none.clone()));
    assert_eq!(judged("- bad:b\n- bad:c"), (none.clone(), none.clone()));
    assert_eq!(judged("- bad\n- good"), (none.clone(), vec!["good".into()]));
    assert_eq!(judged("- bad:a\n- bad:b\n- bad:c"), (none, vec!["bad:a".into()]));

    let finished = |stdout: &str| Finished { status: None, stdout: stdout.into(), stderr: String::new() };
    let listed = Listed::parse("- bad");
    assert_eq!(problems(&finished(""), &results, &listed, 2), ["the suite ran no scenario"]);
    assert_eq!(
        problems(&finished("=== Running scenario: lost ===\n=== Running scenario: bad ==="), &results, &listed, 3),
        ["the suite could not finish lost", "2 checks passed, and at least 3 did before"]
    );
    assert_eq!(
        problems(&finished("=== Running scenario: bad ==="), &results, &listed, 2),
        ["the suite failed for a reason that its checks do not tell"]
    );
}
