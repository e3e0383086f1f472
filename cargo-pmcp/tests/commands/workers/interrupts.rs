//! Ctrl-C while Cloudflare takes its time: it is heard at once, and nothing else is begun.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::halfway::bind;
use super::{Answers, Place};

const LIMIT: Duration = Duration::from_secs(30);

/// A deployment that Ctrl-C comes to while the API says nothing.
fn interrupted(name: &str, answers: Answers) -> (Place, Option<i32>, String) {
    let place = Place::new(name, answers);
    bind(&place, "[cloudflare.kv]\nSHARED = {}\n[cloudflare.d1]\nNOTES = {}\n");
    let mut command = place.folder.command(&["deploy"]);
    command.envs(place.environment.clone()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("starts");
    let begin = Instant::now();
    while !place.folder.0.join("asked").exists() {
        assert!(begin.elapsed() < LIMIT, "nothing was asked");
        thread::sleep(Duration::from_millis(20));
    }
    let begin = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().is_ok_and(|told| told.success()));
    let output = child.wait_with_output().expect("ends");
    assert!(begin.elapsed() < LIMIT, "it waited for an answer");
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    let message = words.find("error: ").map(|begin| words[begin..].to_owned());
    (place, output.status.code(), message.unwrap_or(words))
}

#[test]
fn it_is_heard_while_something_is_asked() {
    let (place, code, words) = interrupted("workers-asking", &[("/settings", 0, "")]);
    let expected = "error: interrupted while asking Cloudflare for the settings of crm\nnothing was changed: run `cargo pmcp \
                    deploy` again to have what is here\n";
    assert_eq!((code, &words as &str), (Some(130), expected));
    assert!(!place.folder.0.join(".pmcp/cloudflare.json").exists());
}

#[test]
fn it_is_heard_while_something_is_made_which_is_known_then() {
    let (place, code, words) = interrupted("workers-making", &[("/storage/kv/namespaces", 0, "")]);
    let expected = "error: interrupted while letting Cloudflare make a KV namespace\nnothing was deployed, and the KV namespace \
                    crm-shared may be there by now: run `cargo pmcp deploy` again, which looks for it\n";
    assert_eq!((code, &words as &str), (Some(130), expected));
    let made = fs::read_to_string(place.folder.0.join(".pmcp/cloudflare.json")).expect("was written");
    assert!(made.contains("crm-shared") && !made.contains("crm-notes"), "{made}");
}

#[test]
fn a_build_that_is_interrupted_leaves_nothing() {
    let place = Place::new("workers-building", &[]);
    place.folder.write("w/wrangler.toml", "[build]\ncommand = \"kill -INT $PPID; exec /bin/sleep 60\"\n");
    let begin = Instant::now();
    let words = "error: interrupted during `kill -INT $PPID; exec /bin/sleep 60`\nnothing was changed: run `cargo pmcp deploy` again \
                 to have what is here\n";
    assert_eq!(place.refused(&["deploy"]), (Some(130), words.into()));
    assert!(begin.elapsed() < LIMIT, "it waited for a program that it should have ended");
    assert!(!place.folder.0.join(".pmcp/deployed.json").exists(), "nothing is remembered");
}
