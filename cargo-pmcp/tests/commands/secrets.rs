//! `cargo pmcp deploy secrets`: where values go, and where they do not.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::Folder;

/// An AWS CLI that writes down how it was called and what it was told, and knows no entry yet.
const AWS: &str = r#"
echo "$@" >> calls
case "$*" in
  *describe-stacks*) echo '(ValidationError) Stack does not exist' >&2; exit 254 ;;
  *describe-secret*) echo 'An error occurred (ResourceNotFoundException): not found' >&2; exit 254 ;;
  *--secret-string*) while IFS= read -r line; do printf '%s\n' "$line" >> told; done
    printf '%s|\n' "$line" >> told; echo '{"ARN":"a"}' ;;
  *list-secrets*) echo '{"SecretList":[{"ARN":"a","Name":"crm/KEY","Tags":[{"Key":"pmcp:server","Value":"crm"}],
    "LastChangedDate":CHANGED},{"ARN":"b","Name":"crm/OTHERS","Tags":[]}]}' ;;
  *list-versions*) echo '{"Versions":[{"Version":"$LATEST"},{"Version":"2","Environment":{"Variables":{"PMCP_SECRETS":
    "{\"KEY\":\"a\"}"}}},{"Version":"1"}]}' ;;
  *get-function-configuration*) echo '{"Environment":{"Variables":{"PMCP_SECRETS":"{\"KEY\":\"a\"}"}}}' ;;
  *) echo '{}' ;;
esac
"#;

fn set(folder: &Folder, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = folder.command(&[&["deploy", "secrets", "set"], arguments].concat());
    command.env("FROM_HERE", "s3cret\n").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that refuses does not read.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_value_goes_to_standard_input_and_nowhere_else() {
    let folder = Folder::new("secrets");
    folder.config();
    folder.program("aws", AWS);
    let (code, stdout, stderr) = set(&folder, &["KEY"], "s3cret \"quoted\"\r\n");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        stdout,
        "stored KEY; to give it to the server, add `KEY = {}` under [secrets] in .pmcp/deploy.toml and run `cargo pmcp \
         deploy`\n"
    );
    let (code, ..) = set(&folder, &["OTHER", "--from-env", "FROM_HERE"], "");
    assert_eq!(code, Some(0));
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).expect("was written");
    assert_eq!(read("told"), "s3cret \"quoted\"|\ns3cret\n|\n", "of a pipe without the end, of a variable as it is");
    let call = "create-secret --name crm/KEY --tags Key=pmcp:server,Value=crm --secret-string file:///dev/stdin";
    assert!(read("calls").contains(call), "{}", read("calls"));
    assert!(!read("calls").contains("s3cret") && !format!("{stdout}{stderr}").contains("s3cret"));

    folder.program("aws", "case \"$*\" in *create*) IFS= read -r told; echo \"no: $told\" >&2; exit 1;; esac; echo ResourceNotFoundException >&2; exit 254");
    let (code, _, stderr) = set(&folder, &["KEY"], "s3cret");
    assert_eq!(code, Some(1));
    assert!(!stderr.contains("s3cret") && stderr.contains("no: (hidden)"), "{stderr}");
}

#[test]
fn a_value_on_the_command_line_is_refused_and_not_repeated() {
    let folder = Folder::new("secrets-typed");
    folder.config();
    folder.program("aws", AWS);
    let words = "error: the value of a secret is on the command line, where others on this machine see it and the shell keeps \
                 it\ntake it for known to others, and pipe a new one in, type it at the prompt, or use --from-env\n";
    for arguments in [
        &["KEY", "s3cret"][..],
        &["KEY=s3cret"],
        &["KEY", "-s3cret"],
        &["KEY", "--", "-s3cret"],
        &["--", "-s3cret"],
        &["-s3cret"],
        &["--s3cret", "KEY"],
        &["--dry-run", "--s3cret", "KEY"],
        &["--from-env", "FROM_HERE", "KEY", "s3cret"],
    ] {
        assert_eq!(set(&folder, arguments, "x"), (Some(2), String::new(), words.into()), "{arguments:?}");
    }
    for arguments in [&["KEY", "--value=s3cret"][..], &["KEY", "--value", "s3cret"], &["KEY", "--from-env", "s3cret"]] {
        let (code, stdout, stderr) = set(&folder, arguments, "x");
        assert!(code == Some(2) && !format!("{stdout}{stderr}").contains("s3cret"), "{stderr}");
    }
    assert!(!folder.0.join("told").exists());
}

