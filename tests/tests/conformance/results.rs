//! Reads what the suite wrote, and judges it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pmcp_tests::Finished;
use serde_json::Value;

/// The checks that the suite itself never runs, whatever the server: scenario, check, and its reason.
const SKIPPED: &[(&str, &str, &str)] = &[(
    "tasks-status-notifications",
    "tasks-status-notifications",
    "written for a draft in which the stream of the call told of its task; listen streams do, and it does not open one",
)];

/// All that is wrong with a run, one line each.
pub(crate) fn problems(finished: &Finished, results: &Results, floor: usize, left_out: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    let started: Vec<_> = started_scenarios(&finished.stdout).collect();
    if started.is_empty() {
        problems.push("the suite ran no scenario".to_owned());
    }
    let broken = started.into_iter().filter(|name| !left_out.contains(name) && !results.0.contains_key(*name));
    problems.extend(broken.map(|name| format!("the suite could not finish {name}")));
    problems.extend(results.problems(left_out));
    let passed = results.passed();
    if passed < floor {
        problems.push(format!("{passed} checks passed, and at least {floor} did before"));
    }
    if problems.is_empty() && finished.is_success() != left_out.is_empty() {
        problems.push("the suite failed for a reason that its checks do not tell".to_owned());
    }
    problems
}

/// The names in lines such as `=== Running scenario: ping ===`.
fn started_scenarios(stdout: &str) -> impl Iterator<Item = &str> {
    stdout.lines().filter_map(|line| line.strip_prefix("=== Running scenario: ")?.strip_suffix(" ==="))
}

/// What the suite wrote of one check.
#[derive(Debug)]
pub(crate) struct Check {
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
pub(crate) struct Results(BTreeMap<String, Vec<Check>>);

impl Results {
    /// Reads `<folder>/server-<scenario>-<time>/checks.json`.
    pub(crate) fn read(folder: &Path) -> Self {
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
    pub(crate) fn covers(&self, scenario: &str) -> bool {
        let covers = |check: &Check| matches!(check.status.as_str(), "SUCCESS" | "SKIPPED");
        self.0.get(scenario).is_some_and(|checks| checks.iter().any(covers))
    }

    fn problems(&self, left_out: &[&str]) -> Vec<String> {
        let mut problems = Vec::new();
        for (scenario, checks) in &self.0 {
            let found = checks.iter().filter_map(|check| check.problem(scenario));
            match left_out.contains(&scenario.as_str()) {
                false => problems.extend(found),
                true if found.count() == 0 => problems.push(format!("{scenario} passes: it need not be left out")),
                true => {}
            }
        }
        problems
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
    assert_eq!(results.problems(&[]), found);
    assert_eq!(results.problems(&["bad", "good"]), [""; 0]);
    assert!(results.covers("good") && !results.covers("lost"));
    let stale = check("tasks-status-notifications", "SUCCESS").problem("tasks-status-notifications");
    assert_eq!(
        stale.as_deref(),
        Some("tasks-status-notifications:tasks-status-notifications is run now: take it off the list")
    );

    let good = Results(BTreeMap::from([("good".into(), vec![check("a", "SUCCESS"), check("c", "INFO")])]));
    let finished = |stdout: &str| Finished { status: None, stdout: stdout.into(), stderr: String::new() };
    assert_eq!(problems(&finished(""), &good, 1, &[]), ["the suite ran no scenario"]);
    assert_eq!(
        problems(&finished("=== Running scenario: lost ===\n=== Running scenario: good ==="), &good, 2, &[]),
        ["the suite could not finish lost", "1 checks passed, and at least 2 did before"]
    );
    let left_out = problems(&finished("=== Running scenario: good ==="), &good, 1, &["good"]);
    assert_eq!(left_out, ["good passes: it need not be left out"]);
    assert_eq!(
        problems(&finished("=== Running scenario: good ==="), &good, 1, &[]),
        ["the suite failed for a reason that its checks do not tell"]
    );
}
