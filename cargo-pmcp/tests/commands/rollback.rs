//! `cargo pmcp deploy rollback`, and what is said of it before and after.

use super::{Folder, not_known};

/// An account with a function of two versions, and what its alias leads to in a file.
const AWS: &str = r#"
case "$*" in
  *describe-stacks*) echo '{"Stacks":[{"StackStatus":"UPDATE_COMPLETE","Tags":[{"Key":"pmcp:server","Value":"crm"}],
    "Outputs":[{"OutputKey":"Url","OutputValue":"https://u/mcp"},{"OutputKey":"Version","OutputValue":"2"}]}]}' ;;
  *get-alias*) IFS= read -r live < live; echo "{\"FunctionVersion\":\"$live\"}" ;;
  *list-versions-by-function*) echo '{"Versions":[{"Version":"$LATEST"},{"Version":"1"},{"Version":"2"}]}' ;;
  *get-function-configuration*) echo '{}' ;;
  *update-alias*"--function-version 1 "*) echo 1 > live ;;
  *update-alias*"--function-version 2 "*) echo 2 > live ;;
  *) echo "$@" >&2; exit 1 ;;
esac
"#;

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.config();
    folder.program("aws", AWS);
    folder.write("live", "2\n");
    folder
}

#[test]
fn what_was_done_does_not_read_as_what_would_be() {
    let folder = folder("rollback");
    let rollback = |more: &[&str]| folder.printed(&[&["deploy", "rollback"], more].concat());
    assert_eq!(rollback(&["--dry-run"]), "change  the live version of crm\n        from 2 to 1\n");
    assert!(rollback(&["--dry-run", "--json"]).contains("\"done\": false"));
    assert_eq!(folder.printed(&["deploy", "outputs"]), "Url = https://u/mcp\nVersion = 2\n");
    assert_eq!(rollback(&[]), "changed the live version of crm\n        from 2 to 1\n");
    assert_eq!(folder.printed(&["deploy", "outputs"]), "Url = https://u/mcp\nVersion = 1\n");
    assert!(rollback(&["2", "--json"]).contains("\"done\": true"));
}

#[test]
fn whoever_is_at_an_end_is_told_the_way() {
    let folder = folder("rollback-refused");
    folder.write("live", "1\n");
    let note = not_known("us-east-1");
    let advice = "choose from 2: `cargo pmcp deploy rollback 2`\n";
    for (version, what) in [
        (None, "there is no version before 1, which is live"),
        (Some("1"), "version 1 is live already"),
        (Some("7"), "there is no version 7"),
    ] {
        let arguments: Vec<&str> = ["deploy", "rollback"].into_iter().chain(version).collect();
        assert_eq!(folder.refused(&arguments), (Some(5), format!("{note}error: {what}\n{advice}")));
    }
}

#[test]
fn one_that_is_interrupted_is_not_to_be_done_twice() {
    let folder = folder("rollback-interrupted");
    let interrupted = "\"--function-version 1 \"*) echo 1 > live; kill -INT $PPID; exec /bin/sleep 60 ;;";
    folder.program("aws", &AWS.replace("\"--function-version 1 \"*) echo 1 > live ;;", interrupted));
    let (code, words) = folder.refused(&["deploy", "rollback"]);
    let advice =
        "\nsee with `cargo pmcp deploy status` which version is live: the same command again may go back one further\n";
    assert!(code == Some(130) && words.ends_with(advice), "{code:?} {words}");
}
