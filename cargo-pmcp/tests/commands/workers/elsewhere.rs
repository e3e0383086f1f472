//! Settings that are elsewhere than they are read, and values that Cloudflare would not take.

use std::fs;

use super::{MINE, Place};

#[test]
fn settings_that_are_not_read_are_not_passed_over() {
    let place = Place::new("workers-jsonc", &[]);
    let root = place.folder.0.join("w");
    for (file, is_alone) in [("wrangler.jsonc", false), ("wrangler.json", true)] {
        place.folder.write(&format!("w/{file}"), "{}");
        if is_alone {
            fs::remove_file(root.join("wrangler.toml")).expect("is there");
        }
        for arguments in [&["deploy"][..], &["deploy", "--dry-run"]] {
            let (code, words) = place.refused(arguments);
            let end = format!(
                "/w/{file} is there, and cargo pmcp reads wrangler.toml alone\nwrite what it says into wrangler.toml beside it, as \
                 TOML, and remove it\n"
            );
            assert!(code == Some(5) && words.ends_with(&end), "{code:?} {words}");
        }
        fs::remove_file(root.join(file)).expect("is there");
    }
}

#[test]
fn what_both_files_say_is_said_to_be_with_what_counts() {
    let place = Place::new("workers-both", &[("/settings", 200, MINE)]);
    let own = "name = \"shop\"\naccount_id = \"1\"\nworkers_dev = false\n[build]\ncommand = \"true\"\n[vars]\nMOOD = \
               \"bad\"\nSAME = \"same\"\nOWN = \"mine\"\n";
    place.folder.write("w/wrangler.toml", own);
    let config = fs::read_to_string(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    let more = "[cloudflare]\nworkers_dev = true\n[environment]\nMOOD = \"good\"\nSAME = \"same\"\n";
    place.folder.write(".pmcp/deploy.toml", &format!("{config}{more}"));
    let notes = "\
note: `name` in w/wrangler.toml says something else: what counts is `name` under [server] in .pmcp/deploy.toml
note: `account_id` in w/wrangler.toml says something else: what counts is `account_id` under [cloudflare] in \
.pmcp/deploy.toml, else CLOUDFLARE_ACCOUNT_ID, else the only account that the login has
note: `workers_dev` in w/wrangler.toml says something else: what counts is `workers_dev` under [cloudflare] in .pmcp/deploy.toml
note: `vars.MOOD` in w/wrangler.toml says something else: what counts is MOOD under [environment] in .pmcp/deploy.toml
";
    let (code, plan, words) = place.run(&["deploy", "--dry-run"]);
    assert!(code == Some(0) && plan.contains(notes) && !plan.contains("SAME is"), "{plan} {words}");
    let (code, _, words) = place.run(&["deploy", "--yes"]);
    assert!(code == Some(0) && words.contains(notes), "{words}");
    let made = fs::read_to_string(place.folder.0.join("w/wrangler.pmcp.json")).expect("was written");
    for counts in [r#""name": "crm""#, r#""MOOD": "good""#, r#""OWN": "mine""#, r#""workers_dev": true"#] {
        assert!(made.contains(counts), "{made}");
    }
    // What Cloudflare would refuse in the end is refused before anything is made.
    for (more, words) in [
        (
            "[secrets]\nOWN = {}\n",
            "error: OWN is under [vars] in w/wrangler.toml, and under [secrets] in .pmcp/deploy.toml\ntake it out of one of them: \
             what is under [vars] is stored and shown as plain text\n",
        ),
        (
            "[cloudflare.kv]\nSHARED = {}\n",
            "error: SHARED is bound in w/wrangler.toml, and under [cloudflare.kv] in .pmcp/deploy.toml\ntake it out of one of them\n",
        ),
    ] {
        place.folder.write(".pmcp/deploy.toml", &format!("{config}{more}"));
        place.folder.write("w/wrangler.toml", &format!("{own}[[kv_namespaces]]\nbinding = \"SHARED\"\nid = \"1\"\n"));
        for arguments in [&["deploy", "--dry-run"][..], &["deploy", "--yes"]] {
            assert_eq!(place.refused(arguments), (Some(5), words.into()));
        }
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let place = Place::new("workers-limits", &[]);
    place.folder.program("wrangler", "echo \"$@\" >> called");
    for (settings, words) in [
        (format!("[vars]\nLONG = \"{}\"\n", "x".repeat(5121)), "has 5121 bytes, and Cloudflare takes 5120 at most"),
        ("vars = \"x\"\n".into(), "is no table\nmake it one: [vars]\n"),
        ("[[durable_objects]]\n".into(), "is no table\nmake it one: [durable_objects]\n"),
        (
            "[vars]\nA = [1.5, nan]\n".into(),
            "is no number that wrangler could be told\nwrite a finite one, or put it in quotes\n",
        ),
        (
            "compatibility_date = 2026-01-01\n".into(),
            "is a date, and wrangler takes text\nput it in quotes: \"2026-01-01\"\n",
        ),
        ("[build]\ncommand = 5\n".into(), "is no text\nput it in quotes\n"),
    ] {
        place.folder.write("w/wrangler.toml", &settings);
        let (code, found) = place.refused(&["deploy"]);
        assert!(code == Some(5) && found.contains("/w/wrangler.toml ") && found.contains(words), "{code:?} {found}");
    }
    place.folder.write("w/wrangler.toml", "[build]\ncommand = \"true\"\n");
    let config = fs::read_to_string(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    place.folder.write(".pmcp/deploy.toml", &format!("{config}[cloudflare.d1]\nNOTES = {{ migrations = \"sql\" }}\n"));
    let (code, words) = place.refused(&["deploy"]);
    let named = "`cloudflare.d1.NOTES.migrations` in .pmcp/deploy.toml names ";
    assert!(
        code == Some(3) && words.contains(named) && words.contains("/w/sql, which is no folder\n"),
        "{code:?} {words}"
    );
    assert!(!place.folder.0.join("called").exists() && !place.folder.0.join("w/called").exists());

    let mut command = place.folder.command(&["deploy", "secrets", "set", "KEY", "--from-env", "LONG"]);
    let output = command.envs(place.environment.clone()).env("LONG", "ä".repeat(2561)).output().expect("starts");
    let words = "error: the value of KEY is longer than 5 KiB\nCloudflare Workers takes no longer one: keep it elsewhere, and \
                 store where it is\n";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(2), words));
}
