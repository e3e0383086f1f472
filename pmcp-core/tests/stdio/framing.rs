//! One message a line, whatever the handlers do meanwhile and however the client reads.

use std::{io, sync::Arc, sync::atomic::Ordering, task::Poll, time::Duration};

use pmcp_core::{
    platform::Platform,
    prelude::*,
    serde_json::{Value, json},
    stdio::{Error, Stdio},
    testing::TestPlatform,
};

use crate::{answers, call, initialize, legacy, modern, pipe::Pipe, server::Desk};

fn platform() -> Arc<dyn Platform> {
    Arc::new(TestPlatform::default())
}

fn texts(lines: &[Value]) -> Vec<String> {
    let text =
        |line: &Value| format!("{} {}", line["id"], line["result"]["content"][0]["text"].as_str().unwrap_or("?"));
    lines.iter().filter(|line| line.get("id").is_some()).map(text).collect()
}

#[test]
fn the_ends_of_lines_do_not_matter() {
    let (first, second) = (modern(1, "tools/call", call("at_once")), modern(2, "tools/call", call("at_once")));
    let (first, second) = (first.trim_end(), second.trim_end());
    for lines in [
        format!("{first}\n{second}\n"),
        format!("{first}\r\n{second}\r\n"),
        format!("\n\n{first}\n \t\r\n\n{second}\n\n"),
        format!("  {first}  \n\t{second}"),
    ] {
        assert_eq!(texts(&answers(lines.as_bytes())), ["1 done", "2 done"], "{lines:?}");
    }
    assert_eq!(answers(b""), [Value::Null; 0]);
}

#[test]
fn a_message_never_has_a_newline_in_it() {
    let lines = modern(1, "tools/call", call("wrapped")) + &modern(2, "resources/read", json!({ "uri": "desk:note" }));
    let answers = answers(lines.as_bytes());
    assert_eq!(answers[0]["result"]["structuredContent"], json!({ "a": 1 }));
    assert_eq!(answers[1]["result"]["contents"][0]["text"], "first\nsecond");
    assert_eq!(answers.len(), 2);
}

#[test]
fn ids_keep_their_type() {
    for id in [json!(7), json!("7"), json!(-1), json!(""), json!("ü\n")] {
        assert_eq!(answers(modern(id.clone(), "server/discover", json!({})).as_bytes())[0]["id"], id);
    }
}

#[test]
fn a_slow_request_keeps_no_other_waiting() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, platform(), |turn| {
        pipe.write(modern(1, "tools/call", call("waiting")) + &modern(2, "tools/call", call("at_once")));
        turn.waits();
        assert_eq!(texts(&pipe.lines()), ["2 done"]);
        // Whoever is not woken is not polled.
        for id in 3..10 {
            pipe.write(modern(id, "tools/call", call("at_once")));
            turn.waits();
        }
        assert_eq!(desk.polls.load(Ordering::SeqCst), 1);
        pipe.lines();
        desk.gate.open();
        turn.waits();
        assert_eq!(texts(&pipe.lines()), ["1 passed"]);
        pipe.end();
        turn.ends();
    });
}

#[test]
fn one_that_is_never_satisfied_keeps_none_waiting_either() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, platform(), |turn| {
        pipe.write(modern(1, "tools/call", call("restless")) + &modern(2, "tools/call", call("asleep")));
        pipe.write(modern(3, "tools/call", call("at_once")));
        pipe.write(modern(4, "tools/call", json!({ "name": "waiting", "arguments": {} })));
        desk.gate.open();
        turn.waits();
        let mut texts = texts(&pipe.lines());
        texts.sort();
        assert_eq!(texts, ["1 rested", "2 awake", "3 done", "4 passed"]);
    });
}

#[test]
fn notifications_come_as_whole_lines_before_their_result() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, platform(), |turn| {
        let second = json!({ "name": "talking", "arguments": {}, "_meta": { "progressToken": "other" } });
        pipe.write(modern(1, "tools/call", call("talking")) + &modern(2, "tools/call", second));
        turn.waits();
        let lines = pipe.lines();
        for token in ["talking", "other"] {
            let of_token = lines.iter().filter(|line| line["params"]["progressToken"] == token);
            let steps: Vec<_> = of_token.map(|line| line["params"]["progress"].as_f64()).collect();
            assert_eq!(steps, [Some(1.0), Some(2.0), Some(3.0)], "{token}");
        }
        assert_eq!(lines.len(), 6);
        desk.gate.open();
        turn.waits();
        assert_eq!(texts(&pipe.lines()).len(), 2);
    });
}

#[test]
fn a_client_that_does_not_read_is_not_written_for() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, platform(), |turn| {
        pipe.take_bytes(0);
        pipe.write(modern(1, "tools/call", call("flooding")));
        turn.waits();
        let (steps, polls) = (desk.polls.load(Ordering::SeqCst), turn.polls);
        assert!((64..200).contains(&steps), "{steps} reports of 1 kB wait");
        // Requests wait as well, and are not read.
        let request = modern(2, "tools/call", call("at_once")).repeat(10_000);
        pipe.write(&request);
        turn.waits();
        assert_eq!(desk.polls.load(Ordering::SeqCst), steps);
        assert!(pipe.unread() > request.len() - 20_000, "{} of {} unread", pipe.unread(), request.len());
        assert!(turn.polls < polls + 10, "polled in vain");
        // It goes on when the client does.
        pipe.take_bytes(100_000);
        turn.waits();
        assert!(desk.polls.load(Ordering::SeqCst) > steps);
    });
    assert_eq!(desk.live(), 0);
}

