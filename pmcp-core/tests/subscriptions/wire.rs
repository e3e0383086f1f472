//! The stream as it is on the wire, and what is refused before it begins.

use super::*;

/// The request as a client writes it, `spoil`ed.
pub(crate) fn request(id: Value, spoil: impl FnOnce(&mut Value)) -> Request<Bytes> {
    let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": "subscriptions/listen", "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
        "notifications": { "toolsListChanged": true, "promptsListChanged": false, "fromTheFuture": [1] },
    }});
    spoil(&mut message);
    Request::post("http://localhost/mcp")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "subscriptions/listen")
        .body(message.to_string().into())
        .expect("a request")
}

pub(crate) fn endpoint(notifier: &Notifier) -> StreamableHttp {
    // A limit that must not concern a stream.
    let endpoint = StreamableHttp::new(Shop.into_builder().notifier(notifier)).expect("a server");
    endpoint.time_limit(Duration::from_secs(1))
}

pub(crate) fn platform() -> Arc<dyn Platform> {
    Arc::new(TestPlatform::default())
}

/// The next bytes of a stream, as text.
pub(crate) async fn read(body: &mut Body) -> Option<String> {
    let frame = poll_fn(|task| Pin::new(&mut *body).poll_frame(task)).await?;
    let Ok(frame) = frame;
    Some(String::from_utf8_lossy(&frame.into_data().unwrap_or_default()).into_owned())
}

pub(crate) fn event(text: &str) -> Value {
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
    serde_json::from_str(data).expect("JSON")
}

#[test]
fn every_message_names_the_request_with_the_type_of_its_id() {
    for id in [json!(7), json!("7"), json!("")] {
        run(async {
            let notifier = Notifier::local();
            let (endpoint, platform) = (endpoint(&notifier), platform());
            let response = endpoint.respond(request(id.clone(), |_| {}), &platform).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            assert_eq!(response.headers()["x-accel-buffering"], "no");
            let mut body = response.into_body();
            let acknowledged = event(&read(&mut body).await.expect("the first event"));
            let expected = json!({
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {
                    "_meta": { "io.modelcontextprotocol/subscriptionId": id },
                    "notifications": { "toolsListChanged": true },
                },
            });
            assert_eq!(acknowledged, expected);
            // A comment every 15 s, for longer than the time limit of handlers.
            for _ in 0..3 {
                assert_eq!(read(&mut body).await.as_deref(), Some(":\n\n"));
            }
            assert_eq!(platform.now(), Duration::from_secs(45));
            notifier.tools_changed().await.expect("told");
            let changed = event(&read(&mut body).await.expect("an event"));
            assert_eq!(changed["params"], json!({ "_meta": { "io.modelcontextprotocol/subscriptionId": id } }));
        });
    }
}

#[test]
fn what_is_wrong_is_said_before_the_stream_begins() {
    let notifier = Notifier::local();
    let endpoint = endpoint(&notifier);
    let refused = |request| {
        run(async {
            let response = endpoint.respond(request, &platform()).await;
            let json: Value = serde_json::from_slice(response.body().as_full().expect("no stream")).expect("JSON");
            assert_eq!(json["id"], 1, "{json}");
            (response.status().as_u16(), json["error"]["code"].as_i64().expect("a code"))
        })
    };
    let many: Vec<_> = (0..257).map(|number| format!("shop://{number}")).collect();
    for wrong in [
        json!(null),
        json!([]),
        json!("all"),
        json!({ "toolsListChanged": "yes" }),
        json!({ "resourceSubscriptions": "shop://a" }),
        json!({ "resourceSubscriptions": [1] }),
        json!({ "resourceSubscriptions": many }),
        json!({ "resourceSubscriptions": [format!("shop://{}", "a".repeat(9000))] }),
    ] {
        let spoiled = request(json!(1), |message| message["params"]["notifications"] = wrong.clone());
        assert_eq!(refused(spoiled), (200, -32602), "{wrong}");
    }
    let missing = request(json!(1), |message| {
        message["params"].as_object_mut().expect("an object").remove("notifications");
    });
    assert_eq!(refused(missing), (200, -32602));

    let mut no_events = request(json!(1), |_| {});
    no_events.headers_mut().insert("accept", "application/json".parse().expect("a header"));
    assert_eq!(refused(no_events), (406, -32600));
    let no_meta = request(json!(1), |message| message["params"]["_meta"] = json!({}));
    assert_eq!(refused(no_meta), (400, -32602));
}

#[test]
fn a_server_without_a_notifier_does_not_serve_it() {
    let client = Client::new(Shop).expect("a server");
    let error = run(client.listen(all())).expect_err("refused");
    assert_eq!(error.code, ErrorCode::METHOD_NOT_FOUND);
    assert_eq!(run(client.request("subscriptions/listen", json!({}))).status, 404);
}

#[test]
fn older_clients_cannot_reach_it_in_a_batch_either() {
    let notifier = Notifier::local();
    let message =
        json!([{ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": { "notifications": {} } }]);
    let request = Request::post("http://localhost/mcp")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .body(Bytes::from(message.to_string()))
        .expect("a request");
    let response = run(async { endpoint(&notifier).respond(request, &platform()).await });
    let json: Value = serde_json::from_slice(response.body().as_full().expect("no stream")).expect("JSON");
    assert_eq!(json[0]["error"]["code"], -32601, "{json}");
}
