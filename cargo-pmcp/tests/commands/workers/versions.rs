//! Versions of a Worker: which are the server's, and what a rollback goes to.

use super::halfway::{live, tell, wrangler};
use super::{ACCOUNT, MINE, PLACE, Place};

/// As Cloudflare lists them: their ids, and what they were made by; the last first.
fn versions(made: &[(&str, &str)]) -> String {
    let item = |(at, (id, trigger)): (usize, &(&str, &str))| {
        format!(r#"{{"id":"{id}","number":{},"annotations":{{"workers/triggered_by":"{trigger}"}}}}"#, at + 1)
    };
    let items: Vec<String> = made.iter().enumerate().map(item).rev().collect();
    format!("/versions?deployable=true {{\"items\":[{}]}}", items.join(","))
}

/// A Worker whose first two versions had secrets alone.
const BEGUN: [(&str, &str); 3] = [("empty", "upload"), ("early", "secret"), ("one", "upload")];

fn place(name: &str, made: &[(&str, &str)], is_live: &str) -> Place {
    let place = Place::new(name, &[]);
    let mine = r#"/settings {"bindings":[],"tags":["pmcp:drafts=2","pmcp:server=crm"]}"#;
    place.folder.write("answers", &format!("{mine}\n{}\n{}\n", versions(made), live(is_live)));
    place.folder.program("wrangler", "echo \"$1 $2\" >> called");
    place
}

#[test]
fn what_had_secrets_and_no_server_is_no_version() {
    let place = place("workers-drafts", &BEGUN, "one");
    let (code, printed, words) = place.run(&["deploy", "status"]);
    let status = format!("crm in {PLACE}: live since 2026-11-22\nversion one is live, of one\n");
    assert_eq!((code, printed), (Some(0), status), "{words}");
    let only = "there is no other; deploy once more to have two\n";
    for (version, what) in [
        (None, "there is no version before one, which is live"),
        (Some("empty"), "version empty is of before the first deployment: it has secrets, and no server"),
        (Some("early"), "version early is of before the first deployment: it has secrets, and no server"),
        (Some("none"), "there is no version none"),
    ] {
        let arguments: Vec<&str> = ["deploy", "rollback"].into_iter().chain(version).collect();
        assert_eq!(place.refused(&arguments), (Some(5), format!("error: {what}\n{only}")));
    }
    assert!(!place.folder.0.join("called").exists());
}

#[test]
fn a_changed_secret_is_not_what_was_before() {
    let changed = [&BEGUN[..], &[("later", "secret")]].concat();
    let place = place("workers-secrets-versions", &changed, "later");
    assert!(place.run(&["deploy", "status"]).1.ends_with("\nversion later is live, of later\n"));
    let words =
        "error: there is no version before later, which is live\nthere is no other; deploy once more to have two\n";
    assert_eq!(place.refused(&["deploy", "rollback"]), (Some(5), words.into()));

    let two = [&changed[..], &[("two", "upload"), ("newest", "secret")]].concat();
    let answers = format!("{}\n{}\n", versions(&two), live("newest"));
    let before = std::fs::read_to_string(place.folder.0.join("answers")).expect("is there");
    place.folder.write("answers", &format!("{before}{answers}"));
    let plan = |version: &[&str]| place.run(&[&["deploy", "rollback", "--dry-run"], version].concat()).1;
    assert_eq!(plan(&[]), "change  the live version of crm\n        from newest to later\n");
    // Whoever wants the older secrets of a code says so.
    assert_eq!(plan(&["one"]), "change  the live version of crm\n        from newest to one\n");
    assert_eq!(plan(&["two"]), "change  the live version of crm\n        from newest to two\n");
    let words = "error: there is no version none\nchoose from later: `cargo pmcp deploy rollback later`\n";
    assert_eq!(place.refused(&["deploy", "rollback", "none"]), (Some(5), words.into()));
    let (code, _, words) = place.run(&["deploy", "rollback"]);
    assert_eq!(code, Some(0), "{words}");
    let called = std::fs::read_to_string(place.folder.0.join("called")).expect("was called");
    assert_eq!(called, "rollback later\n");
}

/// How many versions there are without a server is said before the first with one is uploaded.
#[test]
fn a_first_deployment_says_what_was_before_it() {
    let place = Place::new("workers-first", &[("/script-settings", 200, "{}")]);
    let draft = r#"/settings {"bindings":[],"tags":["pmcp:secrets=crm"]}"#;
    place.folder.write("answers", &format!("{draft}\n{}\n{}\n", versions(&BEGUN[..2]), live("early")));
    let bodies = place.folder.0.join("bodies");
    let told = || std::fs::read_to_string(&bodies).unwrap_or_default();
    wrangler(&place, "deploy", "[ -s {ROOT}/bodies ] || exit 1\nexit 0");
    let (code, _, words) = place.run(&["deploy"]);
    assert_eq!(code, Some(0), "{words} {}", told());
    let first = told().lines().next().unwrap_or_default().to_owned();
    let path = format!("/accounts/{ACCOUNT}/workers/scripts/crm/script-settings");
    assert_eq!(first, format!(r#"PATCH {path} {{"tags":["pmcp:secrets=crm","pmcp:drafts=2"]}}"#));
}

#[test]
fn what_a_deployment_replaced_unawares_is_said() {
    let place = Place::new("workers-replaced", &[("/settings", 200, MINE)]);
    place.folder.write("answers", &format!("{}\n", live("1")));
    let share = |version: &str| format!(r#"{{"version_id":"{version}","percentage":100}}"#);
    let one = |version: &str| format!(r#"{{"created_on":"2026-11-22","versions":[{}]}}"#, share(version));
    let deployments = |versions: &[&str]| {
        let all: Vec<String> = versions.iter().map(|version| one(version)).collect();
        tell(&format!(r#"/deployments {{"deployments":[{}]}}"#, all.join(",")))
    };
    wrangler(&place, "deploy", &deployments(&["3", "2", "1"]));
    let (code, _, words) = place.run(&["deploy", "--yes"]);
    let note = "note: somebody else had just made version 2 live, and this deployment has replaced it; `cargo pmcp deploy rollback \
                2` brings it back\n";
    assert!(code == Some(0) && words.contains(note), "{words}");
    wrangler(&place, "deploy", &deployments(&["4", "3"]));
    let (code, _, words) = place.run(&["deploy", "--yes"]);
    assert!(code == Some(0) && !words.contains("somebody else"), "{words}");
}
