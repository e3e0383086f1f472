//! The process: how it refuses to start, and how it ends.

use std::process::Command;
use std::time::{Duration, Instant};

use pmcp_tests::{Front, Lambda, run_to_end};
use serde_json::json;

use super::{PROBE, call, text};

const LIMIT: Duration = Duration::from_secs(10);

/// What Lambda sets, with a Runtime API where there is none.
const SET: [(&str, &str); 4] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
    ("AWS_LAMBDA_FUNCTION_NAME", "crm"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
];

#[test]
fn says_why_it_cannot_start() {
    let wrong = [("PMCP_RESPONSE_MODE", "both")];
    for (argument, env, words) in [
        ("", &[][..], "start the function with `cargo lambda watch`"),
        ("broken", &SET[..], "twice"),
        ("", &wrong[..], "PMCP_RESPONSE_MODE is \\\"both\\\", but must be buffered or streaming"),
        ("", &SET[..], "the Lambda Runtime API does not answer"),
    ] {
        let finished = run_to_end(Command::new(&*PROBE).arg(argument).envs(env.iter().copied()), LIMIT);
        assert_eq!(finished.status.and_then(|status| status.code()), Some(1), "{finished}");
        let line = finished.stderr.lines().find(|line| line.contains("the server cannot run"));
        assert!(line.is_some_and(|line| line.contains(words)), "no {words:?}: {finished}");
    }
}

#[test]
fn says_that_changes_reach_nobody_elsewhere() {
    for (argument, is_told) in [("local", true), ("", false)] {
        let finished = run_to_end(Command::new(&*PROBE).arg(argument).envs(SET), LIMIT);
        assert_eq!(finished.stderr.matches("through a local Notifier").count(), usize::from(is_told), "{finished}");
    }
}

#[test]
fn is_built_before_the_first_event() {
    let lambda = Lambda::start(&PROBE, &[]);
    let begin = Instant::now();
    while lambda.api().polls() == 0 {
        assert!(begin.elapsed() < LIMIT, "never asked for an event");
    }
    assert_eq!(lambda.log(), "");
}

#[test]
#[cfg(unix)]
fn flushes_when_lambda_ends_it() {
    let script = format!("exec {} flushing", PROBE.display());
    let path = std::env::temp_dir().join(format!("pmcp-probe-{}", std::process::id()));
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("an executable");
    let mut lambda = Lambda::start(&path, &[]);
    assert_eq!(text(&lambda.exchange(Front::Rest, &call("letters", json!({"length": 2})))), "aa");
    assert_eq!(lambda.api().extensions().len(), 1, "no internal extension");
    let killed = Command::new("kill").args(["-TERM", &lambda.pid().to_string()]).status().expect("kill starts");
    assert!(killed.success());
    lambda.expect_in_log("flushed");
    let begin = Instant::now();
    while lambda.exit_code().is_none() {
        assert!(begin.elapsed() < LIMIT, "did not end");
    }
    assert_eq!(lambda.exit_code(), Some(0));
    std::fs::remove_file(path).expect("the script can be removed");
}