#[test]
fn a_client_that_does_not_read_can_still_cancel() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, platform(), |turn| {
        pipe.take_bytes(0);
        pipe.write(modern(1, "tools/call", call("flooding")) + &crate::cancel(1));
        turn.waits();
        assert_eq!(desk.live(), 0);
        pipe.take_bytes(usize::MAX);
        pipe.write(modern(2, "tools/call", call("at_once")));
        turn.waits();
        assert_eq!(texts(&pipe.lines()), ["2 done"]);
    });
}

#[test]
fn at_the_end_what_waits_is_dropped_and_what_is_answered_is_written() {
    for open in ["", &initialize("2025-11-25")] {
        let (desk, pipe) = (Desk::default(), Pipe::new());
        let server = Stdio::new(desk.clone()).expect("a server");
        pipe.play(&server, platform(), |turn| {
            let request = |id: i64, tool: &str| {
                let line = if open.is_empty() { modern } else { legacy };
                line(id, "tools/call", call(tool))
            };
            pipe.write(open);
            turn.waits();
            pipe.lines();
            pipe.write(request(1, "waiting"));
            // What needs no waiting is answered, as in a shell where the requests come from a file.
            pipe.write(request(2, "at_once"));
            pipe.write(request(3, "logging").trim_end());
            pipe.end();
            turn.ends();
            let mut texts = texts(&pipe.lines());
            texts.sort();
            assert_eq!(texts, ["2 done", "3 logged"]);
            assert_eq!(desk.live(), 0);
        });
    }
}

#[test]
fn the_end_does_not_wait_for_a_client_that_does_not_read() {
    let pipe = Pipe::new();
    let server = Stdio::new(Desk::default()).expect("a server");
    let platform = Arc::new(TestPlatform::default());
    pipe.play(&server, platform.clone(), |turn| {
        pipe.take_bytes(3);
        pipe.write(modern(1, "tools/call", call("at_once")));
        pipe.end();
        turn.ends();
    });
    assert_eq!(platform.now(), Duration::from_secs(1));
}

#[test]
fn streams_that_fail_end_it() {
    for (kind, is_error) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
        let (desk, pipe) = (Desk::default(), Pipe::new());
        let server = Stdio::new(desk.clone()).expect("a server");
        pipe.play(&server, platform(), |turn| {
            pipe.write(modern(1, "tools/call", call("talking")));
            turn.waits();
            pipe.fail_writing(kind);
            desk.gate.open();
            match turn.run() {
                Poll::Ready(Ok(())) => assert!(!is_error, "{kind}"),
                Poll::Ready(Err(Error::Write(error))) => assert!(is_error && error.kind() == kind, "{error}"),
                other => panic!("{kind}: {other:?}"),
            }
        });
        assert_eq!(desk.live(), 0);
    }
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, platform(), |turn| {
        pipe.write(modern(1, "tools/call", call("waiting")));
        turn.waits();
        pipe.fail_reading(io::ErrorKind::InvalidData);
        assert!(matches!(turn.run(), Poll::Ready(Err(Error::Read(_)))));
    });
    assert_eq!(desk.live(), 0);
}

#[cfg(panic = "unwind")]
#[test]
fn a_handler_that_panics_takes_nothing_with_it() {
    let lines = modern(1, "tools/call", call("panics")) + &modern(2, "tools/call", call("at_once"));
    let answers = answers(lines.as_bytes());
    let by_id = |id: i64| answers.iter().find(|line| line["id"] == id).expect("an answer");
    assert_eq!(by_id(1)["error"]["code"], -32603);
    assert_eq!(by_id(2)["result"]["content"][0]["text"], "done");
}

#[test]
fn a_time_limit_ends_a_handler_and_is_known_to_it() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server").time_limit(Duration::from_secs(3));
    pipe.play(&server, platform(), |turn| {
        pipe.write(modern(1, "tools/call", call("asleep")));
        turn.waits();
        let lines = pipe.lines();
        assert_eq!(lines[0]["error"]["code"], -32603);
        assert!(lines[0]["error"]["message"].as_str().is_some_and(|text| text.contains("3000 ms")), "{lines:?}");
        pipe.write(modern(2, "tools/call", call("knows")));
        turn.waits();
        let known = pipe.lines()[0]["result"]["structuredContent"].clone();
        // The clock of the test stands at 3 s by now.
        assert_eq!((&known["deadline"], &known["remaining"]), (&json!(6), &json!(3)));
    });
}

// Without threads nothing need be.
#[cfg(not(target_family = "wasm"))]
#[test]
fn the_future_may_move_between_threads() {
    fn is_send(_: impl Send) {}
    let server = Stdio::new(Desk::default()).expect("a server");
    is_send(server.serve(&b""[..], Vec::new(), platform()));
    is_send(pmcp_core::stdio::serve(Desk::default().into_server(), &b""[..], Vec::new(), platform()));
}
