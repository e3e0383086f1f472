//! Handlers ask the client: in rounds in the newest revision, in place where the connection was opened before.

use std::sync::Arc;

use pmcp_core::{
    serde_json::{Value, json},
    stdio::Stdio,
    testing::TestPlatform,
};

use crate::{
    answers, call, cancel, initialize, legacy, modern,
    pipe::{Pipe, Turn},
    server::Desk,
};

fn play(revision: &str, script: impl FnOnce(&Desk, &Pipe, &mut Turn<'_>)) {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        pipe.write(initialize(revision));
        turn.waits();
        pipe.lines();
        script(&desk, &pipe, turn);
    });
    assert_eq!(desk.live(), 0);
}

fn roots(count: usize) -> Value {
    let root = |n: usize| json!({ "uri": format!("file:///{n}") });
    json!({ "roots": (0..count).map(root).collect::<Vec<_>>() })
}

fn reply(id: &Value, member: &str, value: Value) -> String {
    let mut reply = json!({ "jsonrpc": "2.0", "id": id });
    reply[member] = value;
    reply.to_string() + "\n"
}

fn withdrawn(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } })
}

#[test]
fn a_client_of_an_opened_connection_is_asked_in_place() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        play(revision, |_, pipe, turn| {
            pipe.write(legacy(1, "tools/call", call("asking")) + &legacy(2, "tools/call", call("asking")));
            turn.waits();
            let first = pipe.lines();
            assert_eq!(first.len(), 2);
            assert!(first.iter().all(|question| question["method"] == "roots/list"), "{first:?}");
            assert_ne!(first[0]["id"], first[1]["id"]);
            // The one that was asked last is answered first, and the other keeps waiting.
            pipe.write(reply(&first[1]["id"], "result", roots(2)));
            turn.waits();
            let second = pipe.lines();
            assert_eq!((second.len(), &second[0]["method"]), (1, &json!("roots/list")));
            pipe.write(reply(&second[0]["id"], "result", roots(3)) + &reply(&first[0]["id"], "result", roots(1)));
            turn.waits();
            let lines = pipe.lines();
            let done = lines.iter().find(|line| line["id"] == 2).expect("an answer");
            assert_eq!(done["result"]["content"][0]["text"], "2 and 3 roots");
            pipe.write(cancel(1));
            turn.waits();
        });
    }
}

#[test]
fn a_refusal_and_three_times_nonsense_fail_the_handler() {
    for (times, member, answer) in [
        (1, "error", json!({ "code": -1, "message": "no" })),
        (1, "error", json!(7)),
        (3, "result", json!({ "roots": 7 })),
        (3, "result", json!(null)),
    ] {
        play("2025-06-18", |_, pipe, turn| {
            pipe.write(legacy(1, "tools/call", call("asking")));
            turn.waits();
            let mut lines = pipe.lines();
            for _ in 0..times {
                assert_eq!(lines[0]["method"], "roots/list", "{lines:?}");
                pipe.write(reply(&lines[0]["id"], member, answer.clone()));
                turn.waits();
                lines = pipe.lines();
            }
            assert_eq!((&lines[0]["id"], &lines[0]["result"]["isError"]), (&json!(1), &json!(true)), "{lines:?}");
        });
    }
}

#[test]
fn a_second_question_under_one_key_is_refused() {
    play("2025-11-25", |_, pipe, turn| {
        pipe.write(legacy(1, "tools/call", call("asking_under_one_key")));
        turn.waits();
        pipe.write(reply(&pipe.lines()[0]["id"], "result", roots(1)));
        turn.waits();
        let error = pipe.lines()[0]["error"]["message"].to_string();
        assert!(error.contains("give each its own") && error.contains("roots-1"), "{error}");
    });
}

#[test]
fn answers_to_nothing_are_passed_over() {
    play("2025-06-18", |desk, pipe, turn| {
        pipe.write(legacy(1, "tools/call", call("asking")));
        turn.waits();
        let id = pipe.lines()[0]["id"].clone();
        for other in [json!("question-99"), json!(1), json!("")] {
            pipe.write(reply(&other, "result", roots(1)));
        }
        turn.waits();
        assert_eq!((desk.live(), pipe.lines()), (1, vec![]));
        // Too late for what was cancelled, and too often for what was answered.
        pipe.write(cancel(1) + &reply(&id, "result", roots(1)));
        turn.waits();
        assert_eq!(pipe.lines(), [withdrawn(&id)]);
        pipe.write(legacy(2, "tools/call", call("asking")));
        turn.waits();
        let id = pipe.lines()[0]["id"].clone();
        pipe.write(reply(&id, "result", roots(1)) + &reply(&id, "result", roots(5)));
        turn.waits();
        let id = pipe.lines()[0]["id"].clone();
        pipe.write(reply(&id, "result", roots(2)));
        turn.waits();
        assert_eq!(pipe.lines()[0]["result"]["content"][0]["text"], "1 and 2 roots");
    });
}

