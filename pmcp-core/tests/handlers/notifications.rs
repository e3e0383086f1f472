//! Progress and log messages: what is sent before the result, to whom, and how much of it waits.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use pmcp_core::{
    StreamableHttp,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
};

use crate::{
    clients,
    wire::{self, Stage},
};

#[derive(Clone, Default)]
struct Talking {
    reported: Arc<AtomicUsize>,
    kept: Arc<Mutex<Option<Context>>>,
}

#[server(name = "talking", version = "1.0.0", logging)]
impl Talking {
    #[tool]
    async fn progress(&self, cx: &Context) -> &str {
        cx.progress(1, 4.0, "one").await;
        cx.progress(f64::NAN, None, None).await;
        cx.progress(1.0, 4.0, "again").await;
        cx.progress(0.5, 4.0, "back").await;
        cx.progress(2, f64::NAN, "without a total").await;
        cx.progress(f64::INFINITY, None, None).await;
        cx.progress(2.5, None, None).await;
        cx.progress(f64::NEG_INFINITY, None, None).await;
        cx.progress(i32::MAX, 4.0, "beyond").await;
        "done"
    }

    #[tool]
    async fn fails_after_progress(&self, cx: &Context) -> Result<()> {
        cx.progress(1, None, None).await;
        Err(Error::InvalidParams("No.".to_owned()))
    }

    #[tool]
    async fn log(&self, cx: &Context) -> &str {
        use LogLevel::{Alert, Critical, Debug, Emergency, Error, Info, Notice, Warning};
        for level in [Debug, Info, Notice, Warning, Error, Critical, Alert, Emergency] {
            cx.log(level, json!({ "level": level })).await;
        }
        cx.log(Emergency, "text").await;
        "done"
    }

    #[tool]
    async fn flood(&self, cx: &Context) -> &str {
        for step in 1..=10_000 {
            cx.progress(step, 10_000.0, "a message that takes room").await;
            self.reported.fetch_add(1, Ordering::SeqCst);
        }
        "done"
    }

    #[tool]
    fn keeps_its_context(&self, cx: &Context) -> &str {
        *self.kept.lock().expect("a lock") = Some(cx.clone());
        "done"
    }

    #[tool]
    async fn keeps_its_context_in_time(&self, cx: &Context) -> &str {
        *self.kept.lock().expect("a lock") = Some(cx.clone());
        "done"
    }
}

#[test]
fn progress_is_in_order_and_only_ever_more() {
    pollster::block_on(async {
        for (revision, client) in clients(Talking::default) {
            let exchange = client.request("tools/call", json!({ "name": "progress" })).await;
            assert_eq!(exchange.result.expect("a result")["content"][0]["text"], "done");
            let mut expected = [
                json!({ "progressToken": 1, "progress": 1.0, "total": 4.0, "message": "one" }),
                json!({ "progressToken": 1, "progress": 2.0, "message": "without a total" }),
                json!({ "progressToken": 1, "progress": 2.5 }),
                json!({ "progressToken": 1, "progress": 2_147_483_647.0, "total": 4.0, "message": "beyond" }),
            ]
            .map(|params| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }));
            if revision < Revision::V2025_03_26 {
                for notification in &mut expected {
                    notification["params"].as_object_mut().expect("an object").remove("message");
                }
            }
            assert_eq!(exchange.notifications, expected, "{revision}");
        }
    });
}

#[test]
fn an_error_may_follow_progress() {
    pollster::block_on(async {
        for (revision, client) in clients(Talking::default) {
            let exchange = client.request("tools/call", json!({ "name": "fails_after_progress" })).await;
            assert_eq!((exchange.status, exchange.notifications.len()), (200, 1), "{revision}");
            let error = exchange.result.expect_err("an error");
            assert_eq!((error.code.0, error.message.as_str()), (-32602, "No."), "{revision}");
        }
    });
}

#[test]
fn nobody_is_told_who_did_not_ask() {
    let endpoint = StreamableHttp::new(Talking::default()).expect("a server");
    for revision in Revision::ALL {
        let params = || json!({ "name": "progress", "arguments": {} });
        let without_token = wire::request(revision, "tools/call", params(), json!({}));
        let mut without_events = wire::request(revision, "tools/call", params(), json!({ "progressToken": 1 }));
        without_events.headers_mut().insert("accept", "application/json".parse().expect("a header"));
        for request in [without_token, without_events] {
            let response = wire::respond(&endpoint, request, &Arc::default());
            assert_eq!(response.headers()["content-type"], "application/json", "{revision}");
            let answer = wire::rest(response.into_body());
            assert_eq!(answer.len(), 1, "{revision}");
            assert_eq!(answer[0]["result"]["content"][0]["text"], "done", "{revision}");
        }
    }
}

