//! What is cut off on its way to Cloudflare Workers: it stays this tool's, and what exists of it is said.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::{MINE, PLACE, Place};

/// As wrangler leaves a Worker that nobody has marked yet.
pub(super) const UNMARKED: &str = r#"/settings {"bindings":[],"tags":[]}"#;

pub(super) fn live(version: &str) -> String {
    format!(
        r#"/deployments {{"deployments":[{{"created_on":"2026-11-22","versions":[{{"version_id":"{version}","percentage":100}}]}}]}}"#
    )
}

pub(super) fn tell(line: &str) -> String {
    format!("echo '{line}' >> {{ROOT}}/answers\n")
}

/// A wrangler that does this when it deploys, or is told a secret.
pub(super) fn wrangler(place: &Place, on: &str, script: &str) {
    let script = script.replace("{ROOT}", &place.folder.0.display().to_string());
    place.folder.program("wrangler", &format!("case \"$1\" in {on})\n{script} ;; esac"));
}

pub(super) fn bind(place: &Place, more: &str) {
    let config = fs::read_to_string(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    place.folder.write(".pmcp/deploy.toml", &format!("{config}{more}"));
}

fn set_secret(place: &Place) -> (Option<i32>, String) {
    let mut command = place.folder.command(&["deploy", "secrets", "set", "KEY"]);
    command.envs(place.environment.clone()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(b"s3cret").expect("it reads");
    let output = child.wait_with_output().expect("ends");
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8"))
}

#[test]
fn a_first_deployment_that_fails_after_its_upload_is_known_from_then_on() {
    let place = Place::new("workers-uploaded", &[]);
    let uploaded = format!("{}{}echo 'X [ERROR] no such zone' >&2; exit 1", tell(UNMARKED), tell(&live("1")));
    wrangler(&place, "deploy", &uploaded);
    let (code, words) = place.refused(&["deploy"]);
    let end = "\nthe deployment of crm failed, and version 1 is live all the same, which only .pmcp/cloudflare.json here says is \
               this tool's\nmend what it says, and deploy again: what failed, its address perhaps, is as before\n";
    assert!(code == Some(1) && words.ends_with(end), "{code:?} {words}");
    let (code, printed, words) = place.run(&["deploy", "status"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(printed.contains("version 1 is live"), "{printed}");
    let (code, printed, words) = place.run(&["deploy", "outputs"]);
    assert!(code == Some(0) && printed.contains("Version = 1"), "{printed} {words}");
    assert_eq!(place.run(&["deploy", "secrets", "list"]).1, "there are no secrets\n");
    let (code, printed, words) = place.run(&["deploy", "destroy", "--dry-run"]);
    assert!(code == Some(0) && printed.starts_with("remove  crm in "), "{printed} {words}");
    // Nothing else says whose it is.
    fs::remove_file(place.folder.0.join(".pmcp/cloudflare.json")).expect("was written");
    let foreign = format!("error: {PLACE} has a Worker crm that cargo pmcp did not make\n");
    assert!(place.refused(&["deploy", "status"]).1.starts_with(&foreign));
}

#[test]
fn a_first_secret_that_is_cut_off_leaves_a_worker_that_is_known() {
    let place = Place::new("workers-secret-cut-off", &[]);
    wrangler(&place, "secret", &format!("{}kill -KILL $PPID", tell(UNMARKED)));
    assert_eq!(set_secret(&place).0, None, "it was ended");
    let (code, printed, words) = place.run(&["deploy", "status"]);
    assert_eq!((code, printed), (Some(0), format!("crm is not deployed in {PLACE}\n")), "{words}");
    assert_eq!(place.run(&["deploy", "secrets", "list"]).1, "there are no secrets\n");
    // The next one marks it.
    wrangler(&place, "secret", &tell(r#"/script-settings {"tags":["pmcp:secrets=crm"]}"#));
    let (code, words) = set_secret(&place);
    assert_eq!(code, Some(0), "{words}");
    let stored = "stored KEY; the server reads it from now on, or once it is deployed, although it is not under [secrets] in \
                  .pmcp/deploy.toml\n";
    assert!(words.starts_with(stored), "{words}");
    // From then on its mark says whose it is.
    assert_eq!(place.refused(&["deploy", "destroy", "--yes"]).0, Some(5));
    place.folder.write("answers", "/settings {\"bindings\":[],\"tags\":[\"pmcp:secrets=crm\"]}\n");
    assert_eq!(place.run(&["deploy", "destroy", "--yes"]).0, Some(0));
    assert!(!place.folder.0.join(".pmcp/cloudflare.json").exists());
}

#[test]
fn a_name_that_nothing_was_made_under_is_not_claimed() {
    let place = Place::new("workers-unclaimed", &[]);
    wrangler(&place, "secret|deploy", "echo 'X [ERROR] too many Workers' >&2; exit 1");
    assert_eq!(set_secret(&place).0, Some(1));
    let (code, words) = place.refused(&["deploy"]);
    assert!(
        code == Some(1) && words.contains("the deployment of crm failed, and nothing exists of it now\n"),
        "{words}"
    );
    assert!(!place.folder.0.join(".pmcp/cloudflare.json").exists());
}

#[test]
fn what_was_made_before_a_failure_is_named() {
    let place =
        Place::new("workers-made", &[("/storage/kv/namespaces", 200, r#"{"id":"0123456789abcdef0123456789abcdef"}"#)]);
    place.folder.write("w/migrations/0001_notes.sql", "");
    bind(&place, "[cloudflare.kv]\nSHARED = {}\n[cloudflare.d1]\nNOTES = { migrations = \"migrations\" }\n");
    place.folder.write("answers", "/d1/database {\"code\":7406,\"message\":\"You have too many databases\"}\n");
    let (code, words) = place.refused(&["deploy"]);
    assert_eq!(code, Some(1));
    let words = words.split_once("You have too many databases").expect("it says why").1;
    assert_eq!(
        words,
        " [code: 7406]\nthere is by now the KV namespace crm-shared; the next deployment uses it\nrun the command again when \
         this is mended\n"
    );
    place.folder.write("answers", "/d1/database {\"uuid\":\"1f0e6c5d-0000-4000-8000-0123456789ab\"}\n");
    let things = "no version of it is live; there is the KV namespace crm-shared, the D1 database crm-notes\nmend what it \
                  says, and deploy again, which uses them; `deploy destroy --clean` removes them\n";
    for step in ["d1", "deploy"] {
        wrangler(&place, step, "echo 'X [ERROR] no' >&2; exit 1");
        let (code, words) = place.refused(&["deploy"]);
        assert!(code == Some(1) && words.ends_with(things), "{step}: {words}");
    }
    // A draft counts, too.
    let draft = "/settings {\"bindings\":[],\"tags\":[\"pmcp:secrets=crm\"]}\n/script-settings {}\n";
    place.folder.write("answers", draft);
    let (_, words) = place.refused(&["deploy"]);
    assert!(
        words.contains("there is the Worker crm with nothing but its secrets, the KV namespace crm-shared,"),
        "{words}"
    );
}

/// As wrangler says it, in the middle of much else.
const MIGRATION: &str =
    "echo 'Migrations to be applied:'; i=0; while [ $i -lt 25 ]; do echo \"| line $i |\"; i=$((i+1)); done
    echo '| 0001_notes.sql | \u{2705} |'; echo '| 0002_words.sql | \u{1f552} |'
    echo 'X [ERROR] A request to the Cloudflare API (/accounts/1/d1/database/1/query) failed.' >&2
    echo '  near \"CRATE\": syntax error at offset 0: SQLITE_ERROR [code: 7500]' >&2
    echo 'Logs were written to /somewhere' >&2; exit 1";

#[test]
fn a_migration_that_fails_says_why_and_what_there_is() {
    let place =
        Place::new("workers-migration", &[("/d1/database", 200, r#"{"uuid":"1f0e6c5d-0000-4000-8000-0123456789ab"}"#)]);
    place.folder.write("w/migrations/0001_notes.sql", "");
    bind(&place, "[cloudflare.d1]\nNOTES = { migrations = \"migrations\" }\n");
    wrangler(&place, "d1", MIGRATION);
    let file = place.folder.0.join("w/migrations/0002_words.sql").display().to_string();
    let why = format!(
        "error: the migration 0002_words.sql of NOTES failed: near \"CRATE\": syntax error at offset 0: SQLITE_ERROR [code: \
         7500]\nmend {file}; those before it were run, and are not run again\nthe deployment of crm failed, and "
    );
    let first = "no version of it is live; there is the D1 database crm-notes\nmend what it says, and deploy again, which uses \
                 them; `deploy destroy --clean` removes them\n";
    assert_eq!(place.refused(&["deploy"]), (Some(1), format!("{why}{first}")));
    // Where there is a version, it is said too what was made beside it.
    let answers = format!("/settings {MINE}\n{}\n", live("1"));
    place.folder.write("answers", &answers);
    fs::remove_file(place.folder.0.join(".pmcp/cloudflare.json")).expect("was written");
    let later = "the version before answers as ever; there is by now the D1 database crm-notes\nmend what it says, and deploy \
                 again, which uses that\n";
    assert_eq!(place.refused(&["deploy", "--yes"]), (Some(1), format!("{why}{later}")));
    let later = "the version before answers as ever\nmend what it says, and deploy again\n";
    assert_eq!(place.refused(&["deploy", "--yes"]), (Some(1), format!("{why}{later}")));
}

#[test]
fn a_deployment_that_another_one_overtakes_says_so() {
    let place = Place::new("workers-overtaken", &[("/settings", 200, MINE)]);
    place.folder.write("answers", &format!("{}\n", live("1")));
    bind(&place, "[cloudflare.kv]\nSHARED = {}\n");
    let build = |script: &str| place.folder.write("w/wrangler.toml", &format!("[build]\ncommand = '''{script}'''\n"));
    build(&format!("echo '{}' >> ../answers", live("2")));
    place.folder.program("wrangler", "echo \"$@\" >> called");
    let words = "error: crm was changed elsewhere while it was built here: version 2 is live now, where 1 was; nothing was \
                 deployed\nsee `cargo pmcp deploy status`, and deploy again to have what is here instead\n";
    assert_eq!(place.refused(&["deploy", "--yes"]), (Some(5), words.into()));
    assert!(!place.folder.0.join("w/called").exists() && !place.folder.0.join(".pmcp/cloudflare.json").exists());

    // And one that comes right after.
    build("true");
    place
        .folder
        .write(".pmcp/deploy.toml", "[target]\ntarget_type = \"cloudflare-workers\"\n[server]\nname = \"crm\"\n");
    let versions = tell(r#"/versions?deployable=true {"items":[{"id":"3","number":3},{"id":"4","number":4}]}"#);
    wrangler(&place, "deploy", &format!("{versions}{}echo 'Current Version ID: 3'", tell(&live("4"))));
    let words = "error: version 3 of crm was deployed, and somebody else has made 4 live since\nsee `cargo pmcp deploy status`, \
                 and deploy again to have what is here instead\n";
    assert_eq!(place.refused(&["deploy", "--yes"]), (Some(1), words.into()));
    // What answers as before was not deployed, nor was what Cloudflare knows nothing of.
    for (version, words) in [
        ("3", "error: version 3 of crm was uploaded, and 4 is live as before\n"),
        ("9", "error: wrangler says that it deployed version 9, and crm has none of that id\n"),
    ] {
        wrangler(&place, "deploy", &format!("echo 'Current Version ID: {version}'"));
        let (code, found) = place.refused(&["deploy", "--yes"]);
        assert!(code == Some(1) && found.starts_with(words), "{code:?} {found}");
    }
    // wrangler does not always know.
    wrangler(&place, "deploy", &format!("{}echo 'Current Version ID: null'", tell(&live("5"))));
    let (code, printed, words) = place.run(&["deploy", "--yes"]);
    assert!(code == Some(0) && printed.contains("Version = 5\n"), "{words}");
}

#[test]
fn a_durable_object_that_comes_later_is_made_then() {
    let place = Place::new("workers-classes", &[("/settings", 200, MINE)]);
    let migrations = || {
        let settings = fs::read_to_string(place.folder.0.join("w/wrangler.pmcp.json")).expect("was written");
        settings.split_once("\"migrations\"").map(|(_, after)| after.matches("\"tag\"").count())
    };
    bind(&place, "[cloudflare.durable_objects]\nTASKS = { class = \"Tasks\" }\n");
    assert_eq!((place.run(&["deploy", "--yes"]).0, migrations()), (Some(0), Some(1)));
    assert_eq!((place.run(&["deploy"]).0, migrations()), (Some(0), Some(1)));
    bind(&place, "SESSIONS = { class = \"Sessions\" }\n");
    // What did not come to its end may be told again.
    wrangler(&place, "deploy", "exit 1");
    assert_eq!((place.run(&["deploy"]).0, migrations()), (Some(1), Some(2)));
    wrangler(&place, "deploy", "exit 0");
    assert_eq!((place.run(&["deploy"]).0, migrations()), (Some(0), Some(2)));
    let record = fs::read_to_string(place.folder.0.join(".pmcp/cloudflare.json")).expect("was written");
    assert!(record.find("Tasks") < record.find("Sessions"), "{record}");
}

#[test]
fn a_worker_of_which_no_version_is_live_is_there_all_the_same() {
    let place = Place::new("workers-nothing-live", &[("/settings", 200, MINE)]);
    let (code, printed, words) = place.run(&["deploy", "status"]);
    assert_eq!((code, printed), (Some(0), format!("crm in {PLACE}: no version is live\n")), "{words}");
    let (code, printed, words) = place.run(&["deploy", "destroy", "--dry-run"]);
    assert!(code == Some(0) && printed.starts_with(&format!("remove  crm in {PLACE}, ")), "{printed} {words}");
    let known = "error: crm is deployed in the account 0123456789abcdef0123456789abcdef already, ";
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.starts_with(known), "{code:?} {words}");
}
