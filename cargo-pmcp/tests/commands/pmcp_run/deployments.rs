//! Deployments that stop before their end, and answers that are not the service's.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::super::answers;
use super::{Place, usual};

#[test]
fn a_login_that_ends_meanwhile_is_no_reason_to_forget_a_deployment() {
    let is_over = Arc::new(AtomicBool::new(false));
    let base = answers::start(move |asked, _| match asked {
        _ if is_over.load(Ordering::Relaxed) => ("401 Unauthorized", String::new()),
        put if put.starts_with("PUT /v1/artifacts/") => ("201 Created", String::new()),
        "POST /v1/servers/crm/deployments" => {
            is_over.store(true, Ordering::Relaxed);
            ("201 Created", r#"{"id":"1","state":"starting","version":1}"#.into())
        }
        _ => usual(asked),
    });
    let place = Place::new("pmcp-run-expires", base);
    let words = "error: pmcp.run does not take the token in PMCP_RUN_TOKEN\nthe deployment of crm goes on by itself if it was \
                 begun; what exists of it is not known\nput another there, or unset it and log in: `cargo pmcp deploy login`\n";
    assert_eq!(place.refused(&["deploy", "--yes"]), (Some(4), words.into()));
    let record = fs::read_to_string(place.folder.0.join(".pmcp/deployed.json")).expect("it is known");
    assert!(record.contains("\"begun\": true"), "{record}");
}

#[test]
fn a_wrong_address_is_not_a_server_that_is_gone() {
    let place = Place::new("pmcp-run-wrong-address", answers::start(|_, _| ("404 Not Found", String::new())));
    let record = format!(
        r#"{{"deployments":[{{"target_type":"pmcp-run","name":"crm","place":"{}"}}]}}"#,
        place.base.trim_start_matches("http://")
    );
    place.folder.write(".pmcp/deployed.json", &record);
    for (arguments, asked) in [(&["deploy", "status"][..], "servers/crm"), (&["deploy", "destroy", "--yes"], "account")]
    {
        let words = format!(
            "error: what answers at {} is not understood: GET /v1/{asked} has status 404\nthe service is in early access: update \
             cargo pmcp, and see that `url` under [pmcp_run] in .pmcp/deploy.toml or PMCP_RUN_URL is the address that you were \
             given\n",
            place.base
        );
        assert_eq!(place.refused(arguments), (Some(1), words));
    }
    assert_eq!(fs::read_to_string(place.folder.0.join(".pmcp/deployed.json")).expect("it is known"), record);
}

#[test]
fn pages_that_lead_back_come_to_an_end() {
    let base = answers::start(|asked, _| {
        let path = asked.split('?').next().unwrap_or_default();
        let body = match path {
            "GET /v1/servers/crm" => r#"{"account":"acme","url":"https://crm","state":"live","live_version":1}"#,
            "GET /v1/servers/crm/versions" => r#"{"versions":[{"version":1,"created":0}],"next":"1"}"#,
            "GET /v1/servers/crm/logs" => r#"{"lines":[],"next":"a b"}"#,
            _ => return usual(asked),
        };
        ("200 OK", body.into())
    });
    let place = Place::new("pmcp-run-pages", base);
    for (command, page) in [("status", "versions?after=1"), ("logs", "&after=a%20b")] {
        let (code, words) = place.refused(&["deploy", command]);
        let begin = format!("error: what answers at {} is not understood: GET /v1/servers/crm/", place.base);
        let end = format!("{page} leads back to a page before it\n");
        assert!(code == Some(1) && words.starts_with(&begin) && words.contains(&end), "{words}");
    }
}

#[test]
fn an_upload_that_is_interrupted_is_not_waited_for() {
    let (tell, told) = mpsc::channel();
    let base = answers::start(move |asked, _| {
        // Nobody listens any more once the test is over.
        let _ = tell.send(asked.to_owned());
        if asked.starts_with("PUT ") {
            thread::sleep(Duration::from_secs(60));
        }
        usual(asked)
    });
    let place = Place::new("pmcp-run-interrupted", base);
    let child = place.command(&["deploy"]).stderr(Stdio::piped()).spawn().expect("starts");
    let put = loop {
        let asked = told.recv_timeout(Duration::from_secs(60)).expect("an upload");
        if asked.starts_with("PUT ") {
            break asked;
        }
    };
    let begin = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("starts").success());
    let (code, words) = super::told(&child.wait_with_output().expect("ends"));
    assert!(put.starts_with("PUT /"), "{put}");
    let expected = format!(
        "error: interrupted while sending something to {}\nsee what `cargo pmcp deploy status` says, and run the same command again: it goes \
         on from what is there\n",
        place.base.trim_start_matches("http://")
    );
    assert_eq!((code, words), (Some(130), expected));
    assert!(begin.elapsed() < Duration::from_secs(30), "it waited for the answer");
    assert_eq!(told.try_iter().count(), 0, "something else was begun");
}

