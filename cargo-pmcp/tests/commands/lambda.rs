//! An account and a stack that are not as the last command left them.

use std::fs;

use super::Folder;
use super::halfway::{aws, deploy, project, stack};

const THERE: &str = "{\"Outputs\":[]}";

#[test]
fn the_profile_of_the_file_goes_before_keys_of_the_environment() {
    // So it does for the AWS CLI and the CDK where it is an option.
    let folder = project("lambda-profile");
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("[aws]\n", "[aws]\nprofile = \"work\"\n"));
    let found = aws(THERE, &stack("UPDATE_COMPLETE"));
    folder.program("aws", &format!("case \"$*\" in *' --profile work'*) ;; *) exit 1 ;; esac\n{found}"));
    folder.program("npx", "[ \"$1\" != --no-install ] || echo \"$*\" > ../../called");
    assert_eq!(folder.printed(&["deploy"]), "Url = https://u/mcp\n");
    let called = fs::read_to_string(folder.0.join("called")).expect("was called");
    assert!(called.ends_with(" --progress events --profile work\n"), "{called}");

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
    assert!(seen.lines().count() == 2 && seen.lines().all(|line| line == "1 UTF-8"), "{seen}");
}

#[test]
fn a_line_from_before_1970_is_a_line() {
    let folder = Folder::new("lambda-past");
    folder.config();
    let found = stack("UPDATE_COMPLETE").replace("\"Url\",", "\"LogGroup\",");
    let lines =
        "*filter-log-events*) echo '{\"events\":[{\"eventId\":\"1\",\"timestamp\":-5,\"message\":\"early\"}]}' ;;";
    folder.program("aws", &format!("case \"$*\" in\n{lines}\n*) {} ;;\nesac", aws(THERE, &found)));
    assert_eq!(folder.printed(&["deploy", "logs"]), "early\n");
}
