//! Several accounts at Cloudflare, and Workers of others in them: what this tool made in one is nothing in another.

use std::fs;

use super::halfway::{UNMARKED, bind, tell, wrangler};
use super::{ACCOUNT, MINE, PLACE, Place};

const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// The KV namespaces of the two.
const HERE: &str = "11111111111111111111111111111111";
const THERE: &str = "22222222222222222222222222222222";

/// A project that was deployed with a KV namespace.
fn deployed(name: &str) -> Place {
    let place = Place::new(name, &[("/storage/kv/namespaces", 200, r#"{"id":"11111111111111111111111111111111"}"#)]);
    bind(&place, "[cloudflare.kv]\nSHARED = {}\n");
    wrangler(&place, "deploy", &tell(&format!("{ACCOUNT}/workers/scripts/crm/settings {MINE}")));
    let (code, _, words) = place.run(&["deploy"]);
    assert_eq!(code, Some(0), "{words}");
    let kept = "; keep .pmcp/deployed.json and .pmcp/cloudflare.json under version control\n";
    assert!(words.ends_with(kept), "{words}");
    wrangler(&place, "deploy", "");
    place
}

fn foreign(place: &str) -> String {
    format!(
        "error: {place} has a Worker crm that cargo pmcp did not make\nchoose another `name` under [server] in \
         .pmcp/deploy.toml\n"
    )
}

#[test]
fn what_was_made_in_one_account_is_nothing_in_another() {
    let mut place = deployed("workers-two-accounts");
    let root = place.folder.0.clone();
    let made = || fs::read_to_string(root.join(".pmcp/cloudflare.json")).expect("is there");
    let before = made();
    let answers = fs::read_to_string(root.join("answers")).expect("were told");
    place.set("CLOUDFLARE_ACCOUNT_ID", OTHER);
    // A stranger's of the same name.
    place.folder.write("answers", &format!("{answers}{OTHER}/workers/scripts/crm{UNMARKED}\n"));
    let words = foreign(&format!("the account {OTHER}"));
    assert_eq!(place.refused(&["deploy", "destroy", "--clean", "--yes"]), (Some(5), words.clone()));
    assert_eq!(place.refused(&["deploy", "--beside", "--yes"]), (Some(5), words));
    // And none at all.
    place.folder.write("answers", &answers);
    let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--yes"]);
    assert!(code == Some(0) && !printed.contains("KV namespace"), "{printed} {words}");
    assert_eq!(made(), before);

    let own = format!("{OTHER}/storage/kv/namespaces {{\"id\":\"{THERE}\"}}\n");
    place.folder.write("answers", &format!("{answers}{own}"));
    wrangler(&place, "deploy", &tell(&format!("{OTHER}/workers/scripts/crm/settings {MINE}")));
    let (code, _, words) = place.run(&["deploy", "--beside"]);
    assert_eq!(code, Some(0), "{words}");
    let settings = fs::read_to_string(root.join("w/wrangler.pmcp.json")).expect("was written");
    assert!(settings.contains(THERE) && !settings.contains(HERE), "{settings}");
    assert!(made().contains(THERE) && made().contains(HERE), "{}", made());
    let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--yes"]);
    let removed = format!("removed the KV namespace crm-shared ({THERE})\n");
    assert!(code == Some(0) && printed.contains(&removed), "{printed} {words}");
    assert_eq!(made(), before);
}

#[test]
fn a_worker_that_others_made_where_one_of_ours_was_is_theirs() {
    let place = deployed("workers-made-anew");
    // Nor does one that fails later change whose it is.
    wrangler(&place, "deploy", "exit 1");
    assert_eq!(place.refused(&["deploy"]).0, Some(1));
    place.folder.write("answers", &format!("{UNMARKED}\n"));
    for command in [&["--yes"][..], &["status"], &["destroy", "--clean", "--yes"]] {
        assert_eq!(place.refused(&[&["deploy"], command].concat()), (Some(5), foreign(PLACE)), "{command:?}");
    }
}

#[test]
fn the_account_that_was_found_is_said() {
    let mut place = Place::new("workers-found", &[("per_page=50", 200, r#"[{"id":"1f","name":"One"}]"#)]);
    place.set("CLOUDFLARE_ACCOUNT_ID", "");
    let (code, printed, words) = place.run(&["deploy", "status"]);
    assert_eq!((code, &printed as &str), (Some(0), "crm is not deployed in the account 1f\n"), "{words}");
}

#[test]
fn what_does_not_say_its_account_is_not_guessed_at() {
    let place = Place::new("workers-no-account", &[]);
    place.folder.write(".pmcp/cloudflare.json", r#"{"worker":"crm","things":[]}"#);
    let (code, words) = place.refused(&["deploy", "destroy", "--yes"]);
    assert!(
        code == Some(5) && words.starts_with("error: ./.pmcp/cloudflare.json is not what cargo pmcp wrote: "),
        "{words}"
    );
    let advice = "restore it from version control, or remove it if nothing is deployed; what an earlier version wrote goes \
                  into {\"accounts\": {\"ID\": …}}, with the id of its account\n";
    assert!(words.ends_with(advice), "{words}");
}

#[test]
fn what_was_made_is_written_whole_or_not_at_all() {
    let place = deployed("workers-whole");
    let path = place.folder.0.join(".pmcp/cloudflare.json");
    let before = fs::read_to_string(&path).expect("was written");
    fs::create_dir(place.folder.0.join(".pmcp/cloudflare.json.new")).expect("is in the way");
    let (code, words) = place.refused(&["deploy", "secrets", "set", "KEY", "--from-env", "PATH"]);
    assert!(code == Some(1) && words.contains("/.pmcp/cloudflare.json failed: Is a directory"), "{code:?} {words}");
    assert_eq!(fs::read_to_string(&path).expect("is there"), before);
}

#[test]
fn a_thing_of_which_nothing_was_heard_is_looked_up_the_next_time() {
    for (name, list, id) in [
        (
            "workers-unheard",
            r#"[{"id":"6","title":"crm-other"},{"id":"11111111111111111111111111111111","title":"crm-shared"}]"#,
            HERE,
        ),
        ("workers-unmade", "[]", THERE),
    ] {
        let place = Place::new(name, &[("/settings", 200, MINE), ("/storage/kv/namespaces", 502, "<html>")]);
        bind(&place, "[cloudflare.kv]\nSHARED = {}\n");
        let (code, words) = place.refused(&["deploy", "--yes"]);
        let lost = format!(
            "error: Cloudflare answered POST /accounts/{ACCOUNT}/storage/kv/namespaces with status 502, and no words of its \
             API\n"
        );
        assert!(code == Some(1) && words.starts_with(&lost), "{words}");
        let answers = format!("/namespaces?per_page=1000 {list}\n/storage/kv/namespaces {{\"id\":\"{THERE}\"}}\n");
        place.folder.write("answers", &answers);
        let (code, _, words) = place.run(&["deploy", "--yes"]);
        assert_eq!(code, Some(0), "{words}");
        let settings = fs::read_to_string(place.folder.0.join("w/wrangler.pmcp.json")).expect("was written");
        assert!(settings.contains(&format!("\"id\": \"{id}\"")), "{settings}");
    }
}

/// A project where only the login says the account.
fn unnamed(name: &str) -> Place {
    let mut place =
        Place::new(name, &[("per_page=50", 200, r#"[{"id":"0123456789abcdef0123456789abcdef","name":"One"}]"#)]);
    place.set("CLOUDFLARE_ACCOUNT_ID", "");
    place
}

/// A project that was deployed in an account that only the login says, or that this variable names.
fn deployed_as(name: &str, id: &str) -> Place {
    let mut place = unnamed(name);
    place.set("CLOUDFLARE_ACCOUNT_ID", id);
    wrangler(&place, "deploy", &tell(&format!("{ACCOUNT}/workers/scripts/crm/settings {MINE}")));
    let (code, _, words) = place.run(&["deploy"]);
    assert_eq!(code, Some(0), "{words}");
    wrangler(&place, "deploy", "");
    place
}

fn deployed_unnamed(name: &str) -> Place {
    deployed_as(name, "")
}

#[test]
fn what_goes_is_named_with_its_account_and_its_secrets() {
    let place = deployed_unnamed("workers-secrets-go");
    let root = place.folder.0.clone();
    let answers = fs::read_to_string(root.join("answers")).expect("were told");
    let secrets = r#"/secrets [{"name":"KEY","type":"secret_text"},{"name":"OTHER","type":"secret_text"}]"#;
    place.folder.write("answers", &format!("{answers}{secrets}\n"));
    let (code, printed, words) = place.run(&["deploy", "destroy", "--dry-run"]);
    let plan = format!(
        "remove  crm in {PLACE}, with its URL and all its versions\n        and its secrets, of which there is no other copy: KEY, \
         OTHER\n"
    );
    assert_eq!((code, printed), (Some(0), plan), "{words}");
    assert!(words.contains(&format!("look for what there is of crm in {PLACE}\n")), "{words}");
    place.folder.write("answers", "");
    let missing = format!("error: crm is not deployed in {PLACE}\ndeploy it: `cargo pmcp deploy`\n");
    for command in ["outputs", "rollback"] {
        assert_eq!(place.refused(&["deploy", command]), (Some(1), missing.clone()));
    }
}

#[test]
fn a_variable_that_names_another_account_is_what_is_corrected() {
    let mut place = deployed_unnamed("workers-variable");
    let record = || fs::read_to_string(place.folder.0.join(".pmcp/deployed.json")).expect("is there");
    let before = record();
    // Whoever names the same account means the same server.
    place.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
    let (code, _, words) = place.run(&["deploy"]);
    assert!(code == Some(0) && !words.contains("note: this project"), "{words}");
    assert_eq!(fs::read_to_string(place.folder.0.join(".pmcp/deployed.json")).expect("is there"), before);
    place.set("CLOUDFLARE_ACCOUNT_ID", OTHER);
    let words = format!(
        "error: this project is deployed as crm in {PLACE}, and CLOUDFLARE_ACCOUNT_ID now says the account {OTHER}: that would be a \
         second server, with a URL of its own\ncorrect CLOUDFLARE_ACCOUNT_ID, or destroy that one first, or add --beside to have \
         both\n"
    );
    assert_eq!(place.refused(&["deploy"]), (Some(5), words));
    let config = fs::read_to_string(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    place.folder.write(".pmcp/deploy.toml", &config.replace("crm", "shop"));
    let (code, words) = place.refused(&["deploy"]);
    let said = format!("and .pmcp/deploy.toml now says shop, CLOUDFLARE_ACCOUNT_ID the account {OTHER}: that");
    assert!(code == Some(5) && words.contains(&said), "{words}");
}

#[test]
fn one_account_is_one_however_it_is_said() {
    for (name, first, then) in [("workers-named-later", "", ACCOUNT), ("workers-unnamed-later", ACCOUNT, "")] {
        let mut place = deployed_as(name, first);
        place.set("CLOUDFLARE_ACCOUNT_ID", then);
        let path = place.folder.0.join(".pmcp/deployed.json");
        let record = fs::read_to_string(&path).expect("is there");
        for command in [
            &["--dry-run"][..],
            &["status"],
            &["outputs"],
            &["secrets", "list"],
            &["secrets", "set", "KEY", "--from-env", "PATH"],
            &[],
            &["destroy", "--dry-run"],
            &["destroy", "--yes"],
        ] {
            let (code, printed, words) = place.run(&[&["deploy"], command].concat());
            assert_eq!(code, Some(0), "{name} {command:?}: {words}");
            let told = printed + &words;
            for untrue in ["this project", "and this is the account", "is replaced only if you say so"] {
                assert!(!told.contains(untrue), "{name} {command:?}: {told}");
            }
            if command.is_empty() {
                assert_eq!(fs::read_to_string(&path).expect("is there"), record, "{name}");
            }
        }
        assert!(!path.exists(), "{name}: {}", fs::read_to_string(&path).unwrap_or_default());
    }
}

/// Lets the login see the other account, and that alone.
fn log_in_elsewhere(place: &Place) {
    let answers = fs::read_to_string(place.folder.0.join("answers")).expect("were told");
    place.folder.write("answers", &format!("{answers}per_page=50 [{{\"id\":\"{OTHER}\",\"name\":\"Other\"}}]\n"));
}

#[test]
fn another_account_is_another_server_however_it_is_said() {
    let both = "or have both: `cargo pmcp deploy --beside`";
    let second = "that would be a second server, with a URL of its own";
    let nothing = format!("error: crm is not deployed in the account {OTHER}\n");
    for (name, first) in [("workers-named-elsewhere", ACCOUNT), ("workers-found-elsewhere", "")] {
        let mut place = deployed_as(name, first);
        let path = place.folder.0.join(".pmcp/deployed.json");
        let record = || fs::read_to_string(&path).expect("is there");
        let before = record();
        log_in_elsewhere(&place);
        // Named, a variable has to be corrected, and nobody is asked.
        place.set("CLOUDFLARE_ACCOUNT_ID", OTHER);
        let there = format!(
            "this project is deployed as crm in {PLACE}, and CLOUDFLARE_ACCOUNT_ID now says the account {OTHER}"
        );
        for arguments in [&["deploy"][..], &["deploy", "--dry-run"]] {
            let (code, words) = place.refused(arguments);
            assert!(code == Some(5) && words.starts_with(&format!("error: {there}: {second}\n")), "{name}: {words}");
        }
        let (_, _, words) = place.run(&["deploy", "status"]);
        assert_eq!(words, format!("note: {there}: this is the latter\n"), "{name}");
        let words = format!("{nothing}correct CLOUDFLARE_ACCOUNT_ID, {both}\n");
        assert_eq!(place.refused(&["deploy", "outputs"]), (Some(1), words), "{name}");
        let (code, printed, _) = place.run(&["deploy", "destroy", "--dry-run"]);
        assert!(
            code == Some(0) && printed.contains(&format!("note: {there}: this is the latter\n")),
            "{name}: {printed}"
        );

        // Found, only the platform knows.
        place.set("CLOUDFLARE_ACCOUNT_ID", "");
        assert_eq!(place.run(&["deploy", "--dry-run"]).0, Some(0), "{name}");
        let there = format!("crm is deployed in {PLACE}, and this is the account {OTHER}");
        let words = format!(
            "error: {there}: {second}\nlog in to that one, or destroy that one first, or add --beside to have both\n"
        );
        assert_eq!(place.refused(&["deploy"]), (Some(5), words), "{name}");
        for command in [&["status"][..], &["secrets", "list"]] {
            let (code, _, words) = place.run(&[&["deploy"], command].concat());
            assert_eq!((code, words), (Some(0), format!("note: {there}\n")), "{name} {command:?}");
        }
        let words = format!("{nothing}log in to that one, {both}\n");
        for command in [&["outputs"][..], &["rollback"], &["logs", "--tail"]] {
            assert_eq!(place.refused(&[&["deploy"], command].concat()), (Some(1), words.clone()), "{name} {command:?}");
        }
        let words = format!(
            "error: {there}, which has none\nlog in to that one; if nothing is left of the server there, take it out of \
             .pmcp/deployed.json\n"
        );
        assert_eq!(place.refused(&["deploy", "destroy", "--clean", "--yes"]), (Some(5), words), "{name}");
        assert_eq!(record(), before, "{name}");

        // One that is there is not known, and each of two is known by its own account.
        let answers = fs::read_to_string(place.folder.0.join("answers")).expect("were told");
        place.folder.write("answers", &format!("{answers}{OTHER}/workers/scripts/crm/settings {MINE}\n"));
        let (code, _, words) = place.run(&["deploy", "secrets", "set", "KEY", "--from-env", "PATH"]);
        let not_known = crate::not_known(&format!("the account {OTHER}"));
        assert_eq!((code, words), (Some(0), format!("note: {there}\n{not_known}")), "{name}");
        let (code, _, words) = place.run(&["deploy", "--beside", "--yes"]);
        assert_eq!(code, Some(0), "{name}: {words}");
        let (code, printed, words) = place.run(&["deploy", "destroy", "--yes"]);
        assert!(code == Some(0) && !printed.contains("does not say"), "{name}: {printed} {words}");
        assert_eq!(record(), before, "{name}");
    }
}

#[test]
fn what_init_wrote_is_unchanged_where_only_the_login_says_the_account() {
    let place = unnamed("workers-init-unnamed");
    fs::remove_file(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    let (code, _, words) = place.run(&["deploy", "init", "--target", "cloudflare-workers", "--name", "crm"]);
    assert_eq!(code, Some(0), "{words}");
    wrangler(&place, "deploy", &tell(&format!("{ACCOUNT}/workers/scripts/crm/settings {MINE}")));
    let (code, _, words) = place.run(&["deploy"]);
    assert_eq!(code, Some(0), "{words}");
    let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(code, Some(0), "{words}");
    for file in [".pmcp/deploy.toml", ".pmcp/.gitignore", ".pmcp/deployed.json"] {
        assert!(printed.contains(&format!("removed {file}\n")), "{file}: {printed}");
        assert!(!place.folder.0.join(file).exists(), "{file} is there");
    }
}
