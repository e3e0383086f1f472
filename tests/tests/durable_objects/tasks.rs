//! Tasks that one isolate runs, and that either answers for.

use std::time::{Duration, Instant};

use pmcp_tests::{Connection, Request};
use serde_json::{Value, json};

use crate::{Isolate, Pair, next};

/// Less than the isolate that runs a task takes to look for what it was not told.
const AT_ONCE: Duration = Duration::from_secs(4);

fn modern(method: &str, params: Value) -> Request {
    let known = json!({ "elicitation": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } });
    Request::modern(method, params).meta("clientCapabilities", known)
}

fn ask(pair: &Pair, isolate: Isolate, method: &str, params: Value) -> Value {
    pair.send(isolate, &modern(method, params)).result()
}

fn begin(pair: &Pair, isolate: Isolate, tool: &str, arguments: Value) -> String {
    let created = ask(pair, isolate, "tools/call", json!({ "name": tool, "arguments": arguments }));
    assert_eq!(created["resultType"], "task", "{created}\n{}", pair.0.log());
    created["taskId"].as_str().expect("an id").to_owned()
}

fn task(pair: &Pair, isolate: Isolate, id: &str) -> Value {
    ask(pair, isolate, "tasks/get", json!({ "taskId": id }))
}

fn wait_for(pair: &Pair, isolate: Isolate, id: &str, status: &str) -> Value {
    let begin = Instant::now();
    loop {
        let task = task(pair, isolate, id);
        if task["status"] == status {
            return task;
        }
        assert!(begin.elapsed() < AT_ONCE, "{task} is not {status}\n{}", pair.0.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A stream that tells of `id`, as far as the acknowledgement.
fn listen(pair: &Pair, isolate: Isolate, id: &str) -> Connection {
    let request = modern("subscriptions/listen", json!({ "notifications": { "taskIds": [id] } }));
    let mut stream = pair.stream(isolate, &request);
    let first = next(&mut stream).expect("an acknowledgement");
    assert_eq!(first["params"]["notifications"], json!({ "taskIds": [id] }), "{first}");
    stream
}

fn told(stream: &mut Connection, status: &str) -> Value {
    loop {
        let event = next(stream).expect("an event");
        if event["params"]["status"] == status {
            return event["params"].clone();
        }
    }
}

#[test]
fn a_task_is_seen_told_and_cancelled_at_either_isolate() {
    let Some(pair) = Pair::start("a_task_is_seen_told_and_cancelled_at_either_isolate") else { return };
    let id = begin(&pair, 0, "slow_compute", json!({"seconds": 1}));
    assert_eq!(task(&pair, 1, &id)["status"], "working");
    let done = told(&mut listen(&pair, 1, &id), "completed");
    assert_eq!(done["result"]["content"][0]["text"], "The computation took 1 s");
    // Where it runs, and where it does not; both are told.
    for isolate in [0, 1] {
        let id = begin(&pair, 0, "slow_compute", json!({"seconds": 600}));
        let mut streams = [0, 1].map(|isolate| listen(&pair, isolate, &id));
        ask(&pair, isolate, "tasks/cancel", json!({ "taskId": id }));
        for stream in &mut streams {
            told(stream, "cancelled");
        }
        assert_eq!(task(&pair, 1 - isolate, &id)["status"], "cancelled");
    }
    pair.assert_nothing_uncaught();
}

#[test]
fn an_answer_reaches_a_task_from_either_isolate() {
    let Some(pair) = Pair::start("an_answer_reaches_a_task_from_either_isolate") else { return };
    for (here, there) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let id = begin(&pair, here, "multi_input", json!({}));
        // One by one: what wakes the task in a request of another must not leave it there.
        for (key, name) in [("first", "Ada"), ("second", "Grace")] {
            wait_for(&pair, there, &id, "input_required");
            let answer = json!({ "action": "accept", "content": { "name": name } });
            ask(&pair, there, "tasks/update", json!({ "taskId": id, "inputResponses": { key: answer } }));
        }
        let done = wait_for(&pair, there, &id, "completed");
        assert_eq!(done["result"]["content"][0]["text"], "Ada and Grace", "{done}");
    }
    pair.assert_nothing_uncaught();
}

#[test]
fn a_task_that_never_was_is_unknown_and_keeps_nothing() {
    let Some(pair) = Pair::start("a_task_that_never_was_is_unknown_and_keeps_nothing") else { return };
    for id in ["never", "a b", "", &"x".repeat(5_000)] {
        let reply = pair.send(1, &modern("tasks/get", json!({ "taskId": id })).header("Mcp-Name", id));
        assert_eq!(reply.message()["error"]["code"], -32602, "{}", reply.text());
    }
    assert!(!pair.keeps_anything());
    pair.assert_nothing_uncaught();
}
