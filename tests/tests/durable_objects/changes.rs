//! Changes that one isolate tells of, and the other's clients hear.

use pmcp_tests::{Connection, Request};
use serde_json::{Value, json};

use crate::{Isolate, Pair, call, in_session, next, verb};

/// A stream whose acknowledgement has been read.
fn listen(pair: &Pair, isolate: Isolate, filter: Value) -> Connection {
    let mut stream = pair.stream(isolate, &Request::modern("subscriptions/listen", json!({ "notifications": filter })));
    let first = next(&mut stream).expect("an acknowledgement");
    assert_eq!(first["params"]["notifications"], filter, "{first}");
    stream
}

fn change(pair: &Pair, isolate: Isolate, what: &str) {
    let reply = pair.send(isolate, &Request::call(&format!("test_trigger_{what}_change"), json!({})));
    assert_eq!(reply.result()["content"][0]["text"], "Told", "{}", pair.0.log());
}

fn assert_hears(stream: &mut Connection, list: &str) {
    assert_eq!(next(stream).expect("a change")["method"], format!("notifications/{list}/list_changed"));
}

#[test]
fn a_change_is_heard_at_the_other_isolate() {
    let Some(pair) = Pair::start("a_change_is_heard_at_the_other_isolate") else { return };
    let mut both = [0, 1].map(|isolate| listen(&pair, isolate, json!({"toolsListChanged": true})));
    let mut prompts = listen(&pair, 1, json!({"promptsListChanged": true}));
    // More than the object is told of: who listens for that hears all, and is told what it listens for.
    let uris: Vec<_> = (0..200).map(|n| format!("test://template/{n}/data")).collect();
    let mut much = listen(&pair, 1, json!({"promptsListChanged": true, "resourceSubscriptions": uris}));
    for isolate in [0, 1] {
        change(&pair, isolate, "tool");
        both.iter_mut().for_each(|stream| assert_hears(stream, "tools"));
        change(&pair, isolate, "prompt");
        assert_hears(&mut prompts, "prompts");
        assert_hears(&mut much, "prompts");
    }
    // One that goes is no trouble to the others.
    prompts.close();
    drop(much);
    change(&pair, 0, "tool");
    both.iter_mut().for_each(|stream| assert_hears(stream, "tools"));
    pair.assert_nothing_uncaught();
}

#[test]
fn a_session_hears_at_one_isolate_of_a_change_at_the_other() {
    let Some(pair) = Pair::start("a_session_hears_at_one_isolate_of_a_change") else { return };
    let session = pair.open_session(0);
    let mut told = pair.stream(1, &verb("GET", &session));
    // Until it listens nobody can know.
    std::thread::sleep(std::time::Duration::from_millis(500));
    for isolate in [0, 1] {
        let reply = pair.send(isolate, &call(&session, "test_trigger_tool_change", json!({})));
        assert_eq!(reply.message()["result"]["content"][0]["text"], "Told", "{}", reply.text());
        assert_hears(&mut told, "tools");
    }
    // What is subscribed to while it listens: the stream is told anew.
    let subscribe = in_session(&session, "resources/subscribe", json!({"uri": "test://static-text"}));
    assert_eq!(pair.send(0, &subscribe).result(), json!({}));
    std::thread::sleep(std::time::Duration::from_millis(500));
    change(&pair, 0, "tool");
    assert_hears(&mut told, "tools");
    // Asked for at the other isolate, the changes are told there, and here no more.
    let mut anew = pair.stream(0, &verb("GET", &session));
    while next(&mut told).is_some() {}
    std::thread::sleep(std::time::Duration::from_millis(500));
    change(&pair, 1, "tool");
    assert_hears(&mut anew, "tools");
    pair.assert_nothing_uncaught();
}
