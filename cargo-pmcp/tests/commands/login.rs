//! `cargo pmcp deploy login`: who is logged in, and how one who is not gets there.

use std::fs;

use super::Folder;

/// An AWS CLI whose login has expired until it is renewed.
const AWS: &str = r#"
case "$*" in
  "configure get "*) CONFIGURED ;;
  "--version") echo 'aws-cli/VERSION Python/3.12.6 Linux/6.1' ;;
  "sso login"*) echo "$*" > logged-in ;;
  *get-caller-identity*) if [ -f logged-in ]; then echo '{"Account":"123456789012","Arn":"arn:aws:iam::1:user/ada"}'
    else echo 'The SSO session has expired' >&2; exit 255; fi ;;
esac
"#;

#[test]
fn a_login_in_the_browser_is_made_where_there_can_be_one() {
    let folder = Folder::new("login");
    folder.config();
    folder.program("aws", &AWS.replace("CONFIGURED", "exit 1"));
    assert_eq!(
        folder.refused(&["deploy", "login"]),
        (Some(4), "error: the login to AWS has expired\nlog in again: `aws sso login`\n".into())
    );
    assert!(!folder.0.join("logged-in").exists());
    folder.program("aws", &AWS.replace("CONFIGURED", "echo corporate"));
    assert_eq!(
        folder.refused(&["deploy", "login", "--status"]),
        (Some(4), "error: the login to AWS has expired\nlog in again: `aws sso login`\n".into()),
        "nobody is logged in by a question"
    );
    assert!(!folder.0.join("logged-in").exists());
    let words = "logged in to 123456789012 as arn:aws:iam::1:user/ada\n";
    assert_eq!(folder.printed(&["deploy", "login"]), words);
    assert!(folder.0.join("logged-in").exists());
    assert_eq!(folder.printed(&["deploy", "login", "--status"]), words);
}

#[test]
fn without_a_browser_the_aws_cli_is_told_so() {
    let folder = Folder::new("login-no-browser");
    folder.config();
    for (version, call) in
        [("2.34.18", "sso login --no-browser --use-device-code\n"), ("2.15.0", "sso login --no-browser\n")]
    {
        drop(fs::remove_file(folder.0.join("logged-in")));
        folder.program("aws", &AWS.replace("CONFIGURED", "echo corporate").replace("VERSION", version));
        folder.printed(&["deploy", "login", "--no-browser"]);
        assert_eq!(fs::read_to_string(folder.0.join("logged-in")).expect("it logged in"), call);
    }
}
