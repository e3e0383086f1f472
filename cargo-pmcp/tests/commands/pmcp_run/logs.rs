//! `cargo pmcp deploy logs --tail` against services that do not answer, do not end, or have clocks of their own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::super::answers::{self, Answer};
use super::{Place, usual};

/// A service with a server, that answers this to whoever asks for its logs.
fn place(name: &str, logs: impl Fn(&str) -> Answer + Clone + Send + 'static) -> Place {
    let base = answers::start(move |asked, _| match asked {
        "GET /v1/servers/crm" => {
            let server =
                json!({ "account": "acme", "url": "https://crm.example.com", "state": "live", "live_version": 1 });
            ("200 OK", server.to_string())
        }
        _ if asked.starts_with("GET /v1/servers/crm/logs?") => logs(asked),
        _ => usual(asked),
    });
    Place::new(name, base)
}

fn tail(place: &Place) -> Child {
    let mut command = place.command(&["deploy", "logs", "--tail"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

/// How it ends, and what it says, once it is told to with this signal.
fn ended(mut child: Child, signal: &str) -> (Option<i32>, String) {
    let begin = Instant::now();
    assert!(Command::new("/bin/kill").args([signal, &child.id().to_string()]).status().expect("starts").success());
    while child.try_wait().expect("a child can be waited for").is_none() {
        if begin.elapsed() > Duration::from_secs(10) {
            child.kill().expect("it runs");
            panic!("it goes on after {signal}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    super::told(&child.wait_with_output().expect("has ended"))
}

/// Tells when somebody asks.
fn asked(send: &Arc<Mutex<Sender<()>>>) {
    // Nobody listens any more when the test is at its end.
    let _ = send.lock().expect("whole").send(());
}

fn channel() -> (Arc<Mutex<Sender<()>>>, Receiver<()>) {
    let (send, receive) = mpsc::channel();
    (Arc::new(Mutex::new(send)), receive)
}

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn what_waits_for_an_answer_hears_that_it_is_to_end() {
    for signal in ["-INT", "-TERM"] {
        let (send, receive) = channel();
        let place = place("pmcp-run-silent", move |_| {
            asked(&send);
            thread::sleep(Duration::from_secs(60));
            super::not_found()
        });
        let child = tail(&place);
        receive.recv_timeout(LIMIT).expect("it asks");
        assert_eq!(ended(child, signal), (Some(0), String::new()));
    }
}

/// An empty page that names another, which is new.
fn page(asked: &str) -> Answer {
    let before: u64 = asked.rsplit_once("after=").map_or(0, |(_, number)| number.parse().expect("a number"));
    ("200 OK", json!({ "lines": [], "next": (before + 1).to_string() }).to_string())
}

#[test]
fn pages_without_end_come_to_one() {
    let (send, receive) = channel();
    let slow = place("pmcp-run-pages", move |path| {
        asked(&send);
        thread::sleep(Duration::from_millis(50));
        page(path)
    });
    let child = tail(&slow);
    (0..3).for_each(|_| receive.recv_timeout(LIMIT).expect("it asks"));
    assert_eq!(ended(child, "-TERM"), (Some(0), String::new()));

    let quick = place("pmcp-run-pages", page);
    let (code, words) = quick.refused(&["deploy", "logs"]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.starts_with("error: pmcp.run names more than 1000 pages: "), "{words}");
    assert!(
        words.ends_with("\nask for less, if it is about logs: with a shorter --since, or with --filter\n"),
        "{words}"
    );
}

fn now() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    u64::try_from(now.as_millis()).expect("milliseconds")
}

#[test]
fn one_line_with_a_clock_ahead_hides_no_other() {
    let lines = Arc::new(Mutex::new(vec![(253_402_300_799_000, "ahead".to_owned())]));
    let place = place("pmcp-run-ahead", move |asked| {
        let since: u64 = asked.rsplit_once("since=").expect("is there").1.parse().expect("a number");
        assert!(since <= now());
        let mut lines = lines.lock().expect("whole");
        let number = lines.len();
        lines.push((now(), format!("line {number}")));
        let found = lines.iter().filter(|(time, _)| *time >= since);
        let found: Vec<_> =
            found.map(|(time, text)| json!({ "id": text, "timestamp": time, "message": text })).collect();
        ("200 OK", json!({ "lines": found, "next": null }).to_string())
    });
    let mut child = tail(&place);
    let shown = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok).take(4);
    let (send, all) = mpsc::channel();
    thread::spawn(move || {
        let shown: Vec<String> = shown.map(|line| line.split_once(' ').expect("a time").1.to_owned()).collect();
        drop(send.send(shown));
    });
    let shown = all.recv_timeout(LIMIT);
    assert_eq!(ended(child, "-INT"), (Some(0), String::new()));
    assert_eq!(shown.expect("they come"), ["ahead", "line 1", "line 2", "line 3"]);
}
