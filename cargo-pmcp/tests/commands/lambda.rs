//! An account and a stack that are not as the last command left them.

use std::fs;

use super::halfway::{aws, deploy, project, stack};
use super::{Folder, not_known};

const THERE: &str = "{\"Outputs\":[]}";

/// An account whose stack is there, but for what these branches of a `case` say.
fn account(state: &str, branches: &str) -> String {
    format!("echo \"$*\" >> calls\ncase \"$*\" in\n{branches}\n*) {} ;;\nesac", aws(THERE, &stack(state)))
}

fn calls(folder: &Folder) -> String {
    fs::read_to_string(folder.0.join("calls")).unwrap_or_default()
}

#[test]
fn a_deployment_whose_end_is_not_known_advises_what_the_stack_bears() {
    let folder = project("lambda-lost");
    // What the CDK leaves is found afterwards.
    let found = format!("read state < state\n{}", aws(THERE, &stack("STATE")).replace("STATE", "'\"$state\"'"));
    folder.program("aws", &found);
    folder.program("npx", "read after < ../../after; echo $after > ../../state; echo 'socket hang up' >&2; exit 1");
    for (after, words) in [
        ("UPDATE_IN_PROGRESS", "\nwait until `cargo pmcp deploy status` says COMPLETE, and deploy again\n"),
        (
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "\nwait until `cargo pmcp deploy status` says COMPLETE, and deploy again\n",
        ),
        (
            "UPDATE_ROLLBACK_FAILED",
            "\ntype: aws cloudformation continue-update-rollback --stack-name crm --region us-east-1\n",
        ),
        (
            "UPDATE_COMPLETE",
            "; version 1 is live\nmend what it says, and deploy again: what is done is not done twice\n",
        ),
        ("ROLLBACK_COMPLETE", "\nremove it with `cargo pmcp deploy destroy`, and deploy again\n"),
    ] {
        folder.write("state", "CREATE_COMPLETE\n");
        folder.write("after", &format!("{after}\n"));
        let (code, found) = deploy(&folder);
        let words = format!("the deployment of crm failed, and the stack is now in the state {after}{words}");
        assert!(code == Some(1) && found.ends_with(&words), "{after}: {found}");
    }
}

#[test]
fn a_deployment_that_nobody_reaches_is_none() {
    let folder = project("lambda-alias");
    let found = stack("UPDATE_COMPLETE")
        .replace("\"Outputs\":[", "\"Outputs\":[{\"OutputKey\":\"Version\",\"OutputValue\":\"2\"},");
    let gone = "*get-alias*) echo 'An error occurred (ResourceNotFoundException): no alias' >&2; exit 254 ;;";
    folder.program("aws", &format!("case \"$*\" in\n{gone}\n*) {} ;;\nesac", aws(THERE, &found)));
    let words = "error: crm is deployed, but the function crm has no alias `live`\nput it back into \
                 deploy/aws-lambda/server-stack.ts, and deploy again; if it is there, somebody removed it elsewhere, which \
                 CloudFormation does not see: `cargo pmcp deploy destroy` first\n";
    assert_eq!(deploy(&folder), (Some(1), words.into()));
}

#[test]
fn what_fails_after_the_deployment_does_not_say_that_nothing_was_done() {
    let folder = project("lambda-afterwards");
    folder.program("npx", "echo > ../../deployed");
    let fails =
        "*describe-stacks*) [ -f deployed ] && { echo 'An error occurred (Throttling): Rate exceeded' >&2; exit 254; }";
    folder
        .program("aws", &account("UPDATE_COMPLETE", &format!("{fails}\n{} ;;", aws(THERE, &stack("UPDATE_COMPLETE")))));
    let words = "error: crm is deployed, but `aws cloudformation describe-stacks --stack-name crm --output json` failed: An error \
                 occurred (Throttling): Rate exceeded\nrun the command again when this is mended\n";
    assert_eq!(deploy(&folder), (Some(1), words.into()));
}

