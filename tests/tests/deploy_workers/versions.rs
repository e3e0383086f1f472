//! Versions of a Worker as the real wrangler makes them: of code, of secrets, and of secrets before there is any code.

use serde_json::{Value, json};

use super::place::Place;

const SCRIPT: &str = "export default { fetch() { return new Response('one') } };\n";

fn project(place: &mut Place, name: &str) {
    place.new_project(name, &["cloudflare-workers"]);
    place.pmcp(&["deploy", "init", "--target", "cloudflare-workers"]);
    place.without_rust(SCRIPT);
}

#[test]
fn a_rollback_goes_to_code_alone() {
    let Some(mut place) = Place::start("a_rollback_goes_to_code_alone") else { return };
    project(&mut place, "drafted");
    let status = || place.pmcp(&["deploy", "status"]);
    let live = || status()["live_version"].as_str().expect("is live").to_owned();
    let only = "there is no other; deploy once more to have two\n";
    for key in ["EARLY", "OTHER"] {
        place.told(&["deploy", "secrets", "set", key], "before");
    }
    assert_eq!(status()["deployed"], json!(false));
    place.pmcp(&["deploy"]);
    let first = live();
    assert_eq!(status()["versions"], json!([first]));
    let refused = format!("error: there is no version before {first}, which is live\n{only}");
    assert_eq!(place.refused(&["deploy", "rollback"]), (Some(5), refused));
    let all = place.state()["scripts"][0]["versions"].as_array().expect("versions").clone();
    assert_eq!(all.len(), 4, "{all:?}");
    for draft in all.iter().filter_map(Value::as_str).filter(|id| *id != first) {
        let what = format!("version {draft} is of before the first deployment: it has secrets, and no server");
        assert_eq!(place.refused(&["deploy", "rollback", draft]), (Some(5), format!("error: {what}\n{only}")));
    }

    // Another secret is another version of the same code.
    place.told(&["deploy", "secrets", "set", "EARLY"], "after");
    let changed = live();
    assert_ne!(changed, first);
    assert_eq!(status()["versions"], json!([changed]));
    let refused = format!("error: there is no version before {changed}, which is live\n{only}");
    assert_eq!(place.refused(&["deploy", "rollback"]), (Some(5), refused));
    place.edit("cloudflare-workers/index.js", "one", "two");
    place.pmcp(&["deploy"]);
    let second = live();
    assert_eq!(status()["versions"], json!([changed, second]));
    place.pmcp(&["deploy", "rollback"]);
    assert_eq!(live(), changed);
    place.pmcp(&["deploy", "rollback", &second]);
    assert_eq!(live(), second);
    let (code, words) = place.refused(&["deploy", "destroy", "--dry-run"]);
    assert!(code == Some(0) && words.contains("look for what there is of drafted in the account "), "{words}");
    let plan = place.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    let along = "and its secrets, of which there is no other copy: EARLY, OTHER";
    assert_eq!(plan["steps"][0]["detail"], json!(along), "{plan}");
}

#[test]
fn a_migration_that_fails_says_why() {
    let Some(mut place) = Place::start("a_migration_that_fails_says_why") else { return };
    project(&mut place, "migrated");
    place.write("cloudflare-workers/migrations/0001_words.sql", "CREATE TABLE words (word TEXT NOT NULL);\n");
    place.write("cloudflare-workers/migrations/0002_more.sql", "CRATE TABLE more (word TEXT NOT NULL);\n");
    let config = place.read(".pmcp/deploy.toml");
    place.write(".pmcp/deploy.toml", &format!("{config}[cloudflare.d1]\nNOTES = {{ migrations = \"migrations\" }}\n"));
    let (code, words) = place.refused(&["deploy"]);
    let message = words.split_once("error: ").expect("an error").1;
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(code, Some(1), "{words}");
    assert!(
        lines[0].starts_with("the migration 0002_more.sql of NOTES failed: near \"CRATE\": syntax error"),
        "{message}"
    );
    assert!(
        lines[1].ends_with("migrations/0002_more.sql; those before it were run, and are not run again"),
        "{message}"
    );
    let now =
        "the deployment of migrated failed, and no version of it is live; there is the D1 database migrated-notes";
    assert_eq!((lines.len(), lines[2]), (4, now), "{message}");
    assert_eq!(place.state()["databases"][0]["tables"], json!(["d1_migrations", "words"]));
    place.edit("cloudflare-workers/migrations/0002_more.sql", "CRATE", "CREATE");
    place.pmcp(&["deploy"]);
    assert_eq!(place.state()["databases"][0]["tables"], json!(["d1_migrations", "more", "words"]));
}
