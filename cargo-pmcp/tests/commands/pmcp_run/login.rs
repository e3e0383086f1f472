//! Logins to services and authorization servers that are not what they seem.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::answers::{self, Answer};
use super::{CONFIG, Place, usual};

/// A service that is its own authorization server, with these answers where somebody asks for a code, and for tokens.
pub(super) fn place(name: &str, codes: &'static str, tokens: impl Fn() -> Answer + Clone + Send + 'static) -> Place {
    let base = answers::start(move |asked, base| {
        let metadata = match asked {
            "GET /.well-known/oauth-protected-resource" => {
                json!({ "resource": base, "authorization_servers": [base] })
            }
            "GET /.well-known/oauth-authorization-server" => json!({
                "issuer": base,
                "device_authorization_endpoint": format!("{base}/device"),
                "token_endpoint": format!("{base}/token"),
                "code_challenge_methods_supported": ["S256"],
            }),
            "POST /device" => return ("200 OK", codes.to_owned()),
            "POST /token" => return tokens(),
            _ => return usual(asked),
        };
        ("200 OK", metadata.to_string())
    });
    Place::new(name, base)
}

/// What a command says to whom no token is given.
fn without_token(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = place.command(arguments);
    super::told(&command.env_remove("PMCP_RUN_TOKEN").output().expect("starts"))
}

/// A login that ended long ago, and can be renewed.
fn log_in(place: &Place) {
    let base = &place.base;
    let tokens = json!({
        "access_token": "old", "refresh_token": "next", "expires": 1, "resource": base, "token_endpoint": format!("{base}/token"),
    });
    let logins: Value = [(base.clone(), json!({ "here": tokens }))].into_iter().collect();
    place.folder.write("home/pmcp/logins.json", &logins.to_string());
}

pub(super) const CODES: &str =
    r#"{"device_code":"d","user_code":"U","verification_uri":"https://example.com/v","expires_in":60,"interval":1}"#;

#[test]
fn a_file_does_not_choose_whom_to_log_in_to() {
    let place = Place::new("pmcp-run-strangers", "http://127.0.0.1:9".into());
    place.folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[pmcp_run]\nurl = \"{}\"\n", place.base));
    let login = |is_chosen: bool| {
        let mut command = place.command(&["deploy", "login"]);
        command.env_remove("PMCP_RUN_TOKEN");
        if !is_chosen {
            command.env_remove("PMCP_RUN_URL");
        }
        super::told(&command.output().expect("starts"))
    };
    let words = "error: .pmcp/deploy.toml names a service of its own to log in to: http://127.0.0.1:9\nset PMCP_RUN_URL to that \
                 address too, if you trust it\n";
    assert_eq!(login(false), (Some(5), words.into()));
    let (code, words) = login(true);
    assert!(code == Some(1) && words.starts_with("error: pmcp.run cannot be reached at http://127.0.0.1:9"), "{words}");
}

#[test]
fn a_code_is_waited_for_no_longer_than_it_is_good() {
    let codes = CODES.replace("60", "1").replace("\"interval\":1", "\"interval\":18446744073709551615");
    let place = place("pmcp-run-interval", codes.leak(), || ("500 Internal Server Error", String::new()));
    let begin = Instant::now();
    let words = "error: nobody typed the code in time\nlog in again: `cargo pmcp deploy login`\n";
    assert_eq!(without_token(&place, &["deploy", "login", "--no-browser"]), (Some(4), words.into()));
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_login_that_cannot_be_renewed_now_has_not_expired() {
    let passing = |why: &str| {
        let what = format!("error: pmcp.run lets nobody in at the moment: {why}");
        (Some(1), format!("{what}\nwait a minute, and run the command again\n"))
    };
    let expired = "error: the login to pmcp.run has expired\nlog in again: `cargo pmcp deploy login`\n";
    for (status, error, told) in [
        ("429 Too Many Requests", "", passing("it is asked too often")),
        ("400 Bad Request", "temporarily_unavailable", passing("temporarily_unavailable")),
        ("400 Bad Request", "invalid_grant", (Some(4), expired.to_owned())),
    ] {
        let place = place("pmcp-run-not-now", CODES, move || (status, json!({ "error": error }).to_string()));
        log_in(&place);
        assert_eq!(without_token(&place, &["deploy", "status"]), told);
    }
}

#[test]
fn a_time_that_nobody_lives_to_see_is_none() {
    let tokens = || {
        let granted = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": u64::MAX });
        ("200 OK", granted.to_string())
    };
    let place = place("pmcp-run-for-ever", CODES, tokens);
    log_in(&place);
    let mut command = place.command(&["deploy", "login", "--status", "--json"]);
    let output = command.env_remove("PMCP_RUN_TOKEN").output().expect("starts");
    let login: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(login["who"] == "ada" && login["until"].is_null(), "{login}");
}

#[test]
fn others_do_not_read_logins_whatever_was_done_to_their_rights() {
    use std::os::unix::fs::PermissionsExt;
    let tokens = || ("400 Bad Request", json!({ "error": "invalid_grant" }).to_string());
    let place = place("pmcp-run-rights", CODES, tokens);
    log_in(&place);
    let paths = [("home/pmcp/logins.json", 0o666, 0o600), ("home/pmcp", 0o777, 0o755)];
    let path = |name: &str| place.folder.0.join(name);
    for (name, mode, _) in paths {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).expect("are set");
    }
    // Which writes nothing.
    assert_eq!(without_token(&place, &["deploy", "status"]).0, Some(4));
    for (name, _, mode) in paths {
        let found = fs::metadata(path(name)).expect("is there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}: {found:o}");
    }
}

#[test]
fn what_cannot_be_sent_is_no_token() {
    let tokens = || ("200 OK", json!({ "access_token": "a\r\nb", "token_type": "Bearer" }).to_string());
    let place = place("pmcp-run-no-token", CODES, tokens);
    let words = format!(
        "error: what answers at {}/token is not understood: its token has letters that no header can have\nthe service is in early \
         access: update cargo pmcp, and see that `url` under [pmcp_run] in .pmcp/deploy.toml or PMCP_RUN_URL is the address that \
         you were given\n",
        place.base
    );
    assert_eq!(without_token(&place, &["deploy", "login", "--no-browser"]), (Some(1), words));
    assert!(!place.folder.0.join("home/pmcp/logins.json").exists());

    let mut command = place.command(&["deploy", "status"]);
    let words = "error: PMCP_RUN_TOKEN has a space, a line break or another letter that no token has\nput the token there as it was \
                 given to you, and nothing else\n";
    assert_eq!(super::told(&command.env("PMCP_RUN_TOKEN", "a\nb").output().expect("starts")), (Some(5), words.into()));
}

#[test]
fn nobody_is_sent_where_no_login_can_be() {
    for (key, address) in
        [("verification_uri", "javascript:alert(1)"), ("verification_uri_complete", "http://example.com/")]
    {
        let mut codes: Value = serde_json::from_str(CODES).expect("JSON");
        codes[key] = address.into();
        let place = place("pmcp-run-nowhere", codes.to_string().leak(), || ("400 Bad Request", String::new()));
        let output = place.command(&["deploy", "login", "--no-browser"]).env_remove("PMCP_RUN_TOKEN").output();
        let output = output.expect("starts");
        let words = format!(
            "error: `{address}` is no address for a login to pmcp.run: it must begin with https://, or lead to this machine\nthis is \
             for those to mend who run the service\n"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), words);
        assert_eq!(output.status.code(), Some(1));
    }
}
