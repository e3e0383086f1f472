//! Stacks that are there without a server that answers, and servers that their authors have called otherwise.

use std::fs;

use super::Folder;
use super::halfway::{aws, deploy, project, stack};

const THERE: &str = "{\"Outputs\":[]}";

fn outputs(more: &str) -> String {
    stack("UPDATE_COMPLETE").replace("\"Outputs\":[", &format!("\"Outputs\":[{more},"))
}

fn calls(folder: &Folder) -> String {
    fs::read_to_string(folder.0.join("calls")).unwrap_or_default()
}

#[test]
fn a_stack_without_a_server_is_no_deployment() {
    let folder = project("no-server");
    let remove = "remove it with `cargo pmcp deploy destroy`, and deploy again\n";
    for (state, advice) in [
        ("ROLLBACK_COMPLETE", remove),
        ("CREATE_FAILED", remove),
        ("REVIEW_IN_PROGRESS", remove),
        ("DELETE_IN_PROGRESS", "wait until `cargo pmcp deploy status` names no state any more, and deploy again\n"),
    ] {
        folder.program("aws", &aws(THERE, &stack(state)));
        let status = folder.printed(&["deploy", "status"]);
        assert_eq!(status, format!("crm is not deployed in us-east-1: what is there is {state}\n"));
        assert!(folder.printed(&["deploy", "status", "--json"]).contains("\"deployed\": false"));
        // Nothing is asked of a server that is not there, and what is said helps.
        for arguments in [&["deploy"][..], &["deploy", "rollback"]] {
            let (code, words) = folder.refused(arguments);
            assert!(code == Some(5) && words.ends_with(advice), "{arguments:?} {state}: {words}");
        }
        for arguments in [&["deploy", "outputs"][..], &["deploy", "logs"], &["deploy", "test"]] {
            let (code, words) = folder.refused(arguments);
            assert!(code == Some(1) && words.contains("crm is not deployed in us-east-1"), "{arguments:?}: {words}");
        }
    }
}

#[test]
fn a_deployment_that_failed_is_known_as_long_as_its_stack_is_there() {
    let folder = project("failed-first");
    folder.program("cat", "exec /bin/cat \"$@\"");
    let failed = aws(THERE, &stack("ROLLBACK_COMPLETE"));
    folder.program("npx", &format!("cat > ../../bin/aws <<'END'\n#!/bin/sh\n{failed}\nEND\nexit 1"));
    let (code, words) = deploy(&folder);
    assert!(code == Some(1) && words.contains("the stack is now in the state ROLLBACK_COMPLETE\n"), "{words}");
    assert!(folder.0.join(".pmcp/deployed.json").exists());
}

#[test]
fn that_no_version_is_live_is_said() {
    let folder = project("no-alias");
    let gone = "*get-alias*) echo 'An error occurred (ResourceNotFoundException): no alias' >&2; exit 254 ;;";
    let found = aws(THERE, &outputs("{\"OutputKey\":\"Version\",\"OutputValue\":\"1\"}"));
    folder.program("aws", &format!("case \"$*\" in\n{gone}\n*) {found} ;;\nesac"));
    let status = folder.printed(&["deploy", "status"]);
    assert_eq!(status, "crm in us-east-1: UPDATE_COMPLETE, and no version is live\nUrl = https://u/mcp\n");
    assert_eq!(folder.printed(&["deploy", "outputs"]), "Url = https://u/mcp\n");
}

#[test]
fn a_status_says_where_it_is_and_how_old() {
    let folder = project("status");
    let versions = r#"[{"Version":"$LATEST","LastModified":"2026-11-22T23:00:00.000+0000"},
        {"Version":"2","LastModified":"2026-11-22T22:07:15.001+0000"},{"Version":"1"}]"#;
    let found = aws(THERE, &stack("UPDATE_COMPLETE"));
    let versions = format!("*list-versions*) echo '{{\"Versions\":{versions}}}'; exit ;;");
    folder.program("aws", &format!("case \"$*\" in\n{versions}\nesac\n{found}"));
    assert_eq!(
        folder.printed(&["deploy", "status"]),
        "crm in us-east-1: UPDATE_COMPLETE\nUrl = https://u/mcp\nversion 1 is live, of 1, 2 (2026-11-22T22:07:15Z)\n"
    );
    let status: serde_json::Value =
        serde_json::from_str(&folder.printed(&["deploy", "status", "--json"])).expect("JSON");
    assert_eq!(status["times"], serde_json::json!({ "2": "2026-11-22T22:07:15Z" }));
    assert_eq!(status["versions"], serde_json::json!(["1", "2"]));
}

#[test]
fn a_function_of_another_name_is_found() {
    let folder = project("other-function");
    let more =
        "{\"OutputKey\":\"FunctionName\",\"OutputValue\":\"crm-fn\"},{\"OutputKey\":\"Version\",\"OutputValue\":\"2\"}";
    let account = |more: &str| {
        let missing = "*lambda*\"--function-name crm \"*) echo ResourceNotFoundException >&2; exit 254 ;;";
        let found = aws(THERE, &outputs(more));
        folder.program("aws", &format!("echo \"$*\" >> calls\ncase \"$*\" in\n{missing}\n*) {found} ;;\nesac"));
    };
    account(more);
    let printed = folder.printed(&["deploy", "--yes"]);
    assert_eq!(printed, "Url = https://u/mcp\nFunctionName = crm-fn\nVersion = 1\n");
    assert!(calls(&folder).contains("update-alias --function-name crm-fn --name live --function-version 2 "));
    // What is written otherwise there is its author's.
    folder.write("calls", "");
    account(&more.replace("\"2\"", "\"v2\""));
    folder.printed(&["deploy"]);
    assert!(!calls(&folder).contains("update-alias"), "{}", calls(&folder));
}

#[test]
fn a_url_is_not_taken_away_without_a_word() {
    let folder = project("front");
    let url = "https://abc.lambda-url.us-east-1.on.aws/mcp";
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE").replace("https://u/mcp", url)));
    folder.printed(&["deploy", "--yes"]);
    folder.printed(&["deploy"]);
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("[aws]\n", "[aws]\nfront = \"http-api\"\n"));
    let what = format!("`front` under [aws] is not what it was: {url} goes, and the server gets another URL\n");
    let plan = folder.printed(&["deploy", "--dry-run"]);
    let asked = "; if another `front` takes the URL away that clients know, you are asked only then\n";
    assert!(plan.ends_with(asked), "{plan}");
    let (code, words) = folder.refused(&["deploy"]);
    assert!(
        code == Some(5) && words.ends_with(&format!("error: {what}put back what it said, or add --yes\n")),
        "{words}"
    );
    let (code, words) = folder.refused(&["deploy", "--yes"]);
    assert!(code == Some(0) && words.contains(&format!("note: {what}")), "{words}");
}

#[test]
fn logs_that_are_gone_are_not_empty() {
    let folder = project("no-logs");
    let found = aws(THERE, &outputs("{\"OutputKey\":\"LogGroup\",\"OutputValue\":\"crm-Log\"}"));
    let gone = "*filter-log-events*) echo 'An error occurred (ResourceNotFoundException): no group' >&2; exit 254 ;;";
    folder.program("aws", &format!("case \"$*\" in\n{gone}\n*) {found} ;;\nesac"));
    let words = "error: the log group crm-Log is gone\nmake it anew, for the server to log to: aws logs create-log-group \
                 --log-group-name crm-Log --region us-east-1\n";
    assert_eq!(folder.refused(&["deploy", "logs"]), (Some(1), words.into()));
}