#[test]
fn a_question_is_withdrawn_when_its_handler_is_dropped() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        play(revision, |desk, pipe, turn| {
            pipe.write(legacy(1, "tools/call", call("asking")) + &legacy(2, "tools/call", call("asking")));
            turn.waits();
            let ids: Vec<_> = pipe.lines().iter().map(|question| question["id"].clone()).collect();
            // Only what is open: the first question is answered, and the second is withdrawn.
            pipe.write(reply(&ids[0], "result", roots(1)));
            turn.waits();
            let second = pipe.lines()[0]["id"].clone();
            pipe.write(cancel(1));
            turn.waits();
            assert_eq!((pipe.lines(), desk.live()), (vec![withdrawn(&second)], 1));
            // A handler that gives up its question by itself withdraws it too, and goes on.
            pipe.write(cancel(2) + &legacy(3, "tools/call", call("impatient")));
            turn.waits();
            let lines = pipe.lines();
            assert_eq!(lines[0], withdrawn(&ids[1]));
            assert_eq!((lines[1]["method"].as_str(), lines.len()), (Some("roots/list"), 4), "{lines:?}");
            assert_eq!(lines[2], withdrawn(&lines[1]["id"]));
            assert_eq!(lines[3]["result"]["content"][0]["text"], "went on");
        });
    }
}

#[test]
fn a_question_that_was_never_written_is_taken_back() {
    play("2025-06-18", |_, pipe, turn| {
        pipe.take_bytes(0);
        pipe.write(legacy(1, "tools/call", call("asking")));
        turn.waits();
        pipe.write(cancel(1));
        turn.waits();
        pipe.take_bytes(usize::MAX);
        turn.waits();
        assert_eq!(pipe.lines(), [Value::Null; 0]);
        // One that has begun is written to its end, and withdrawn.
        pipe.take_bytes(5);
        pipe.write(legacy(2, "tools/call", call("asking")));
        turn.waits();
        pipe.write(cancel(2));
        turn.waits();
        pipe.take_bytes(usize::MAX);
        turn.waits();
        let lines = pipe.lines();
        assert_eq!(lines[0]["method"], "roots/list");
        assert_eq!(lines[1..], [withdrawn(&lines[0]["id"])]);
    });
}

#[test]
fn nobody_is_asked_when_the_request_is_over() {
    play("2025-11-25", |desk, pipe, turn| {
        desk.gate.open();
        pipe.write(legacy(1, "tools/call", call("talking")));
        turn.waits();
        pipe.lines();
        let left = desk.left.lock().expect("a lock").pop().expect("a clone of the context");
        let asked =
            std::pin::pin!(left.roots("late")).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(asked, std::task::Poll::Ready(Err(pmcp_core::Error::CannotAsk))), "{asked:?}");
    });
}

#[test]
fn nobody_is_asked_who_cannot_answer() {
    let no_roots = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
    let lines = legacy("open", "initialize", no_roots) + &legacy(1, "tools/call", call("asking"));
    assert_eq!(answers(lines.as_bytes())[1]["error"]["code"], -32021);
    // An array of responses has no place for a question.
    let batch = format!("[{}]", legacy(1, "tools/call", call("asking")).trim());
    let answers = answers((initialize("2025-03-26") + &batch).as_bytes());
    assert_eq!(answers[1][0]["result"]["isError"], true, "{answers:?}");
}

#[test]
fn a_page_is_shown_only_where_the_revision_knows_pages() {
    for (revision, knows) in [("2025-03-26", false), ("2025-06-18", false), ("2025-11-25", true)] {
        // Whatever it declares, since a client may speak newer revisions too.
        let params = json!({ "protocolVersion": revision, "capabilities": { "elicitation": { "url": {} } } });
        let (desk, pipe) = (Desk::default(), Pipe::new());
        let server = Stdio::new(desk).expect("a server");
        pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
            pipe.write(legacy("open", "initialize", params) + &legacy(1, "tools/call", call("signing_in")));
            turn.waits();
            let asked = pipe.lines()[1].clone();
            if !knows {
                return assert_eq!(asked["error"]["code"], -32021, "{revision}: {asked}");
            }
            assert_eq!((&asked["params"]["mode"], &asked["params"]["elicitationId"]), (&json!("url"), &asked["id"]));
            pipe.write(reply(&asked["id"], "result", json!({ "action": "accept" })));
            turn.waits();
            assert_eq!(pipe.lines()[0]["id"], 1);
        });
    }
}

#[test]
fn a_modern_client_is_asked_in_rounds() {
    let declared = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
    });
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        let mut params = json!({ "name": "asking", "arguments": {}, "_meta": declared });
        for (round, key) in ["first", "second"].into_iter().enumerate() {
            pipe.write(legacy(round, "tools/call", params.clone()));
            turn.waits();
            let result = pipe.lines()[0]["result"].clone();
            assert_eq!(result["resultType"], "input_required");
            assert_eq!(result["inputRequests"][key]["method"], "roots/list");
            params["requestState"] = result["requestState"].clone();
            params["inputResponses"] = json!({ key: roots(round + 1) });
        }
        pipe.write(legacy(9, "tools/call", params.clone()));
        turn.waits();
        assert_eq!(pipe.lines()[0]["result"]["content"][0]["text"], "1 and 2 roots");
        // A state that was tampered with is refused.
        params["requestState"] = json!("AAAA");
        pipe.write(legacy(10, "tools/call", params));
        turn.waits();
        assert_eq!(pipe.lines()[0]["error"]["code"], -32602);
    });
    assert_eq!(desk.live(), 0);
}

#[test]
fn there_is_nothing_to_come_back_for() {
    let lines = initialize("2025-11-25") + &legacy(1, "tools/call", call("disconnecting"));
    let answers = answers(lines.as_bytes());
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1]["result"]["content"][0]["text"], "still here");
    let answers = crate::answers(modern(1, "tools/call", call("disconnecting")).as_bytes());
    assert_eq!(answers.len(), 1);
}
