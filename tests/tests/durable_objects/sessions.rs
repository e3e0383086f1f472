//! Sessions of older revisions: their requests reach either isolate, and their objects outlive both.

use std::{thread, time::Duration};

use pmcp_tests::Client;
use serde_json::json;

use crate::{Pair, assert_answered, call, in_session, next, post, verb};

#[test]
fn an_answer_reaches_the_handler_from_the_other_isolate() {
    let Some(pair) = Pair::start("an_answer_reaches_the_handler_from_the_other_isolate") else { return };
    let session = pair.open_session(0);
    for (here, there) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let (asking, question) = pair.ask(here, &session);
        // Nobody waits for these, and they are taken all the same.
        assert_eq!(pair.answer(there, &session, &json!("never")), 202);
        assert_eq!(pair.answer(there, &pair.open_session(there), &question), 202, "in somebody else's session");
        assert_eq!(pair.answer(there, &session, &question), 202);
        assert_answered(asking);
        assert_eq!(pair.answer(here, &session, &question), 202, "answered already");
    }
    // The level of log messages is remembered wherever the next call arrives.
    let logs = |isolate| {
        let messages = pair.send(isolate, &call(&session, "test_tool_with_logging", json!({}))).messages();
        messages.iter().filter(|message| message["method"] == "notifications/message").count()
    };
    assert!(logs(1) > 0);
    let set = in_session(&session, "logging/setLevel", json!({"level": "emergency"}));
    assert_eq!(pair.send(0, &set).result(), json!({}));
    assert_eq!(logs(1), 0);
    pair.assert_nothing_uncaught();
}

#[test]
fn a_stream_is_taken_up_at_the_other_isolate_and_after_the_process() {
    let Some(mut pair) = Pair::start("a_stream_is_taken_up_at_the_other_isolate") else { return };
    let session = pair.open_session(1);
    let mut begun = pair.stream(0, &call(&session, "test_tool_with_progress", json!({})));
    let (id, prime) = begun.read_event_with_id().expect("the stream lives").expect("an event");
    assert!(prime.is_null(), "{prime}");
    begun.close();
    let assert_resumed = |pair: &Pair, isolate| {
        let mut resumed = pair.stream(isolate, &verb("GET", &session).header("Last-Event-ID", &id));
        let messages: Vec<_> = std::iter::from_fn(|| next(&mut resumed)).collect();
        let progress: Vec<_> = messages.iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(progress, [0.0, 50.0, 100.0], "{messages:?}");
        let text = &messages.last().expect("an answer")["result"]["content"][0]["text"];
        assert_eq!(text, "Tool with progress executed successfully");
    };
    assert_resumed(&pair, 1);
    assert_resumed(&pair, 0);
    // What is kept is kept on disk.
    pair.0.start_again();
    assert_resumed(&pair, 1);
    let (asking, question) = pair.ask(0, &session);
    assert_eq!(pair.answer(1, &session, &question), 202);
    assert_answered(asking);
}

#[test]
fn the_end_of_a_session_or_a_request_is_heard_at_the_other_isolate() {
    let Some(pair) = Pair::start("the_end_of_a_session_or_a_request_is_heard") else { return };
    let session = pair.open_session(0);
    let (mut cancelled, question) = pair.ask(0, &session);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(pair.send(1, &post(&session, &cancel)).status(), 202);
    let withdrawn = next(&mut cancelled).expect("what the handler asked is not asked any more");
    assert_eq!(
        (&withdrawn["method"], &withdrawn["params"]["requestId"]),
        (&json!("notifications/cancelled"), &question)
    );
    assert_eq!(next(&mut cancelled), None, "what was cancelled is not answered");

    let (mut asking, _) = pair.ask(0, &session);
    let mut told = pair.stream(0, &verb("GET", &session));
    // Until it waits.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(pair.send(1, &verb("DELETE", &session)).status(), 204);
    assert_eq!(next(&mut told), None);
    assert_eq!(next(&mut asking), None);
    assert_eq!(pair.send(0, &in_session(&session, "ping", json!({}))).status(), 404);
    pair.assert_nothing_uncaught();
}

