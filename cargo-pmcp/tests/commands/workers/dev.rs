//! `cargo pmcp dev` as a Worker: what is said of secrets, and what changes while it runs.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Place;
use super::halfway::bind;

const LIMIT: Duration = Duration::from_secs(20);

/// Something that changes, and whether that was taken.
type Change<'a> = (&'a dyn Fn(), &'a dyn Fn() -> bool);

/// Runs it while something changes, and returns what it said; a test that waits in vain says what it has seen.
fn dev(place: &Place, changes: &[Change<'_>]) -> String {
    drop(fs::remove_file(place.folder.0.join("w/started")));
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let mut command = place.folder.command(&["dev", "--target", "cloudflare-workers", "--port", &port.to_string()]);
    let words = fs::File::create(place.folder.0.join("words")).expect("a file");
    command.envs(place.environment.clone()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
    let mut child = command.spawn().expect("starts");
    let until = |is_so: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !is_so() && begin.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(20));
        }
    };
    until(&|| place.folder.0.join("w/started").exists());
    for (change, is_done) in changes {
        change();
        until(is_done);
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().is_ok_and(|told| told.success()));
    child.wait().expect("ends");
    fs::read_to_string(place.folder.0.join("words")).expect("was written")
}

fn place(name: &str, more: &str) -> Place {
    let place = Place::new(name, &[]);
    place.folder.program("wrangler", "case $1 in dev) echo > started; exec /bin/sleep 60 ;; esac");
    bind(&place, more);
    place
}

#[test]
fn each_secret_that_is_not_here_is_named() {
    let place = place("workers-dev-secrets", "[secrets]\nGIVEN = {}\nKEY = {}\nPMCP_STATE_KEYS = {}\n");
    let note = |key: &str, file: &str| {
        let path = place.folder.0.join("w").join(file).display().to_string();
        format!(
            "note: {key} is under [secrets] in .pmcp/deploy.toml, and not set here: write {key}=value into {path}, if the \
             server reads it\n"
        )
    };
    let words = dev(&place, &[]);
    assert!(words.contains(&note("GIVEN", ".dev.vars")) && words.contains(&note("KEY", ".dev.vars")), "{words}");
    assert!(!words.contains("PMCP_STATE_KEYS"), "the server makes its own: {words}");
    place.folder.write("w/.env", "export GIVEN=1\n");
    let words = dev(&place, &[]);
    assert!(words.contains(&note("KEY", ".env")) && !words.contains("GIVEN"), "{words}");
    place.folder.write("w/.dev.vars", "KEY=\"1\"\n# GIVEN=1\n");
    let words = dev(&place, &[]);
    assert!(words.contains(&note("GIVEN", ".dev.vars")) && !words.contains("KEY"), "{words}");
}

#[test]
fn other_settings_are_taken_without_a_restart() {
    let place = place("workers-dev-settings", "[environment]\nMOOD = \"good\"\n");
    let file = |path: &str| fs::read_to_string(place.folder.0.join(path)).unwrap_or_default();
    let change = |path: &str, old: &str, new: &str| {
        let text = file(path);
        assert!(text.contains(old), "{text}");
        place.folder.write(path, &text.replace(old, new));
    };
    let settings = || file("w/wrangler.pmcp.dev.json");
    let config = ".pmcp/deploy.toml";
    let words = dev(
        &place,
        &[
            (&|| change(config, "\"good\"", "\"better\""), &|| settings().contains("\"better\"")),
            // What is wrong for a moment ends nothing.
            (&|| change(config, "\"better\"", "better"), &|| file("words").contains("until then, ")),
            (&|| change(config, "= better", "= \"best\"\n[secrets]\nKEY = {}"), &|| settings().contains("\"best\"")),
            (&|| change("w/wrangler.toml", "main", "logpush = true\nmain"), &|| {
                settings().contains("\"logpush\": true")
            }),
        ],
    );
    assert!(settings().contains("\"best\"") && settings().contains("\"logpush\": true"), "{words}{}", settings());
    let again = "the settings have changed, and wrangler reads them again\n";
    assert_eq!(words.matches(again).count(), 3, "{words}");
    assert!(words.contains("until then, what it said before is good\n"), "{words}");
    assert!(words.contains("note: KEY is under [secrets] in .pmcp/deploy.toml, and not set here: "), "{words}");
    assert_eq!(file("w/started"), "\n", "it was started once");
}
