//! What files of the repository say, which anybody wrote who may change it: nothing of others goes for it.

use std::fs;
use std::os::unix::fs::symlink;

use super::halfway::bind;
use super::{ACCOUNT, MINE, Place};

const KV: &str = "11111111111111111111111111111111";
const D1: &str = "1f0e6c5d-0000-4000-8000-0123456789ab";

fn record(place: &Place, things: &str) {
    let text = format!(r#"{{"accounts":{{"{ACCOUNT}":{{"worker":"crm","things":[{things}]}}}}}}"#);
    place.folder.write(".pmcp/cloudflare.json", &text);
}

fn removed(place: &Place) -> String {
    fs::read_to_string(place.folder.0.join("bodies")).unwrap_or_default()
}

#[test]
fn an_id_that_is_none_leads_nowhere() {
    let place = Place::new("workers-made-ids", &[("/settings", 200, MINE)]);
    bind(&place, "[cloudflare.kv]\nCACHE = {}\n[cloudflare.r2]\nFILES = {}\n");
    for (thing, said) in [
        (
            r#"{"kind":"kv","binding":"CACHE","name":"crm-cache","id":"../../x"}"#,
            "KV namespace is called `crm-cache (../../x)`",
        ),
        (
            r#"{"kind":"r2","binding":"FILES","name":"crm-files","id":"../../workers/scripts/billing?force=true&x="}"#,
            "R2 bucket is called `crm-files (../../workers/scripts/billing?force=true&x=)`",
        ),
        (
            r#"{"kind":"r2","binding":"FILES","name":"crm-files","id":"billing"}"#,
            "R2 bucket is called `crm-files (billing)`",
        ),
        (r#"{"kind":"d1","binding":"X","name":"crm-x","id":"1"}"#, "D1 database is called `crm-x (1)`"),
        (r#"{"kind":"r2","binding":"../X","name":"crm-../x"}"#, "R2 bucket is called `crm-../x`"),
    ] {
        record(&place, thing);
        for command in [&["destroy", "--clean", "--yes"][..], &["destroy", "--dry-run"], &["--yes"]] {
            let (code, words) = place.refused(&[&["deploy"], command].concat());
            let expected =
                format!("error: ./.pmcp/cloudflare.json is not what cargo pmcp wrote: no {said}\nrestore it ");
            assert!(code == Some(5) && words.starts_with(&expected), "{thing} {command:?}: {words}");
        }
    }
    assert_eq!(removed(&place), "");
}

#[test]
fn what_has_another_name_is_not_removed() {
    for (name, kind, id, other, title) in [
        ("workers-made-kv", "kv", KV, format!("{KV} {{\"id\":\"{KV}\",\"title\":\"billing\"}}"), "KV namespace"),
        ("workers-made-d1", "d1", D1, format!("{D1} {{\"uuid\":\"{D1}\",\"name\":\"billing\"}}"), "D1 database"),
    ] {
        let place = Place::new(name, &[("/settings", 200, MINE), ("/secrets", 200, "[]")]);
        record(&place, &format!(r#"{{"kind":"{kind}","binding":"CACHE","name":"crm-cache","id":"{id}"}}"#));
        place.folder.program("wrangler", "echo \"$@\" >> called");
        place.folder.write("answers", &format!("{other}\n"));
        let expected = format!(
            "error: the {title} {id} is called `billing`, and .pmcp/cloudflare.json says that it is crm-cache\n"
        );
        for command in [&["--clean", "--dry-run"][..], &["--clean", "--yes", "--unrecorded"]] {
            let (code, words) = place.refused(&[&["deploy", "destroy"], command].concat());
            assert!(code == Some(5) && words.starts_with(&expected), "{command:?}: {words}");
        }
        assert!(removed(&place).is_empty() && !place.folder.0.join("called").exists(), "nothing went before it");

        place.folder.write("answers", &format!("{}\n", other.replace("billing", "crm-cache")));
        let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--dry-run"]);
        let step = format!("remove  the {title} crm-cache ({id})\n");
        assert!(code == Some(0) && printed.contains(&step), "{printed} {words}");
        let (code, _, words) = place.run(&["deploy", "destroy", "--clean", "--yes", "--unrecorded"]);
        assert_eq!(code, Some(0), "{words}");
        assert!(removed(&place).ends_with(&format!("/{id} \n")), "{}", removed(&place));
    }
}

#[test]
fn what_has_no_end_is_not_read() {
    let place = Place::new("workers-made-endless", &[("/settings", 200, MINE)]);
    symlink("/dev/zero", place.folder.0.join(".pmcp/cloudflare.json")).expect("a link");
    for command in [&["destroy", "--clean", "--yes"][..], &["--yes"]] {
        let (code, words) = place.refused(&[&["deploy"], command].concat());
        let expected = "error: ./.pmcp/cloudflare.json is no file of up to 1 MiB\nrestore it ";
        assert!(code == Some(5) && words.starts_with(expected), "{command:?}: {words}");
    }
}

#[test]
fn migrations_are_the_projects_own() {
    let place = Place::new("workers-migrations-elsewhere", &[("/settings", 200, MINE)]);
    fs::create_dir_all(place.folder.0.join("shared/migrations")).expect("a folder");
    symlink("/", place.folder.0.join("w/root")).expect("a link");
    let config = fs::read_to_string(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    for (folder, is_taken) in
        [("../shared/migrations", true), ("../../../../../../../../etc", false), ("..", true), ("root/etc", false)]
    {
        place
            .folder
            .write(".pmcp/deploy.toml", &format!("{config}[cloudflare.d1]\nAB = {{ migrations = \"{folder}\" }}\n"));
        let (code, words) = place.refused(&["deploy", "--dry-run"]);
        match is_taken {
            true => assert_eq!(code, Some(0), "{folder}: {words}"),
            false => assert!(
                code == Some(3)
                    && words.contains("which is outside of the project\nname a folder beside wrangler.toml"),
                "{folder}: {code:?} {words}"
            ),
        }
    }
}
