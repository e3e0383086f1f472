//! Tasks between processes and with real clients: instances that share a Redis, one that is killed, and the SDKs.

use std::time::{Duration, Instant};

use pmcp_tests::{Client, Connection, Redis, Request, Server, exchange};
use serde_json::{Value, json};

const NOTES: &str = "notes-cloudrun";
/// How long a process vouches for the tasks that it runs.
const LEASE: Duration = Duration::from_secs(30);

fn modern(method: &str, params: Value) -> Request {
    let known = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    Request::modern(method, params).meta("clientCapabilities", known)
}

fn ask(server: &Server, method: &str, params: Value) -> Value {
    let reply = exchange(server.addr(), &modern(method, params).to_bytes(server.addr())).expect("an answer");
    reply.result()
}

/// Two processes, and the Redis between them.
fn two(test: &str) -> Option<(Redis, [Server; 2])> {
    let redis = Redis::start(test)?;
    let url = redis.url();
    let servers = [(); 2].map(|()| Server::start(NOTES, &[("REDIS_URL", &url)]));
    Some((redis, servers))
}

/// Starts a task that takes `seconds`.
fn remind(server: &Server, name: &str, seconds: u32) -> String {
    let arguments = json!({ "name": name, "after_seconds": seconds });
    let created = ask(server, "tools/call", json!({ "name": "remind", "arguments": arguments }));
    assert_eq!(created["resultType"], "task", "{created}");
    created["taskId"].as_str().expect("an id").to_owned()
}

/// A stream that tells of `id`, as far as the acknowledgement.
fn listen(server: &Server, id: &str) -> Connection {
    let mut stream = Connection::open(server.addr()).expect("the server accepts");
    let request = modern("subscriptions/listen", json!({ "notifications": { "taskIds": [id] } }));
    stream.send(&request.to_bytes(server.addr())).expect("the server reads");
    let head = stream.read_head().expect("a reply begins");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}\n{}", server.log());
    let first = stream.read_event().expect("the stream lives").expect("an event");
    assert_eq!(first["params"]["notifications"], json!({ "taskIds": [id] }), "{first}");
    stream
}

/// The task of the next notification in which its status is `status`.
fn told(stream: &mut Connection, status: &str) -> Value {
    loop {
        let event = stream.read_event().expect("the stream lives").expect("an event");
        assert_eq!(event["method"], "notifications/tasks", "{event}");
        if event["params"]["status"] == status {
            return event["params"].clone();
        }
        assert_eq!(event["params"]["status"], "working", "{event}");
    }
}

#[test]
fn a_task_is_seen_and_told_at_the_other_process() {
    let Some((_redis, [first, second])) = two("a_task_is_seen_and_told_at_the_other_process") else { return };
    ask(&first, "tools/call", json!({ "name": "write_note", "arguments": { "name": "today", "text": "rain" } }));
    let id = remind(&first, "today", 2);
    assert_eq!(ask(&second, "tasks/get", json!({ "taskId": id }))["status"], "working");
    let mut stream = listen(&second, &id);
    let task = told(&mut stream, "completed");
    assert_eq!((&task["taskId"], &task["result"]["content"][0]["text"]), (&json!(id), &json!("rain")));
    assert_eq!(task["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);

    // And the other way: what is cancelled there ends here, and both are told.
    let id = remind(&first, "today", 600);
    let mut streams = [&first, &second].map(|server| listen(server, &id));
    ask(&second, "tasks/cancel", json!({ "taskId": id }));
    for stream in &mut streams {
        told(stream, "cancelled");
    }
}

#[test]
fn tasks_leave_requests_their_places() {
    let server = Server::start(NOTES, &[("PMCP_MAX_CONCURRENCY", "2")]);
    let ids: Vec<_> = (0..10).map(|_| remind(&server, "today", 600)).collect();
    assert_eq!(ask(&server, "tasks/get", json!({ "taskId": ids[9] }))["status"], "working");
    for id in &ids {
        ask(&server, "tasks/cancel", json!({ "taskId": id }));
    }
    assert_eq!(ask(&server, "tasks/get", json!({ "taskId": ids[0] }))["status"], "cancelled");
}

#[test]
fn a_task_whose_process_is_killed_fails_within_its_lease() {
    let Some((_redis, [first, second])) = two("a_task_whose_process_is_killed_fails_within_its_lease") else { return };
    let id = remind(&first, "today", 600);
    let mut stream = listen(&second, &id);
    // With SIGKILL.
    drop(first);
    let killed = Instant::now();
    assert_eq!(ask(&second, "tasks/get", json!({ "taskId": id }))["status"], "working");
    let task = told(&mut stream, "failed");
    assert!(killed.elapsed() < LEASE + Duration::from_secs(5), "after {:?}", killed.elapsed());
    assert_eq!(task["error"]["code"], -32603, "{task}");
    let seen = ask(&second, "tasks/get", json!({ "taskId": id }));
    assert_eq!((&seen["status"], &seen["error"]), (&json!("failed"), &task["error"]));
}

#[test]
fn typescript_sdk_v2_looks_after_tasks() {
    run("typescript_sdk_v2_looks_after_tasks", "tasks-v2.mjs", 7);
}

#[test]
fn typescript_sdk_v1_looks_after_tasks() {
    run("typescript_sdk_v1_looks_after_tasks", "tasks-v1.mjs", 6);
}

/// The Python SDK 2.x knows no tasks of either revision.
#[test]
fn python_sdk_v1_looks_after_tasks() {
    run("python_sdk_v1_looks_after_tasks", "tasks_python_v1.py", 4);
}

fn run(test: &str, script: &str, steps: usize) {
    let Some(client) = Client::find(test, script) else { return };
    let server = Server::start("conformance-cloudrun", &[("PMCP_SESSIONS", "memory")]);
    client.run(&[&server.url()], steps);
}
