//! One event after the other, two at once, events that are none, and a Runtime API that breaks off.

use std::time::{Duration, Instant};

use pmcp_tests::{Fault, Front, Outcome};
use serde_json::json;

use super::{MINUTE, answered, call, older_call, probe, text};

#[test]
fn several_invocations_run_side_by_side_where_lambda_says_so() {
    let waiting = Front::FunctionUrl.wrap(&call("wait", json!({"millis": 600}))).to_string();
    let both = |env: &[(&str, &str)]| {
        let lambda = probe(env);
        // Cold, it would take part of the time that is measured.
        text(&lambda.exchange(Front::FunctionUrl, &call("letters", json!({"length": 1}))));
        let begin = Instant::now();
        let answers = [0, 1].map(|_| lambda.api().begin(waiting.as_bytes(), MINUTE));
        for answer in answers {
            let reply = Front::FunctionUrl.unwrap(answer.recv_timeout(MINUTE).expect("an answer"));
            assert_eq!(text(&reply), "waited 600 ms");
        }
        begin.elapsed()
    };
    assert!(both(&[]) >= Duration::from_millis(1200), "one after the other");
    let together = both(&[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]);
    assert!(together < Duration::from_millis(1100), "side by side, but took {together:?}");
}

#[test]
fn an_event_that_is_no_request_is_refused_in_words_and_the_process_lives() {
    let lambda = probe(&[]);
    let many: serde_json::Map<_, _> = (0..40_000).map(|number| (format!("x-{number}"), json!("1"))).collect();
    for event in [
        json!({"Records": [{"eventSource": "aws:sqs", "body": "hello"}]}),
        json!({"source": "aws.events", "detail-type": "Scheduled Event"}),
        json!({"requestContext": {}}),
        json!("text"),
        json!(null),
        json!({"requestContext": {"http": {"method": "POST"}}, "rawPath": "/mcp", "headers": many}),
        json!({"requestContext": {"http": {"method": "PO ST"}}, "rawPath": "/mcp"}),
        json!({"requestContext": {"http": {"method": "POST"}}, "rawPath": "/mcp", "body": "#", "isBase64Encoded": true}),
    ] {
        let Outcome::Failed(error) = lambda.invoke(&event, MINUTE) else { panic!("{event} was answered") };
        assert_eq!(error["errorType"], "Pmcp.NotHttp", "{error}");
        assert!(error["errorMessage"].as_str().is_some_and(|text| text.contains("Function URL")), "{error}");
    }
    lambda.expect_in_log("This function answers HTTP requests");
    assert!(lambda.log().lines().all(|line| line.contains(r#""requestId":"0000"#)), "{}", lambda.log());
    assert_eq!(text(&lambda.exchange(Front::Rest, &call("letters", json!({"length": 2})))), "aa");
}

#[test]
fn a_panic_is_an_answer_and_the_process_lives() {
    let lambda = probe(&[]);
    let reply = lambda.exchange(Front::Rest, &call("panic", json!({"message": "at the disco"})));
    assert_eq!(reply.message()["error"]["code"], -32603, "{}", reply.text());
    lambda.expect_in_log(r#""level":"ERROR","message":"at the disco""#);
    // What a client sent may be all there is in it.
    lambda.exchange(Front::Rest, &call("panic", json!({"message": "long ".repeat(20_000)})));
    lambda.expect_in_log(r#""message":"long long"#);
    assert!(lambda.log().lines().all(|line| line.len() < 3_000), "{}", lambda.log());
    assert_eq!(text(&lambda.exchange(Front::Rest, &call("letters", json!({"length": 2})))), "aa");
}

#[test]
fn a_runtime_api_that_breaks_off_is_asked_again() {
    for concurrency in ["1", "2"] {
        let lambda = probe(&[("AWS_LAMBDA_MAX_CONCURRENCY", concurrency)]);
        for fault in [Fault::DropNext, Fault::DropAnswer, Fault::DropNext] {
            lambda.api().fail_once(fault);
            let event = Front::Rest.wrap(&call("letters", json!({"length": 2}))).to_string();
            // Lost, where it is the answer that breaks.
            let lost = lambda.api().begin(event.as_bytes(), MINUTE);
            if fault == Fault::DropNext {
                lost.recv_timeout(MINUTE).expect("an answer");
            }
            assert_eq!(text(&lambda.exchange(Front::Rest, &call("letters", json!({"length": 2})))), "aa", "{fault:?}");
            assert!(lambda.api().has_failed());
        }
    }
}

#[test]
fn one_line_a_request() {
    let lambda = probe(&[("PMCP_RESPONSE_MODE", "streaming")]);
    for request in [call("letters", json!({"length": 2})), older_call("letters", json!({"length": 2}))] {
        for front in [Front::FunctionUrl, Front::Alb] {
            text(&lambda.exchange(front, &request));
        }
    }
    lambda.exchange(Front::Http, &call("letters", json!({})).path("/nothing"));
    lambda.expect_in_log(r#""status":404"#);
    let lines = answered(&lambda.log());
    assert_eq!(lines.len(), 5, "{}", lambda.log());
    let expected = [
        (true, "function-url", "2026-07-28"),
        (false, "alb", "2026-07-28"),
        (false, "function-url", "2025-11-25"),
        (false, "alb", "2025-11-25"),
    ];
    for (line, (cold, front, era)) in lines.iter().zip(expected) {
        let found = (&line["cold"], &line["front"], &line["era"], &line["method"], &line["name"], &line["status"]);
        let wanted = (json!(cold), json!(front), json!(era), json!("tools/call"), json!("letters"), json!(200));
        assert_eq!(found, (&wanted.0, &wanted.1, &wanted.2, &wanted.3, &wanted.4, &wanted.5), "{line}");
        assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes > 20), "{line}");
        assert!(line["durationMs"].is_f64() && line["level"] == "INFO" && line["timestamp"].is_string(), "{line}");
        assert!(line["requestId"].as_str().is_some_and(|id| id.starts_with("00000000-")), "{line}");
        assert_eq!(line["xrayTraceId"], "Root=1-67d2f1aa-0f1e2d3c4b5a69788796a5b4;Sampled=1");
    }
}

#[test]
fn logs_what_lambda_asks_for() {
    let quiet = probe(&[("AWS_LAMBDA_LOG_LEVEL", "WARN")]);
    text(&quiet.exchange(Front::Rest, &call("letters", json!({"length": 2}))));
    assert_eq!(quiet.log(), "");
    let readable = probe(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]);
    text(&readable.exchange(Front::Rest, &call("letters", json!({"length": 2}))));
    readable.expect_in_log(" INFO answered ");
    assert!(readable.log().contains("method=\"tools/call\" name=\"letters\" status=200"), "{}", readable.log());
}