#[test]
fn ids_that_are_none_find_no_session() {
    let Some(pair) = Pair::start("ids_that_are_none_find_no_session") else { return };
    let long = "x".repeat(5_000);
    for id in ["made-up", "a b", "../session", "%00", &long] {
        assert_eq!(pair.send(0, &in_session(id, "ping", json!({}))).status(), 404, "{id}");
        assert_eq!(pair.send(1, &verb("DELETE", id)).status(), 404, "{id}");
        assert_eq!(pair.send(1, &verb("GET", id).header("Last-Event-ID", "x.1")).status(), 404, "{id}");
    }
    // Nothing is kept for them.
    assert!(!pair.keeps_anything());
    let session = pair.open_session(0);
    assert!(pair.keeps_anything());
    // An id of a request that is as long as any may be is no reason to fail; a longer one is refused.
    let longest = "x".repeat(1024);
    let request = call(&session, "test_tool_with_progress", json!({})).set("id", json!(longest));
    let messages = pair.send(1, &request).messages();
    assert_eq!(messages.last().expect("an answer")["id"], longest.as_str());
    // What is cancelled under such an id ends, also where each of its characters takes several in other notations.
    for longest in [longest, "\u{7f}".repeat(1024), "\u{e9}".repeat(512)] {
        let asking = call(&session, "test_elicitation", json!({"message": "Who?"})).set("id", json!(longest));
        let mut asking = pair.stream(1, &asking);
        while next(&mut asking).expect("a question")["method"] != "elicitation/create" {}
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": longest}});
        assert_eq!(pair.send(0, &post(&session, &cancel)).status(), 202);
        assert_eq!(next(&mut asking).expect("the question is withdrawn")["method"], "notifications/cancelled");
        assert_eq!(next(&mut asking), None, "what was cancelled is not answered");
    }
    let refused = call(&session, "test_tool_with_progress", json!({})).set("id", json!(long));
    assert_eq!(pair.send(1, &refused).status(), 400);
    pair.assert_nothing_uncaught();
}

#[test]
fn a_session_that_nobody_uses_is_forgotten_by_its_alarm() {
    let idle = [("PMCP_SESSIONS", "shared"), ("PMCP_SESSION_IDLE_MS", "3000")];
    let Some(pair) = Pair::start_with("a_session_that_nobody_uses_is_forgotten", &idle) else { return };
    let session = pair.open_session(0);
    for isolate in [1, 0, 1, 0] {
        thread::sleep(Duration::from_secs(1));
        let ping = in_session(&session, "ping", json!({}));
        assert_eq!(pair.send(isolate, &ping).status(), 200, "it was used a second ago");
    }
    let mut told = pair.stream(1, &verb("GET", &session));
    assert_eq!(next(&mut told), None, "whoever waits learns of it");
    assert_eq!(pair.send(0, &in_session(&session, "ping", json!({}))).status(), 404);
    pair.assert_nothing_uncaught();
}

#[test]
fn a_long_message_comes_whole() {
    let Some(pair) = Pair::start("a_long_message_comes_whole") else { return };
    let session = pair.open_session(0);
    // Longer than what goes over a socket at once, than a row may be, and than an older object keeps at all.
    for length in [100_000, 700_000, 3_000_000] {
        let message = "\u{e9}".repeat(length / 2);
        let mut asking = pair.stream(0, &call(&session, "test_elicitation", json!({"message": message})));
        let question = loop {
            let event = next(&mut asking).expect("a question");
            if event["method"] == "elicitation/create" {
                break event;
            }
        };
        assert!(question["params"]["message"] == message, "{length} bytes came otherwise");
        assert_eq!(pair.answer(1, &session, &question["id"]), 202);
        assert_answered(asking);
    }
    pair.assert_nothing_uncaught();
}

#[test]
fn the_last_streams_of_a_session_are_kept_and_older_ones_are_not() {
    let Some(pair) = Pair::start("the_last_streams_of_a_session_are_kept") else { return };
    let session = pair.open_session(0);
    let mut begun = Vec::new();
    for n in 0..70 {
        let mut stream = pair.stream(n % 2, &call(&session, "test_streaming_elicitation", json!({})));
        let (id, _) = stream.read_event_with_id().expect("the stream lives").expect("an event");
        begun.push(id);
        while next(&mut stream).is_some() {}
    }
    for (id, is_kept) in [(&begun[0], false), (&begun[5], false), (&begun[10], true), (&begun[69], true)] {
        let mut resumed = pair.stream(1, &verb("GET", &session).header("Last-Event-ID", id));
        let last = std::iter::from_fn(|| next(&mut resumed)).last();
        assert_eq!(last.is_some_and(|last| last["result"].is_object()), is_kept, "{id}");
    }
    pair.assert_nothing_uncaught();
}

#[test]
fn nothing_is_left_of_sessions_that_ended() {
    let Some(pair) = Pair::start("nothing_is_left_of_sessions_that_ended") else { return };
    for n in 0..20 {
        let session = pair.open_session(n % 2);
        let (asking, question) = pair.ask(n % 2, &session);
        assert_eq!(pair.answer(1, &session, &question), 202);
        assert_answered(asking);
        assert_eq!(pair.send(0, &verb("DELETE", &session)).status(), 204);
        assert_eq!(pair.send(1, &in_session(&session, "ping", json!({}))).status(), 404);
    }
    pair.assert_nothing_uncaught();
}

#[test]
fn typescript_sdk_v1_has_a_session_with_two_isolates() {
    let test = "typescript_sdk_v1_has_a_session_with_two_isolates";
    let Some(client) = Client::find(test, "sessions-v1.mjs") else { return };
    let Some(pair) = Pair::start(test) else { return };
    let urls: Vec<_> = pair.0.addrs().iter().map(|addr| format!("http://{addr}/mcp")).collect();
    client.run(&[&urls[0], &urls[1]], 6);
    pair.assert_nothing_uncaught();
}