#[test]
fn what_takes_too_long_is_not_waited_for() {
    for (head, advice) in [
        ("429 Too Many Requests\nretry-after: 86400", "in 86400 seconds, as it asks for"),
        ("429 Too Many Requests\nretry-after: 18446744073709551615", "tomorrow: it asks for more time than that"),
    ] {
        let place = Place::new("pmcp-run-later", answers::start(move |_, _| (head, String::new())));
        let words = format!("error: pmcp.run has no time at the moment\nrun the command again {advice}\n");
        assert_eq!(place.refused(&["deploy", "status"]), (Some(1), words));
    }
}

#[test]
fn a_build_that_is_interrupted_leaves_nothing() {
    let place = Place::new("pmcp-run-interrupted-build", answers::start(|asked, _| usual(asked)));
    let cargo = fs::read_to_string(place.folder.0.join("bin/cargo")).expect("is there");
    place.folder.write("bin/cargo", &cargo.replace("/bin/mkdir", "kill -INT $PPID; exec /bin/sleep 60\n/bin/mkdir"));
    let (code, words) = place.refused(&["deploy"]);
    let advice = "\nnothing was changed: run `cargo pmcp deploy` again to have what is here\n";
    assert!(code == Some(130) && words.ends_with(advice), "{code:?} {words}");
    assert!(!place.folder.0.join(".pmcp/deployed.json").exists(), "nothing is remembered");
}

#[test]
fn the_wrong_account_is_not_taken_for_an_empty_one() {
    let place = Place::new("pmcp-run-wrong-account", answers::start(|asked, _| usual(asked)));
    let host = place.base.trim_start_matches("http://");
    let there = |account: &str| {
        format!(
            r#"{{"deployments":[{{"target_type":"pmcp-run","name":"crm","place":"{host}","account":"{account}"}}]}}"#
        )
    };
    place.folder.write(".pmcp/deployed.json", &there("other"));
    let elsewhere = format!("crm is deployed in {host} of the account other, and this is the account acme");
    let words = format!(
        "error: {elsewhere}, which has none\nlog in to that one; if nothing is left of the server there, take it out of \
         .pmcp/deployed.json\n"
    );
    assert_eq!(place.refused(&["deploy", "destroy", "--clean", "--yes"]), (Some(5), words));
    let record = || fs::read_to_string(place.folder.0.join(".pmcp/deployed.json"));
    assert_eq!(record().expect("it is known"), there("other"));
    let words = format!(
        "error: {elsewhere}: that would be a second server, with a URL of its own\nlog in to that one, or destroy that one \
         first, or add --beside to have both\n"
    );
    assert_eq!(place.refused(&["deploy"]), (Some(5), words));
    // Of one that is gone in its own account nothing is remembered.
    place.folder.write(".pmcp/deployed.json", &there("acme"));
    assert_eq!(place.refused(&["deploy", "destroy", "--yes"]).0, Some(0));
    assert!(record().is_err());
}
