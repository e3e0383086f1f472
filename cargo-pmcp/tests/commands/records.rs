//! `.pmcp/deployed.json`: what it says is this project's, and what is done where it does not say so.

use std::fs;

use super::halfway::{aws, deploy, project, stack};
use super::{Folder, not_known};

fn record(folder: &Folder) -> String {
    fs::read_to_string(folder.0.join(".pmcp/deployed.json")).expect("something is deployed")
}

const TAKEN: &str =
    "crm is deployed in us-east-1 already, and .pmcp/deployed.json does not say that it is this project's";

#[test]
fn a_server_that_may_be_anothers_is_not_replaced_without_a_word() {
    let folder = project("anothers");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.program("npx", "echo deployed >> began");
    let words = format!(
        "error: {TAKEN}\nif it is, add --yes, and keep that file under version control; else choose another `name` under \
         [server] in .pmcp/deploy.toml\n"
    );
    assert_eq!(folder.refused(&["deploy", "--beside"]).0, Some(5));
    let (code, found) = folder.refused(&["deploy"]);
    assert!(code == Some(5) && found.ends_with(&words), "{code:?} {found}");
    assert!(!folder.0.join(".pmcp/deployed.json").exists() && !folder.0.join("deploy/aws-lambda/began").exists());
    let note = not_known("us-east-1");
    assert!(folder.refused(&["deploy", "--yes"]).1.contains(&note));
    // From then on it is known.
    let output = folder.run(&["deploy", "--yes"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Url = https://u/mcp\n");
    assert!(output.status.success() && !String::from_utf8_lossy(&output.stderr).contains(&note));
    assert!(record(&folder).contains("\"account\": \"123456789012\""), "{}", record(&folder));
}

#[test]
fn whatever_changes_it_says_whose_it_may_be() {
    let folder = project("anothers-changed");
    folder.program(
        "aws",
        &format!(
            "case \"$*\" in *describe-secret*) echo ResourceNotFoundException >&2; exit 254 ;; *create-secret*) echo '{{\"ARN\":\"a\"}}'; exit ;; esac\n{}",
            aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE"))
        ),
    );
    let note = not_known("us-east-1");
    let set = || {
        let mut set = folder.command(&["deploy", "secrets", "set", "KEY", "--from-env", "HERE"]);
        String::from_utf8(set.env("HERE", "s3cret").output().expect("starts").stderr).expect("UTF-8")
    };
    assert_eq!(set(), note);
    assert!(folder.refused(&["deploy", "rollback"]).1.starts_with(&note));
    assert!(folder.printed(&["deploy", "destroy", "--dry-run"]).contains(&note));
    // Nobody is there who has seen whose it is.
    let (code, words) = folder.refused(&["deploy", "destroy", "--yes"]);
    let refused = format!(
        "error: {TAKEN}\nnothing was removed: if it is, put that file back from version control, or add --unrecorded\n"
    );
    assert!(code == Some(5) && words.ends_with(&refused), "{words}");
    assert!(folder.printed(&["deploy", "destroy", "--yes", "--unrecorded"]).contains(&note));
    folder.printed(&["deploy", "--yes"]);
    assert_eq!(set(), "");
    assert!(!folder.refused(&["deploy", "rollback"]).1.contains(&note));
    assert!(!folder.printed(&["deploy", "destroy", "--yes"]).contains(&note));
}

#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_it_is_asked_for() {
    let folder = project("anothers-asked");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    let prompt = "Type the server's name to go on: ";
    let shown = folder.at_terminal("deploy", prompt, b"sales\n");
    assert!(shown.contains(&format!("{TAKEN}; deploying replaces it\n{prompt}")), "{shown}");
    assert!(
        shown.contains("error: nothing was deployed: that is not its name\nit is called crm\nended with 5\n"),
        "{shown}"
    );
    // Nobody waits for the rest of an answer.
    let shown = folder.at_terminal("deploy", prompt, b"cr\x03");
    let words = "\nerror: interrupted before the server's name was typed\nnothing was deployed\nended with 130\n";
    assert!(shown.contains(words), "{shown}");
    assert!(!folder.0.join(".pmcp/deployed.json").exists());
    let shown = folder.at_terminal("deploy", prompt, b"crm\n");
    assert!(shown.contains("Url = https://u/mcp\nnext: ") && shown.contains("\nended with 0\n"), "{shown}");
    let shown = folder.at_terminal("deploy destroy", prompt, b"\x03");
    let words = "\nerror: interrupted before the server's name was typed\nnothing was removed\nended with 130\n";
    assert!(shown.contains(words) && !record(&folder).contains("begun"), "{shown}");
}

#[test]
fn the_wrong_account_is_not_taken_for_an_empty_one() {
    let folder = project("wrong-account");
    let there =
        r#"{"deployments":[{"target_type":"aws-lambda","name":"crm","place":"us-east-1","account":"111111111111"}]}"#;
    folder.write(".pmcp/deployed.json", there);
    let account = |found: &str| {
        let account = aws("{\"Outputs\":[]}", found);
        folder.program("aws", &format!("case \"$*\" in *list-*|*log-groups*) exit 0 ;; esac\n{account}"));
    };
    account("");
    let words = "error: crm is deployed in us-east-1 of the account 111111111111, and this is the account 123456789012, which \
                 has none\nlog in to that one; if nothing is left of the server there, take it out of .pmcp/deployed.json\n";
    for arguments in [&["deploy", "destroy", "--clean", "--yes"][..], &["deploy", "destroy", "--yes"]] {
        let (code, told) = folder.refused(arguments);
        assert!(code == Some(5) && told.ends_with(words), "{told}");
    }
    assert_eq!(record(&folder), there);
    assert!(folder.0.join("deploy/aws-lambda/cdk.json").exists());

    // One that is here goes, and what is known of the other stays.
    account(&stack("UPDATE_COMPLETE"));
    folder.printed(&["deploy", "destroy", "--yes", "--unrecorded"]);
    assert!(record(&folder).contains("111111111111"), "{}", record(&folder));
    // Another account is another server.
    let there = "crm is deployed in us-east-1 of the account 111111111111, and this is the account 123456789012";
    let words = format!(
        "error: {there}: that would be a second server, with a URL of its own\nlog in to that one, or destroy that one \
         first, or add --beside to have both\n"
    );
    assert_eq!(deploy(&folder), (Some(5), words));
    for command in ["status", "outputs", "logs"] {
        let (_, told) = folder.refused(&["deploy", command]);
        assert!(told.contains(&format!("note: {there}\n")), "{command}: {told}");
    }
    folder.printed(&["deploy", "--yes", "--beside"]);
    assert!(record(&folder).contains("111111111111") && record(&folder).contains("123456789012"));
}

#[test]
fn what_was_begun_was_begun_in_one_account() {
    let folder = project("begun-elsewhere");
    let entry = |account: &str, begun: &str| {
        format!(r#"{{"target_type":"aws-lambda","name":"crm","place":"us-east-1","account":"{account}"{begun}}}"#)
    };
    let (elsewhere, here) = (|begun| entry("111111111111", begun), |begun| entry("123456789012", begun));
    let begun = ",\"begun\":true";
    let status = |entries: &[String]| {
        folder.write(".pmcp/deployed.json", &format!("{{\"deployments\":[{}]}}", entries.join(",")));
        folder.refused(&["deploy", "status"])
    };
    let note = "note: a deployment of crm in us-east-1 of the account 111111111111 was begun and has not ended, and this is the \
                account 123456789012\n";
    assert_eq!(status(&[elsewhere(begun)]), (Some(0), note.into()));
    assert_eq!(status(&[elsewhere(begun), here("")]), (Some(0), String::new()));
    let note = "note: a deployment was begun and has not ended; if none is under way, run `cargo pmcp deploy` again, or \
                `destroy`\n";
    assert_eq!(status(&[elsewhere(""), here(begun)]), (Some(0), note.into()));
    // Whoever may not ask which account it is hears of both.
    folder.program(
        "aws",
        &aws("{\"Outputs\":[]}", "").replace("*get-caller-identity*)", "*get-caller-identity*) exit 1 ;;\n*never*)"),
    );
    assert_eq!(status(&[elsewhere(""), here(begun)]), (Some(0), note.into()));
}

#[test]
fn where_it_is_in_another_account_nobody_is_told_to_deploy() {
    let folder = project("elsewhere-account");
    let there =
        r#"{"deployments":[{"target_type":"aws-lambda","name":"crm","place":"us-east-1","account":"111111111111"}]}"#;
    folder.write(".pmcp/deployed.json", there);
    let note = "note: crm is deployed in us-east-1 of the account 111111111111, and this is the account 123456789012\n";
    let words = format!(
        "{note}error: crm is not deployed in us-east-1\nlog in to that one, or have both: `cargo pmcp deploy --beside`\n"
    );
    for command in ["logs", "outputs"] {
        assert_eq!(folder.refused(&["deploy", command]), (Some(1), words.clone()));
    }
    let (code, words) = folder.refused(&["deploy", "secrets", "list"]);
    assert!(code == Some(0) && words.starts_with(note), "{words}");
}

#[test]
fn what_another_run_deploys_before_the_lock_is_no_second_server() {
    let folder = project("before-the-lock");
    let other = r#"{"deployments":[{"target_type":"aws-lambda","name":"sales","place":"us-east-1"}]}"#;
    let path = folder.0.join(".pmcp/deployed.json").display().to_string();
    let package = r#"{"name":"crm-lambda","dependencies":[{"name":"pmcp-lambda"}]}"#;
    let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target"}}"#);
    // The plan is made before it.
    folder.program("cargo", &format!("echo '{other}' > {path}; echo '{metadata}'"));
    let (code, words) = deploy(&folder);
    let begin =
        "error: this project is deployed as sales in us-east-1, and .pmcp/deploy.toml now says crm in us-east-1: ";
    assert!(code == Some(5) && words.starts_with(begin), "{code:?} {words}");
    assert_eq!(record(&folder).trim_end(), other);
}

#[test]
fn what_cannot_be_noted_was_done_all_the_same() {
    let folder = project("unnoted");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.printed(&["deploy", "--yes"]);
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("us-east-1", "eu-west-1"));
    folder.printed(&["deploy", "--beside", "--yes"]);
    fs::create_dir(folder.0.join(".pmcp/deployed.json.new")).expect("is in the way");
    let (code, words) = deploy(&folder);
    let unnoted = "/.pmcp/deployed.json failed: ";
    let begin = "error: crm is deployed, but writing ";
    assert!(code == Some(1) && words.starts_with(begin) && words.contains(unnoted), "{code:?} {words}");
    let (code, words) = folder.refused(&["deploy", "destroy", "--yes"]);
    let begin = "error: what there was of crm in eu-west-1 is removed, but writing ";
    assert!(code == Some(1) && words.contains(begin) && words.contains(unnoted), "{code:?} {words}");
}

#[test]
fn what_a_later_version_wrote_is_kept() {
    let folder = project("later");
    folder.program("aws", &aws("{\"Outputs\":[]}", ""));
    let later = r#"{"target_type":"moon","name":"crm","crater":"Tycho"}"#;
    folder.write(".pmcp/deployed.json", &format!("{{\"deployments\":[{later}]}}"));
    assert_eq!(folder.printed(&["deploy", "status"]), "crm is not deployed in us-east-1\n");
    folder.program(
        "npx",
        &format!("cat > ../../bin/aws <<'END'\n#!/bin/sh\n{}\nEND", aws("{\"Outputs\":[]}", &stack("CREATE_COMPLETE"))),
    );
    folder.program("cat", "exec /bin/cat \"$@\"");
    assert_eq!(folder.printed(&["deploy"]), "Url = https://u/mcp\n");
    assert!(record(&folder).contains("Tycho") && record(&folder).contains("us-east-1"), "{}", record(&folder));
    folder.program("aws", &aws("{\"Outputs\":[]}", ""));
    folder.printed(&["deploy", "destroy", "--yes"]);
    assert!(record(&folder).contains("Tycho") && !record(&folder).contains("us-east-1"), "{}", record(&folder));
}

#[test]
fn what_this_version_does_not_know_of_a_deployment_is_kept() {
    let folder = project("more");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    let here = r#"{"target_type":"aws-lambda","name":"crm","place":"us-east-1","moon":"full"}"#;
    folder.write(".pmcp/deployed.json", &format!("{{\"deployments\":[{here}],\"tide\":\"high\"}}"));
    folder.printed(&["deploy"]);
    assert!(record(&folder).contains("\"moon\": \"full\""), "{}", record(&folder));
    assert!(record(&folder).contains("\"tide\": \"high\""), "{}", record(&folder));
    // What is half of one keeps no name from being a mistake.
    for half in [r#"{"target_type":"aws-lambda","name":"crm"}"#, r#"{"name":"crm","place":"us-east-1"}"#, "[]"] {
        folder.write(".pmcp/deployed.json", &format!("{{\"deployments\":[{half}]}}"));
        let (code, words) = folder.refused(&["deploy"]);
        assert!(code == Some(5) && words.contains("/.pmcp/deployed.json is not what cargo pmcp wrote: "), "{words}");
    }
}