#[test]
fn a_rollback_goes_where_the_server_can_start() {
    let folder = project("lambda-rollback");
    let versions = "*list-versions*) echo '{\"Versions\":[{\"Version\":\"1\"},{\"Version\":\"2\"},{\"Version\":\"3\"}]}' ;;\n\
                    *get-alias*) echo '{\"FunctionVersion\":\"3\"}' ;;";
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/KEY-a1b2c3";
    let reads = |version: &str| {
        let told = format!("{{\\\"KEY\\\":\\\"{arn}\\\"}}");
        format!(
            "*'--qualifier {version} '*) printf '%s' '{{\"Environment\":{{\"Variables\":{{\"PMCP_SECRETS\":\"{told}\"}}}}}}' ;;"
        )
    };
    let entry = |rest: &str| {
        format!(
            "*describe-secret*) echo '{{\"ARN\":\"{arn}\",\"Name\":\"crm/KEY\",\"Tags\":[{{\"Key\":\"pmcp:server\",\"Value\":\"crm\"}}]{rest}}}' ;;"
        )
    };
    let none = "*describe-secret*) echo 'An error occurred (ResourceNotFoundException): gone' >&2; exit 254 ;;";
    let says = not_known("us-east-1") + "error: version 2 of crm reads KEY at its start, which";
    for (branches, words) in [
        (
            [reads("2"), reads("$LATEST"), entry(",\"DeletedDate\":\"2026-11-22\"")],
            format!("{says} was deleted\nstore it again: `cargo pmcp deploy secrets set KEY`\n"),
        ),
        (
            [reads("2"), reads("$LATEST"), none.into()],
            format!("{says} was deleted for good\nwhat is stored since is another entry: go back to another version\n"),
        ),
        (
            [reads("2"), "*LATEST*) echo '{}' ;;".into(), entry("")],
            format!(
                "{says} the last deployment took from it\nput KEY back under [secrets] in .pmcp/deploy.toml, and deploy instead\n"
            ),
        ),
    ] {
        folder.program("aws", &account("UPDATE_COMPLETE", &format!("{versions}\n{}", branches.join("\n"))));
        assert_eq!(folder.refused(&["deploy", "rollback"]), (Some(5), words));
    }
    assert!(!calls(&folder).contains("update-alias"), "nothing was changed");

    let branches = format!("{versions}\n{}\n{}\n{}", reads("2"), reads("$LATEST"), entry(""));
    folder.program("aws", &account("UPDATE_IN_PROGRESS", &branches));
    let words = "error: another change of the stack crm is under way (UPDATE_IN_PROGRESS)\nwait until `cargo pmcp deploy status` \
                 says COMPLETE, and run this again\n";
    assert_eq!(folder.refused(&["deploy", "rollback"]), (Some(5), not_known("us-east-1") + words));
    for state in ["UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"] {
        folder.write("calls", "");
        folder.program("aws", &account(state, &branches));
        assert_eq!(folder.printed(&["deploy", "rollback"]), "changed the live version of crm\n        from 3 to 2\n");
        let alone = "--name live --function-version 2 --routing-config AdditionalVersionWeights={}\n";
        assert!(calls(&folder).contains(alone), "{}", calls(&folder));
    }
}

#[test]
fn the_profile_of_the_file_goes_before_keys_of_the_environment() {
    // So it does for the AWS CLI and the CDK where it is an option.
    let folder = project("lambda-profile");
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("[aws]\n", "[aws]\nprofile = \"work\"\n"));
    let found = aws(THERE, &stack("UPDATE_COMPLETE"));
    folder.program("aws", &format!("case \"$*\" in *' --profile work'*) ;; *) exit 1 ;; esac\n{found}"));
    folder.program("npx", "[ \"$1\" != --no-install ] || echo \"$*\" > ../../called");
    assert_eq!(folder.printed(&["deploy", "--yes"]), "Url = https://u/mcp\n");
    let called = fs::read_to_string(folder.0.join("called")).expect("was called");
    assert!(called.ends_with(" --progress events --profile work --output=cdk.out\n"), "{called}");

    folder.program("aws", "echo 'Unable to locate credentials' >&2; exit 253");
    let words =
        "error: not logged in to AWS: the AWS CLI finds no credentials\nlog in: `aws configure sso --profile work`\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(4), words.into()));
}