#[test]
fn a_value_behind_what_is_to_be_deleted_is_not_repeated() {
    let folder = Folder::new("secrets-delete-typed");
    folder.config();
    let words = "error: the value of a secret is on the command line, where others on this machine see it and the shell keeps \
                 it\ntake it for known to others, and name one variable alone\n";
    for arguments in [&["KEY", "s3cret"][..], &["KEY=s3cret"], &["KEY", "-s3cret"], &["KEY", "--value=s3cret"]] {
        let arguments = [&["deploy", "secrets", "delete"], arguments].concat();
        assert_eq!(folder.refused(&arguments), (Some(2), words.into()), "{arguments:?}");
    }
}

#[test]
fn a_value_is_stored_once_aws_says_so_and_nowhere_else() {
    let folder = Folder::new("secrets-stored");
    folder.config();
    folder.program("aws", &AWS.replace(r#"echo '{"ARN":"a"}'"#, "echo '<html>Welcome</html>'"));
    let (code, stdout, stderr) = set(&folder, &["KEY"], "s3cret");
    let end = " --output json` does not answer that it was done\nsee that nothing stands between this machine and AWS, and run \
               the command again\n";
    assert!(code == Some(1) && stdout.is_empty() && stderr.ends_with(end), "{stdout}{stderr}");
    fs::remove_file(folder.0.join("told")).expect("it was told");

    folder.program("aws", &AWS.replace("case \"$*\" in", "case \"$*\" in *cli_history*) echo enabled ;;"));
    let words = "error: the AWS CLI is set to keep all that it sends on this machine (`cli_history`), and so would keep the value\n\
                 turn that off: aws configure set cli_history disabled\n";
    assert_eq!(set(&folder, &["KEY"], "s3cret"), (Some(5), String::new(), words.into()));
    assert!(!folder.0.join("told").exists());
}

#[test]
fn what_cannot_be_stored_is_not() {
    let folder = Folder::new("secrets-refused");
    folder.program("aws", AWS);
    folder.write(
        ".pmcp/deploy.toml",
        "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[environment]\nPLAIN = \"x\"\n[secrets]\n\
         MINE = { arn = \"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1b2c3\" }\nKEY = {}\n",
    );
    for (code, arguments, input, words) in [
        (
            2,
            &["A-B"][..],
            "x",
            "error: `A-B` cannot be the name of a secret: AWS Lambda takes names of two or more letters, ",
        ),
        (5, &["PLAIN"], "x", "error: PLAIN has a value under [environment] in .pmcp/deploy.toml\nremove it there"),
        (5, &["MINE"], "x", "error: MINE is an entry of yours, which .pmcp/deploy.toml names by its ARN\n"),
        (2, &["KEY"], "\n", "error: the value of KEY is empty\npipe it in, type it at the prompt, or use --from-env\n"),
        (2, &["KEY"], "a\0b", "error: the value of KEY has a zero byte, which no variable can\n"),
        (2, &["KEY"], "a\r\nb", "error: the value of KEY has a carriage return, which the AWS CLI would change\n"),
        (
            2,
            &["KEY", "--from-env", "NOT_SET"],
            "",
            "error: the variable that --from-env names is not set here\nexport it, or leave out --from-env\n",
        ),
        (
            2,
            &["PMCP_SECRETS"],
            "x",
            "error: `PMCP_SECRETS` cannot be the name of a secret: cargo pmcp sets this variable itself: [secrets] is for \
             that\nchoose another name\n",
        ),
        (
            2,
            &["AWS_KEY"],
            "x",
            "error: `AWS_KEY` cannot be the name of a secret: AWS Lambda keeps this name for itself\nchoose another name\n",
        ),
        (2, &["KEY"], &"x".repeat(70_000), "error: the value of KEY is longer than 64 KiB\n"),
        (
            2,
            &["PMCP_STATE_KEYS"],
            "garbage\n",
            "error: no server starts with that: PMCP_STATE_KEYS are keys of 32 random bytes in base64 each, by comma\nmake \
             one: `openssl rand -base64 32 | cargo pmcp deploy secrets set PMCP_STATE_KEYS`\n",
        ),
    ] {
        let (found, _, stderr) = set(&folder, arguments, input);
        assert!(found == Some(code) && stderr.starts_with(words), "{found:?} {stderr}");
    }
    assert!(!folder.0.join("told").exists());
    let (code, stdout, _) = set(&folder, &["KEY", "--dry-run"], "");
    assert_eq!((code, &stdout as &str), (Some(0), "change  the entry crm/KEY of Secrets Manager in us-east-1\n"));
}

#[test]
fn that_the_server_is_elsewhere_is_told_first() {
    let folder = Folder::new("secrets-elsewhere");
    folder.config();
    folder.program("aws", &AWS.replace("CHANGED", "0"));
    folder.write(
        ".pmcp/deployed.json",
        r#"{"deployments":[{"target_type":"aws-lambda","name":"crm","place":"eu-central-1"}]}"#,
    );
    let note = "note: this project is deployed as crm in eu-central-1, and .pmcp/deploy.toml now says crm in us-east-1: \
                this is the latter\n";
    for arguments in [&["KEY"][..], &["KEY", "--dry-run"]] {
        let (code, _, stderr) = set(&folder, arguments, "x");
        assert_eq!((code, &stderr as &str), (Some(0), note));
    }
    for arguments in [&["list"][..], &["delete", "KEY", "--dry-run"]] {
        let (_, words) = folder.refused(&[&["deploy", "secrets"], arguments].concat());
        assert!(words.starts_with(note), "{words}");
    }
}

#[test]
fn an_entry_of_somebodys_is_looked_for() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:";
    let folder = super::halfway::project("secrets-yours");
    let adapter = r#"{"name":"pmcp-lambda","features":["secrets"]}"#;
    let package = format!(r#"{{"name":"crm-lambda","dependencies":[{adapter}]}}"#);
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    let secrets =
        format!("[secrets]\nGONE = {{ arn = \"{arn}gone-a1b2c3\" }}\nTHERE = {{ arn = \"{arn}there-a1b2c3\" }}\n");
    let config = "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n";
    folder.write(".pmcp/deploy.toml", &format!("{config}{secrets}"));
    let entry = format!(r#"echo '{{"ARN":"{arn}there-a1b2c3","Name":"there"}}'"#);
    let described = "echo '(ResourceNotFoundException) not found' >&2; exit 254";
    folder.program(
        "aws",
        &format!(
            "case \"$*\" in\n*describe-secret*:there-*) {entry}; exit 0 ;;\n*describe-secret*) {described} ;;\n*list-secrets*) \
             echo '{{\"SecretList\":[]}}'; exit 0 ;;\nesac\n{}",
            super::halfway::aws("{\"Outputs\":[]}", "")
        ),
    );
    assert_eq!(
        folder.printed(&["deploy", "secrets", "list"]),
        format!(
            "GONE: is to be read from {arn}gone-a1b2c3, which is not there\nTHERE: stored by you in {arn}there-a1b2c3\n"
        )
    );
    let refused = format!(
        "error: GONE is to be read from an entry that is not there: {arn}gone-a1b2c3\ncorrect `arn` under [secrets] in \
         .pmcp/deploy.toml, or take it out to store a value of this server's own\n"
    );
    assert_eq!(super::halfway::deploy(&folder), (Some(5), refused));
    let (code, words) = folder.refused(&["deploy", "secrets", "delete", "THERE"]);
    assert!(code == Some(5) && words.starts_with("error: there is no secret THERE\n"), "{words}");
}

#[test]
fn what_lets_a_function_read_secrets_is_named_line_by_line() {
    let folder = Folder::new("secrets-feature");
    folder.write(
        ".pmcp/deploy.toml",
        "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[secrets]\nKEY = {}\n",
    );
    folder.program("cargo-lambda", "exit 1");
    folder.program("zig", "exit 1");
    let manifest = folder.0.join("aws-lambda/Cargo.toml").display().to_string();
    let package = r#"{"name":"crm-lambda","manifest_path":"MANIFEST","dependencies":[{"name":"pmcp-lambda"}]}"#;
    let package = package.replace("MANIFEST", &manifest);
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    let own = "add `features = [\"secrets\"]` to pmcp-lambda";
    let shared = "write `pmcp-lambda = { workspace = true, features = [\"secrets\"] }`";
    for (line, advice) in [
        ("pmcp-lambda = { path = \"../pmcp/pmcp-lambda\" }", own),
        ("pmcp-lambda.workspace = true", shared),
        ("pmcp-lambda = { workspace = true }", shared),
    ] {
        folder.write("aws-lambda/Cargo.toml", &format!("[dependencies]\n{line}\n"));
        let words = format!(
            "error: .pmcp/deploy.toml has [secrets], and crm-lambda could not read them\n{advice} under [dependencies] in \
             {manifest}, and let its `main` begin with `pmcp_lambda::load_secrets().await?;`\n"
        );
        assert_eq!(folder.refused(&["deploy", "--dry-run"]), (Some(5), words));
    }
    folder.write("aws-lambda/src/main.rs", "async fn main() { pmcp_lambda::load_secrets().await?; }");
    let (_, words) = folder.refused(&["deploy", "--dry-run"]);
    assert!(words.ends_with(&format!("{shared} under [dependencies] in {manifest}\n")), "{words}");
}

#[test]
fn secrets_are_listed_by_name_and_deleted_when_nobody_reads_them() {
    let folder = Folder::new("secrets-listed");
    // As AWS CLI 1 has it.
    folder.program("aws", &AWS.replace("CHANGED", "1795356207.123"));
    folder.write(
        ".pmcp/deploy.toml",
        "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[secrets]\nWANTED = {}\n",
    );
    assert_eq!(
        folder.printed(&["deploy", "secrets", "list"]),
        "KEY: stored 2026-11-22T14:03:27Z, not under [secrets] in .pmcp/deploy.toml\n\
         WANTED: has no value: `cargo pmcp deploy secrets set WANTED`\n"
    );
    let json = folder.printed(&["deploy", "secrets", "list", "--json"]);
    assert!(json.contains("\"changed\": \"2026-11-22T14:03:27Z\""), "{json}");
    // As AWS CLI 2 has it.
    folder.program("aws", &AWS.replace("CHANGED", "\"2026-11-22T15:03:27.123000+01:00\""));
    let list = folder.printed(&["deploy", "secrets", "list"]);
    assert!(list.starts_with("KEY: stored 2026-11-22T15:03:27.123000+01:00, "), "{list}");
    for options in [&[][..], &["--dry-run"]] {
        assert_eq!(
            folder.refused(&[&["deploy", "secrets", "delete", "KEY"], options].concat()),
            (
                Some(5),
                "error: the live version of crm reads KEY whenever an instance starts\ntake it out of [secrets] in \
                 .pmcp/deploy.toml and run `cargo pmcp deploy` first\n"
                    .into()
            )
        );
    }
    assert_eq!(
        folder.refused(&["deploy", "secrets", "delete", "OTHERS"]),
        (Some(5), "error: there is no secret OTHERS\nsee `cargo pmcp deploy secrets list`\n".into())
    );
    let aws = AWS.replace("CHANGED", "0");
    folder.program("aws", &aws.replace("*get-function-configuration*) echo", "*get-function-configuration*) : "));
    assert_eq!(
        folder.printed(&["deploy", "secrets", "delete", "KEY"]),
        "removed the entry crm/KEY of Secrets Manager in us-east-1\n        it can be restored for 7 days: storing a value \
         again does\nnote: no rollback reaches these versions any more, which read KEY at their start: 2\n"
    );
    let calls = fs::read_to_string(folder.0.join("calls")).expect("was written");
    assert!(calls.contains("delete-secret --secret-id crm/KEY --recovery-window-in-days 7"), "{calls}");
}

#[test]
fn the_encoding_of_the_machine_does_not_matter() {
    let folder = Folder::new("secrets-encoding");
    folder.config();
    folder.program("aws", &format!("echo \"$PYTHONUTF8 $AWS_CLI_FILE_ENCODING\" > encoding\n{AWS}"));
    let (code, _, stderr) = set(&folder, &["KEY"], "Möwe");
    assert_eq!(code, Some(0), "{stderr}");
    // AWS CLI 1 goes by the first, AWS CLI 2 by the second.
    assert_eq!(fs::read_to_string(folder.0.join("encoding")).expect("was written"), "1 UTF-8\n");
}

#[test]
fn what_was_told_is_not_repeated_within_json_either() {
    let folder = Folder::new("secrets-json");
    folder.config();
    folder.program(
        "aws",
        r#"case "$*" in *create*) printf '%s\n' 'no: {"SecretString":"s3cret\"a\\b"}' >&2; exit 1;; esac
        echo ResourceNotFoundException >&2; exit 254"#,
    );
    let (code, _, stderr) = set(&folder, &["KEY"], "s3cret\"a\\b");
    assert_eq!(code, Some(1));
    assert!(!stderr.contains("s3cret") && stderr.contains(r#"no: {"SecretString":"(hidden)"}"#), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn after_an_interrupted_prompt_the_terminal_shows_what_is_typed() {
    let folder = Folder::new("secrets-prompt");
    folder.config();
    let shown = folder.at_terminal("deploy secrets set KEY", "(it is not shown): ", b"half-typed\x03");
    assert!(shown.starts_with("The value of KEY (it is not shown): "), "{shown}");
    let words = "error: interrupted before the value of KEY was typed\nnothing was stored\nended with 130\n";
    assert!(shown.contains(words) && !shown.contains("half-typed"), "{shown}");
    assert!(shown.contains(" echo ") && !shown.contains(" -echo "), "{shown}");
}
