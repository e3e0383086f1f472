//! Who is logged in to which account at Cloudflare: what is said where nobody is, or nobody can be asked.

use std::fs;
use std::net::TcpListener;

use super::halfway::bind;
use super::{ACCOUNT, PLACE, Place};

#[test]
fn a_login_that_is_missing_or_wrong_is_told_with_what_to_do() {
    let mut place = Place::new("workers-login", &[]);
    place.set("CLOUDFLARE_API_TOKEN", "");
    place.folder.program("wrangler", "echo 'Not logged in. Please run `wrangler login` to authenticate.' >&2; exit 1");
    let words = "error: not logged in to Cloudflare\nlog in: `wrangler login`, or set CLOUDFLARE_API_TOKEN\n";
    assert_eq!(place.refused(&["deploy", "status"]), (Some(4), words.into()));
    fs::remove_file(place.folder.0.join("bin/wrangler")).expect("is there");
    let words = "error: `wrangler` was not found on PATH\nto get it: npm install -g wrangler\n";
    assert_eq!(place.refused(&["deploy", "status"]), (Some(4), words.into()));

    let unknown = r#"{"code":9109,"message":"Invalid access token"}"#;
    let place =
        Place::new("workers-token", Box::leak(Box::new([("/settings", 403, unknown), ("/subdomain", 403, unknown)])));
    let words = "error: Cloudflare does not take the token in CLOUDFLARE_API_TOKEN\nput another there, or unset it and log in: \
                 `wrangler login`\n";
    for command in [&["status"][..], &["login"], &["secrets", "list"]] {
        assert_eq!(place.refused(&[&["deploy"], command].concat()), (Some(4), words.into()), "{command:?}");
    }
    let words = "error: the login to Cloudflare Workers is what CLOUDFLARE_API_TOKEN says, and no login of this machine\nunset \
                 CLOUDFLARE_API_TOKEN to end it\n";
    assert_eq!(place.refused(&["deploy", "logout"]), (Some(5), words.into()));
    let mut place = Place::new("workers-login-old", Box::leak(Box::new([("/settings", 403, unknown)])));
    place.set("CLOUDFLARE_API_TOKEN", "");
    place.folder.program("wrangler", r#"echo '{"type":"oauth","token":"t0ken"}'"#);
    let words = "error: Cloudflare does not know this login any more\nlog in again: `wrangler login`\n";
    assert_eq!(place.refused(&["deploy", "status"]), (Some(4), words.into()));
    let words = "error: the login to Cloudflare Workers belongs to a program that others use as well\nend it there: wrangler \
                 logout\n";
    assert_eq!(place.refused(&["deploy", "logout"]), (Some(5), words.into()));
}

#[test]
fn the_account_is_known_or_asked_for() {
    const WRONG: &str =
        r#"{"code":7003,"message":"Could not route to /accounts/0, perhaps your object identifier is invalid?"}"#;
    let mut place = Place::new("workers-account", &[("/settings", 404, WRONG)]);
    let refused = |from: &str| {
        let rest = "and that the token may edit Workers there, and what they are bound to\n";
        (Some(4), format!("error: this login may not use {PLACE} at Cloudflare\nsee {from}, {rest}"))
    };
    assert_eq!(place.refused(&["deploy", "status"]), refused("CLOUDFLARE_ACCOUNT_ID in the environment"));
    place.set("CLOUDFLARE_ACCOUNT_ID", "mine");
    let words = "error: CLOUDFLARE_ACCOUNT_ID is `mine`, which is no id of an account at Cloudflare\ncorrect it, or unset it; \
                 `wrangler whoami` shows them: 32 digits and letters from a to f\n";
    assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words.into()));
    bind(&place, &format!("[cloudflare]\naccount_id = \"{ACCOUNT}\"\n"));
    assert_eq!(place.refused(&["deploy", "status"]), refused("`account_id` under [cloudflare] in .pmcp/deploy.toml"));

    let mut place =
        Place::new("workers-accounts", &[("per_page=50", 200, r#"[{"id":"1","name":"One"},{"id":"2","name":"Two"}]"#)]);
    place.set("CLOUDFLARE_ACCOUNT_ID", "");
    let words = "error: there are several accounts at Cloudflare: 1 (One), 2 (Two)\nname the one that is meant: `account_id` \
                 under [cloudflare] in .pmcp/deploy.toml\n";
    assert_eq!(place.refused(&["deploy", "status"]), (Some(5), words.into()));

    let (code, words) = place.refused(&["deploy", "init", "--account", "mine"]);
    let expected = "error: `mine` is no id of an account at Cloudflare\nit is what `wrangler whoami` shows: 32 digits and \
                    letters from a to f\n";
    assert_eq!((code, &words as &str), (Some(2), expected));
}

#[test]
fn a_network_that_is_down_is_said_to_be() {
    let doctor = |place: &Place| {
        let (code, printed, words) = place.run(&["deploy", "doctor"]);
        assert_eq!(code, Some(4), "{words}");
        printed
            .lines()
            .filter(|line| line.contains("Cloudflare") || line.contains("Workers"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut place = Place::new("workers-network", &[]);
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    place.set("CLOUDFLARE_API_BASE_URL", &format!("http://{free}"));
    let (code, words) = place.refused(&["deploy", "status"]);
    assert_eq!(code, Some(1));
    let end = "\nsee that the network is up, and run this again\n";
    assert!(words.starts_with("error: Cloudflare cannot be reached: ") && words.ends_with(end), "{words}");
    let lines = doctor(&place);
    let begin = "MISSING an answer of Cloudflare: Cloudflare cannot be reached: ";
    assert!(matches!(&lines[..], [line] if line.starts_with(begin)), "{lines:?}");
    // Nor does wrangler know who is logged in, when it renews that.
    place.set("CLOUDFLARE_API_TOKEN", "");
    place.folder.program("wrangler", "echo 'X [ERROR] fetch failed' >&2; exit 1");
    let lines = doctor(&place);
    assert!(matches!(&lines[..], [line] if line.starts_with(begin)), "{lines:?}");
    fs::remove_file(place.folder.0.join("bin/wrangler")).expect("is there");
    assert_eq!(doctor(&place), Vec::<String>::new(), "without wrangler nothing more is known");
}