#[test]
fn lines_to_type_reach_the_account_that_is_meant() {
    let folder = project("lambda-lines");
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("[aws]\n", "[aws]\nprofile = \"work\"\n"));
    folder.program("aws", &aws(THERE, &stack("UPDATE_ROLLBACK_FAILED")));
    let line = "aws cloudformation continue-update-rollback --stack-name crm --region us-east-1 --profile work\n";
    let (code, words) = deploy(&folder);
    assert!(code == Some(5) && words.ends_with(line), "{words}");
    folder.program("aws", &aws("", ""));
    let (code, words) = deploy(&folder);
    let line = "npx aws-cdk@2 bootstrap aws://123456789012/us-east-1 --profile work\n";
    assert!(code == Some(4) && words.ends_with(line), "{words}");
}

#[test]
fn a_wrong_clock_is_no_wrong_login() {
    let folder = Folder::new("lambda-clock");
    folder.config();
    for said in [
        "An error occurred (SignatureDoesNotMatch) when calling the DescribeStacks operation: Signature expired: 1 is now earlier",
        "An error occurred (RequestExpired) when calling the DescribeStacks operation: Request has expired.",
    ] {
        folder.program("aws", &format!("echo '{said}' >&2; exit 254"));
        let (code, words) = folder.refused(&["deploy", "status"]);
        let advice = "\nset the clock of this machine right: AWS takes what is signed within minutes only\n";
        assert!(code == Some(1) && words.contains(said) && words.ends_with(advice), "{words}");
    }
}

#[test]
fn text_is_utf_8_whatever_the_machine_speaks() {
    let folder = Folder::new("lambda-encoding");
    folder.config();
    folder.program(
        "aws",
        "echo \"$PYTHONUTF8 $AWS_CLI_FILE_ENCODING\" >> seen; echo ResourceNotFoundException >&2; exit 254",
    );
    let mut set = folder.command(&["deploy", "secrets", "set", "KEY", "--from-env", "HERE"]);
    let set = set.env("HERE", "Gr\u{fc}\u{df}e").env("PYTHONUTF8", "0").output().expect("starts");
    assert_eq!(set.status.code(), Some(1), "as nothing is stored there");
    let seen = fs::read_to_string(folder.0.join("seen")).expect("was written");
    assert!(seen.lines().count() == 4 && seen.lines().all(|line| line == "1 UTF-8"), "{seen}");
}

#[test]
fn a_secret_that_is_there_again_without_its_new_value_is_told_of() {
    let folder = Folder::new("lambda-restored");
    folder.config();
    folder.program(
        "aws",
        "case \"$*\" in\n*describe-secret*) echo '{\"ARN\":\"a\",\"Name\":\"crm/KEY\",\"DeletedDate\":1,\
         \"Tags\":[{\"Key\":\"pmcp:server\",\"Value\":\"crm\"}]}' ;;\n*put-secret-value*) echo 'no' >&2; exit 254 ;;\nesac",
    );
    let mut set = folder.command(&["deploy", "secrets", "set", "KEY", "--from-env", "HERE"]);
    let set = set.env("HERE", "s3cret").output().expect("starts");
    assert_eq!(
        String::from_utf8_lossy(&set.stderr),
        "error: crm/KEY is there again, with the value that it had when it was deleted, but `aws secretsmanager \
         put-secret-value --secret-id crm/KEY --secret-string file:///dev/stdin --output json` failed: no\nrun the command again \
         when this is mended\n"
    );
}

#[test]
fn what_builds_for_other_machines_wants_zig() {
    let (own, other) = if cfg!(target_arch = "x86_64") { ("x86_64", "arm64") } else { ("arm64", "x86_64") };
    let folder = project("lambda-zig");
    fs::remove_file(folder.0.join("bin/zig")).expect("is there");
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    let plan = |architecture: &str| {
        let set = format!("[aws]\narchitecture = \"{architecture}\"");
        folder.write(".pmcp/deploy.toml", &config.replacen("[aws]", &set, 1));
        folder.run(&["deploy", "--dry-run"])
    };
    let refused = String::from_utf8(plan(other).stderr).expect("UTF-8");
    let what = "cargo-lambda is there, and Zig, with which it links for other machines, is not";
    assert!(refused.starts_with(&format!("error: {what}\nto get what does: pip install ziglang")), "{refused}");
    let doctor = String::from_utf8(folder.run(&["deploy", "doctor"]).stdout).expect("UTF-8");
    assert!(doctor.contains(&format!("MISSING a compiler for {other}: {what}")), "{doctor}");
    // As a package of Python it will do too.
    folder.program("python3", "[ \"$*\" = '-m ziglang version' ]");
    assert!(plan(other).status.success());
    folder.program("python3", "exit 1");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        let planned = String::from_utf8(plan(own).stdout).expect("UTF-8");
        assert!(planned.contains("run     cargo rustc --release --target "), "{planned}");
    }
}