#[test]
fn progress_tokens_are_echoed_as_they_are() {
    let endpoint = StreamableHttp::new(Talking::default()).expect("a server");
    for revision in Revision::ALL {
        for token in [json!("a\"b"), json!(""), json!(0), json!(-7), json!(9_007_199_254_740_993_i64)] {
            let params = json!({ "name": "progress", "arguments": {} });
            let request = wire::request(revision, "tools/call", params, json!({ "progressToken": token }));
            let answer = wire::rest(wire::respond(&endpoint, request, &Arc::default()).into_body());
            assert_eq!(answer[0]["params"]["progressToken"], token, "{revision}");
        }
        for token in [json!({}), json!([1]), json!(true), json!(1.5)] {
            let params = json!({ "name": "progress", "arguments": {} });
            let request = wire::request(revision, "tools/call", params, json!({ "progressToken": token }));
            let answer = wire::rest(wire::respond(&endpoint, request, &Arc::default()).into_body());
            assert_eq!(answer[0]["error"]["code"], -32602, "{revision} {token}");
        }
    }
}

fn levels(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter(|message| message["method"] == "notifications/message")
        .map(|message| message["params"]["level"].as_str().expect("a level"))
        .collect()
}

#[test]
fn log_messages_are_those_that_the_client_wants() {
    let endpoint = StreamableHttp::new(Talking::default()).expect("a server");
    let all = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "emergency"];
    let logged = |revision, meta| {
        let request = wire::request(revision, "tools/call", json!({ "name": "log", "arguments": {} }), meta);
        wire::rest(wire::respond(&endpoint, request, &Arc::default()).into_body())
    };
    for (first, level) in all.iter().take(8).enumerate() {
        let answer = logged(Revision::LATEST, json!({ "io.modelcontextprotocol/logLevel": level }));
        assert_eq!(levels(&answer), &all[first..], "{level}");
        let last = &answer[answer.len() - 2];
        assert_eq!(last["params"], json!({ "level": "emergency", "data": "text" }));
        assert_eq!(answer[0]["params"], json!({ "level": level, "data": { "level": level } }));
    }
    assert_eq!(levels(&logged(Revision::LATEST, json!({}))), [""; 0]);
    for level in [json!("loud"), json!("Debug"), json!(3)] {
        let answer = logged(Revision::LATEST, json!({ "io.modelcontextprotocol/logLevel": level }));
        assert_eq!(answer[0]["error"]["code"], -32602, "{level}");
    }
    for revision in Revision::ALL.into_iter().filter(|revision| revision.is_legacy()) {
        assert_eq!(levels(&logged(revision, json!({}))), &all[1..], "{revision}");
    }
}

#[test]
fn a_server_that_declares_no_logging_sends_none() {
    struct Silent;

    #[server(name = "silent", version = "1.0.0")]
    impl Silent {
        #[tool]
        async fn log(&self, cx: &Context) -> &str {
            cx.log(LogLevel::Emergency, "text").await;
            "done"
        }
    }

    pollster::block_on(async {
        for (revision, client) in clients(|| Silent) {
            let exchange = client.request("tools/call", json!({ "name": "log" })).await;
            assert!(exchange.notifications.is_empty() && exchange.result.is_ok(), "{revision}");
        }
    });
}

#[test]
fn a_handler_waits_for_a_reader_that_does_not_read() {
    for revision in Revision::ALL {
        let server = Talking::default();
        let endpoint = StreamableHttp::new(server.clone()).expect("a server");
        let reported = || server.reported.load(Ordering::SeqCst);
        let response = wire::respond(&endpoint, wire::call(revision, "flood"), &Arc::default());
        assert!(reported() <= 16, "{revision}: {} wait", reported());
        let mut body = response.into_body();
        let (mut read, mut most) = (0, 0);
        loop {
            let Poll::Ready(Some(messages)) = wire::next_frame(&mut body) else {
                panic!("{revision}: stuck at {read}")
            };
            most = most.max(messages.len());
            for message in messages {
                read += 1;
                if read > 10_000 {
                    assert_eq!(message["result"]["content"][0]["text"], "done", "{revision}");
                } else {
                    assert_eq!(message["params"]["progress"], f64::from(read), "{revision}");
                }
            }
            if read > 10_000 {
                break;
            }
            let ahead = reported() - usize::try_from(read).expect("a count");
            assert!(ahead <= 16, "{revision}: {ahead} ahead of the reader");
        }
        assert!(most <= 17, "{revision}: {most} in one frame");
        assert_eq!(wire::next_frame(&mut body), Poll::Ready(None));
    }
}

#[test]
fn a_context_that_outlives_its_request_waits_for_nobody() {
    for revision in Revision::ALL {
        for tool in ["keeps_its_context", "keeps_its_context_in_time"] {
            let server = Talking::default();
            let endpoint = StreamableHttp::new(server.clone()).expect("a server");
            let platform: Arc<Stage> = Arc::default();
            let answer = wire::rest(wire::respond(&endpoint, wire::call(revision, tool), &platform).into_body());
            assert_eq!(answer[0]["result"]["content"][0]["text"], "done");
            let cx = server.kept.lock().expect("a lock").take().expect("a context");
            for step in 1..=100 {
                let polled = wire::poll(std::pin::pin!(cx.progress(step, None, None)));
                assert!(polled.is_ready(), "{revision} {tool}: report {step} waits for a reader that is gone");
            }
        }
    }
}
