//! What Lambda and its fronts take away: time, length, and what goes on after the answer.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pmcp_tests::{Front, Outcome, Reply, Request};
use serde_json::json;

use super::{MINUTE, call, older_call, probe, text};

const STREAMING: (&str, &str) = ("PMCP_RESPONSE_MODE", "streaming");

#[test]
fn a_handler_is_ended_before_the_deadline_and_the_client_hears_of_it() {
    let lambda = probe(&[("PMCP_DEADLINE_MARGIN_MS", "400")]);
    for (request, status) in
        [(call("wait", json!({"millis": 60_000})), 500), (older_call("wait", json!({"millis": 60_000})), 200)]
    {
        let (begin, limit) = (Instant::now(), Duration::from_millis(1200));
        let reply = Front::FunctionUrl.unwrap(lambda.invoke(&Front::FunctionUrl.wrap(&request), limit));
        assert!(begin.elapsed() < limit, "too late: {:?}", begin.elapsed());
        assert!(begin.elapsed() >= Duration::from_millis(700), "too early: {:?}", begin.elapsed());
        let message = reply.message();
        assert_eq!((reply.status(), &message["error"]["code"]), (status, &json!(-32603)), "{message}");
        assert!(message["error"]["message"].as_str().is_some_and(|text| text.contains("time")), "{message}");
    }
    assert_eq!(text(&lambda.exchange(Front::Alb, &call("letters", json!({"length": 3})))), "aaa");
}

#[test]
fn a_handler_knows_how_long_it_has() {
    let lambda = probe(&[]);
    let remaining = |front: Front, limit| {
        let reply = front.unwrap(lambda.invoke(&front.wrap(&call("request", json!({}))), limit));
        let known: serde_json::Value = serde_json::from_str(&text(&reply)).expect("JSON");
        known["remaining"].as_u64()
    };
    let near = |found: Option<u64>, millis: u64| found.is_some_and(|found| (millis - 1500..=millis).contains(&found));
    assert!(near(remaining(Front::FunctionUrl, MINUTE), 59_500));
    // The gateway gives up earlier than Lambda does.
    assert!(near(remaining(Front::Http, MINUTE), 29_500));
    // An emulator's deadline, which lies in the past, is none.
    assert_eq!(remaining(Front::FunctionUrl, Duration::ZERO), None);
}

#[test]
fn what_was_handed_to_the_background_is_done_before_the_next_event_is_asked_for() {
    let lambda = probe(&[]);
    let begin = Instant::now();
    let reply = lambda.exchange(Front::FunctionUrl, &call("later", json!({"millis": 700})));
    assert_eq!(text(&reply), "started");
    assert!(begin.elapsed() < Duration::from_millis(700), "the client waits for none of it");
    assert_eq!(lambda.api().polls(), 1);
    sleep(Duration::from_millis(200));
    assert_eq!(lambda.api().polls(), 1, "asked for more while work was left");
    lambda.expect_in_log("the background work is done");
    let asked = Instant::now();
    while lambda.api().polls() < 2 {
        assert!(asked.elapsed() < Duration::from_secs(5), "never asks again");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn background_work_that_does_not_end_is_given_up_at_the_deadline() {
    let lambda = probe(&[]);
    let event = Front::FunctionUrl.wrap(&call("later", json!({"millis": 60_000})));
    let outcome = lambda.invoke(&event, Duration::from_millis(1000));
    assert!(matches!(outcome, Outcome::Whole(_)), "{outcome:?}");
    lambda.expect_in_log("background work was given up");
    assert_eq!(text(&lambda.exchange(Front::Rest, &call("letters", json!({"length": 3})))), "aaa");
}

#[test]
fn an_answer_over_the_limit_is_a_tool_error_that_says_so() {
    let lambda = probe(&[]);
    let letters = |length: usize| json!({ "length": length });
    for (front, length, limit) in [(Front::FunctionUrl, 6 << 20, "6 MB"), (Front::Alb, 1 << 20, "1 MB")] {
        for request in [call("letters", letters(length)), older_call("letters", letters(length))] {
            let result = lambda.exchange(front, &request).result();
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            assert!(result["isError"] == true && text.contains(limit) && text.contains("streaming"), "{result}");
        }
        let fits = lambda.exchange(front, &call("letters", letters(length - (16 << 10))));
        assert_eq!(text(&fits).len(), length - (16 << 10));
    }
    let streaming = probe(&[STREAMING]);
    let long = streaming.exchange(Front::FunctionUrl, &call("letters", letters(7 << 20)));
    assert_eq!(text(&long).len(), 7 << 20);
}

fn listen() -> Request {
    Request::modern("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }))
}

fn methods(reply: &Reply) -> Vec<String> {
    let name = |message: &serde_json::Value| message["method"].as_str().unwrap_or("the result").to_owned();
    reply.messages().iter().map(name).collect()
}

#[test]
fn a_listen_stream_that_cannot_be_streamed_is_acknowledged_and_ends() {
    let acknowledged = ["notifications/subscriptions/acknowledged", "the result"];
    for front in Front::ALL {
        let begin = Instant::now();
        assert_eq!(methods(&probe(&[]).exchange(front, &listen())), acknowledged, "{front:?}");
        assert!(begin.elapsed() < Duration::from_secs(5), "it hung");
    }
}

#[test]
fn a_streamed_listen_stream_ends_in_good_order_before_the_deadline() {
    let lambda = probe(&[STREAMING, ("AWS_LAMBDA_MAX_CONCURRENCY", "2")]);
    let listening =
        lambda.api().begin(Front::FunctionUrl.wrap(&listen()).to_string().as_bytes(), Duration::from_secs(2));
    sleep(Duration::from_millis(500));
    assert_eq!(text(&lambda.exchange(Front::FunctionUrl, &call("announce", json!({})))), "told");
    let outcome = listening.recv_timeout(Duration::from_secs(2)).expect("an end before the deadline");
    let heard = methods(&Front::FunctionUrl.unwrap(outcome));
    let expected = ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed", "the result"];
    assert_eq!(heard, expected);
}

#[test]
fn progress_comes_with_the_result_where_answers_are_whole() {
    let request = call("wait", json!({"millis": 10})).with_progress();
    for env in [&[][..], &[STREAMING]] {
        let lambda = probe(env);
        for front in Front::ALL {
            assert_eq!(
                methods(&lambda.exchange(front, &request)),
                ["notifications/progress", "the result"],
                "{front:?}"
            );
        }
    }
}
