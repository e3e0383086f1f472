//! Logins in a keyring that fails, that cannot be reached, or that has more than the file says.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::answers;
use super::login::{self, CODES};
use super::{Place, usual};

const FAILS: &str = "echo 'secret-tool: Cannot autolaunch D-Bus' >&2; exit 1";
const EMPTY: &str = "exit 1";

/// What a command says at a desktop, or without one.
fn told(place: &Place, arguments: &[&str], has_desktop: bool) -> (Option<i32>, String) {
    let mut command = place.command(arguments);
    command.env_remove("PMCP_RUN_TOKEN").env_remove("DBUS_SESSION_BUS_ADDRESS");
    if has_desktop {
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    }
    super::told(&command.output().expect("starts"))
}

fn keep(place: &Place, login: &Value) {
    let logins: Value = [(place.base.clone(), login.clone())].into_iter().collect();
    place.folder.write("home/pmcp/logins.json", &logins.to_string());
}

fn kept(place: &Place) -> Value {
    let text = fs::read_to_string(place.folder.0.join("home/pmcp/logins.json")).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_keyring_that_fails_keeps_nobody_out() {
    let tokens = || ("200 OK", json!({ "access_token": "a", "token_type": "Bearer" }).to_string());
    let place = login::place("pmcp-run-keyring-fails", CODES, tokens);
    place.folder.program("secret-tool", FAILS);
    keep(&place, &json!("in-keyring"));
    let failed = format!(
        "`secret-tool lookup application cargo-pmcp service {}` failed: secret-tool: Cannot autolaunch D-Bus",
        place.base
    );
    let words = format!(
        "error: the login is in the keyring, which does not tell it: {failed}\nunlock the keyring and run the command again, or log \
         in again: `cargo pmcp deploy login`\n"
    );
    assert_eq!(told(&place, &["deploy", "status"], true), (Some(4), words));
    let (code, words) = told(&place, &["deploy", "login", "--no-browser"], true);
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(kept(&place)[&place.base]["here"]["access_token"], "a");

    let left = |why: &str| {
        let what = format!("error: the file has no login to pmcp.run any more, and the keyring may have one: {why}");
        let advice = "run the same command again where the keyring is unlocked, or end the login in your account";
        (Some(1), format!("{what}\n{advice}\n"))
    };
    for (has_desktop, why) in [(true, &failed as &str), (false, "the desktop's keyring cannot be reached from here")] {
        keep(&place, &json!("in-keyring"));
        assert_eq!(told(&place, &["deploy", "logout"], has_desktop), left(why));
        assert_eq!(kept(&place), json!({}));
    }
    place.folder.program("secret-tool", EMPTY);
    assert_eq!(told(&place, &["deploy", "logout"], true), (Some(0), String::new()));
}

#[test]
fn a_logout_ends_the_login_in_the_keyring_whatever_the_file_says() {
    let revoked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&revoked);
    let base = answers::start(move |asked, _| match asked {
        "POST /revoke" => {
            count.fetch_add(1, Ordering::Relaxed);
            ("200 OK", String::new())
        }
        _ => usual(asked),
    });
    let place = Place::new("pmcp-run-two-logins", base.clone());
    place.folder.program(
        "secret-tool",
        "[ -f kept ] || exit 1\ncase $1 in lookup) /bin/cat kept ;; clear) /bin/rm kept ;; esac",
    );
    let tokens = |token: &str| {
        json!({
            "access_token": token, "refresh_token": token, "expires": null, "resource": base,
            "token_endpoint": format!("{base}/token"), "revocation_endpoint": format!("{base}/revoke"),
        })
    };
    let in_keyring = STANDARD.encode(tokens("first").to_string());
    for (file, all) in [(Some(json!({ "here": tokens("second") })), 2), (Some(json!("in-keyring")), 1), (None, 1)] {
        place.folder.write("kept", &in_keyring);
        match &file {
            Some(login) => keep(&place, login),
            None => place.folder.write("home/pmcp/logins.json", "{}"),
        }
        revoked.store(0, Ordering::Relaxed);
        assert_eq!(told(&place, &["deploy", "logout"], true), (Some(0), String::new()), "{file:?}");
        assert_eq!(revoked.load(Ordering::Relaxed), all, "{file:?}");
        assert!(!place.folder.0.join("kept").exists(), "{file:?}");
        assert_eq!(kept(&place), json!({}));
    }
}