#[test]
fn a_line_from_before_1970_is_a_line() {
    let folder = Folder::new("lambda-past");
    folder.config();
    let found = stack("UPDATE_COMPLETE").replace("\"Url\",", "\"LogGroup\",");
    let lines =
        "*filter-log-events*) echo '{\"events\":[{\"eventId\":\"1\",\"timestamp\":-5,\"message\":\"early\"}]}' ;;";
    folder.program("aws", &format!("case \"$*\" in\n{lines}\n*) {} ;;\nesac", aws(THERE, &found)));
    assert_eq!(folder.printed(&["deploy", "logs"]), "1970-01-01T00:00:00.000Z early\n");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn what_a_project_tells_the_compiler_stays() {
    let own = if cfg!(target_arch = "x86_64") { ("x86_64", "x86_64") } else { ("arm64", "aarch64") };
    let folder = project("lambda-flags");
    fs::remove_file(folder.0.join("bin/cargo-lambda")).expect("is there");
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    let config = config.replacen("[aws]", &format!("[aws]\narchitecture = \"{}\"", own.0), 1);
    folder.write(".pmcp/deploy.toml", &config);
    let built = format!("target/{}-unknown-linux-gnu/release", own.1);
    folder.write(&format!("{built}/of-before"), "");
    let told = "\"$*|$RUSTFLAGS|${CARGO_ENCODED_RUSTFLAGS-unset}\"";
    super::halfway::cargo(&folder, &format!("echo {told} > told; echo ELF > {built}/crm-lambda"));
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE")));
    for (flags, encoded, seen) in [("--cfg a", None, "--cfg a|unset"), ("", Some(""), "|")] {
        let mut deploy = folder.command(&["deploy", "--yes"]);
        deploy.env("RUSTFLAGS", flags).env_remove("CARGO_ENCODED_RUSTFLAGS");
        deploy.envs(encoded.map(|encoded| ("CARGO_ENCODED_RUSTFLAGS", encoded)));
        let output = deploy.output().expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let what = format!("--target {}-unknown-linux-gnu --package crm-lambda --bin crm-lambda", own.1);
        let line = format!("rustc --release {what} -- -C target-feature=+crt-static|{seen}\n");
        assert_eq!(fs::read_to_string(folder.0.join("told")).expect("was built"), line);
    }
}

#[test]
fn a_folder_in_which_node_finds_nothing_is_refused_before_anything_is_built() {
    let folder = project("lambda-folder");
    for letter in [':', '?', '\\'] {
        let name = format!("a{letter}b");
        fs::create_dir_all(folder.0.join(&name)).expect("a folder");
        for part in [".pmcp", "deploy", "Cargo.toml"] {
            let copied = std::process::Command::new("cp").arg("-r").args([part, &name]).current_dir(&folder.0).status();
            assert!(copied.expect("`cp` starts").success());
        }
        let (code, words) = folder.refused(&["-C", &name, "deploy", "--dry-run"]);
        let what = format!("error: Node.js and npm find nothing in a folder whose path has `{letter}`: ");
        assert!(code == Some(5) && words.starts_with(&what), "{words}");
    }
}

#[test]
fn what_is_called_like_a_program_and_is_none_is_passed_over() {
    let folder = project("lambda-no-program");
    folder.write("first/aws", "not a program");
    let path = std::env::join_paths([folder.0.join("first"), folder.0.join("bin")]).expect("a path");
    let status = folder.command(&["deploy", "status"]).env("PATH", path).output().expect("starts");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}
