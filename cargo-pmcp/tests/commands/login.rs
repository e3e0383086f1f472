//! `cargo pmcp deploy login`: who is logged in, and how one who is not gets there.

use super::Folder;

/// An AWS CLI whose login has expired until it is renewed.
const AWS: &str = r#"
case "$*" in
  "configure get "*) CONFIGURED ;;
  "sso login") echo in > logged-in ;;
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
