//! Arguments that are not what the schema says never reach the function.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use pmcp_core::{
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    testing::Client,
};

use crate::{clients, wire};

#[derive(Clone, Default)]
struct Guarded {
    reached: Arc<AtomicUsize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    city: String,
}

#[derive(Deserialize, JsonSchema)]
enum Color {
    Red,
}

#[server(name = "guarded", version = "1.0.0")]
impl Guarded {
    #[tool]
    fn sync(&self, count: u8, name: &str, place: Option<Place>, color: Option<Color>, list: Option<Vec<i64>>) -> u8 {
        self.reached.fetch_add(1, Ordering::SeqCst);
        let more = place.map_or(0, |place| place.city.len()) + list.map_or(0, |list| list.len());
        count + u8::from(name == "Ada") + u8::from(matches!(color, Some(Color::Red))) + u8::try_from(more).unwrap_or(0)
    }

    #[tool]
    async fn in_time(&self, count: u8, name: String) -> String {
        self.reached.fetch_add(1, Ordering::SeqCst);
        format!("{count}{name}")
    }

    #[tool]
    fn none(&self) {
        self.reached.fetch_add(1, Ordering::SeqCst);
    }
}

/// Wrong arguments for `sync`, and which of them is wrong.
fn wrong() -> Vec<(Value, &'static str)> {
    vec![
        (json!({}), "count"),
        (json!({ "count": 1 }), "name"),
        (json!({ "count": 1, "name": "x", "more": 1 }), "more"),
        (json!({ "count": 1, "name": "x", "Name": "x" }), "Name"),
        (json!({ "count": 1, "name": "x", "argument_0": 1 }), "argument_0"),
        (json!({ "count": "1", "name": "x" }), "count"),
        (json!({ "count": 1.5, "name": "x" }), "count"),
        (json!({ "count": true, "name": "x" }), "count"),
        (json!({ "count": [1], "name": "x" }), "count"),
        (json!({ "count": null, "name": "x" }), "count"),
        (json!({ "count": -1, "name": "x" }), "count"),
        (json!({ "count": 256, "name": "x" }), "count"),
        (json!({ "count": 1e300, "name": "x" }), "count"),
        (json!({ "count": 1, "name": 5 }), "name"),
        (json!({ "count": 1, "name": null }), "name"),
        (json!({ "count": 1, "name": "x", "place": {} }), "city"),
        (json!({ "count": 1, "name": "x", "place": { "city": 1 } }), "place"),
        (json!({ "count": 1, "name": "x", "place": { "city": "x", "zip": 1 } }), "zip"),
        (json!({ "count": 1, "name": "x", "place": "Paris" }), "place"),
        (json!({ "count": 1, "name": "x", "color": "Green" }), "Green"),
        (json!({ "count": 1, "name": "x", "list": [1, "2"] }), "list"),
        (json!({ "count": 1, "name": "x", "list": [9_223_372_036_854_775_808_u64] }), "list"),
        (json!({ "count": 1, "name": "x", "list": {} }), "list"),
    ]
}

#[test]
fn wrong_arguments_never_reach_the_function() {
    pollster::block_on(async {
        let server = Guarded::default();
        for (revision, client) in clients(|| server.clone()) {
            for (arguments, _) in wrong() {
                let result = client.call_tool("sync", arguments.clone()).await.expect("a result");
                let [ContentBlock::Text { text, .. }] = result.content.as_slice() else { panic!("{result:?}") };
                assert!(result.is_error && text.starts_with("Invalid arguments: "), "{revision} {arguments}: {text}");
                assert!(!text.contains("line 1"), "{text}");
            }
            for (tool, arguments) in [
                ("in_time", json!({ "count": 1 })),
                ("in_time", json!({ "count": 1, "name": "x", "more": null })),
                ("none", json!({ "more": 1 })),
            ] {
                assert!(client.call_tool(tool, arguments).await.expect("a result").is_error, "{revision} {tool}");
            }
            for arguments in [json!([]), json!([1, "x"]), json!("x"), json!(1), json!(true)] {
                let error = client.call_tool("sync", arguments.clone()).await.expect_err("no object");
                assert_eq!(error.code.0, -32602, "{revision} {arguments}");
            }
            let missing = client.request("tools/call", json!({ "name": "in_time" })).await;
            assert_eq!(missing.result.expect("a result")["isError"], true, "{revision}");
            assert_eq!(client.call_tool("other", json!({})).await.expect_err("unknown").code.0, -32602);
        }
        assert_eq!(server.reached.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn what_is_wrong_is_named() {
    pollster::block_on(async {
        let client = Client::new(Guarded::default()).expect("a server");
        let mut unnamed = Vec::new();
        for (arguments, name) in wrong() {
            let result = client.call_tool("sync", arguments.clone()).await.expect("a result");
            let [ContentBlock::Text { text, .. }] = result.content.as_slice() else { panic!("{result:?}") };
            if !text.contains(name) {
                unnamed.push(format!("{arguments}: {text:?} does not name {name}"));
            }
        }
        assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
    });
}

#[test]
fn right_arguments_do() {
    pollster::block_on(async {
        let server = Guarded::default();
        for (revision, client) in clients(|| server.clone()) {
            for (tool, arguments, text) in [
                ("sync", json!({ "count": 255, "name": "" }), "255"),
                ("sync", json!({ "name": "Ada", "count": 0, "place": null, "color": null, "list": null }), "1"),
                ("sync", json!({ "count": 1.0, "name": "Ada", "place": { "city": "é" }, "color": "Red" }), "5"),
                ("sync", json!({ "count": 2e1, "name": "x", "list": [1, 2.0, -9_223_372_036_854_775_808_i64] }), "23"),
                ("in_time", json!({ "count": 1, "name": "\u{1F980}\"\n" }), "1\u{1F980}\"\n"),
            ] {
                let before = server.reached.load(Ordering::SeqCst);
                let result = client.call_tool(tool, arguments.clone()).await.expect("a result");
                assert_eq!(result.content, [ContentBlock::text(text)], "{revision} {arguments}");
                assert_eq!(server.reached.load(Ordering::SeqCst), before + 1);
            }
            for params in [json!({ "name": "none" }), json!({ "name": "none", "arguments": null })] {
                client.request("tools/call", params).await.result.expect("a result");
            }
        }
    });
}

/// Two parsers that take a different one of two members of the same name see two different requests.
#[test]
fn an_argument_that_is_there_twice_is_refused() {
    let server = Guarded::default();
    let endpoint = pmcp_core::StreamableHttp::new(server.clone()).expect("a server");
    for arguments in [
        r#"{"count":1,"count":2,"name":"x"}"#,
        r#"{"count":1.0,"count":2,"name":"x"}"#,
        r#"{"count":1,"name":"x","place":{"city":"a","city":"b"}}"#,
    ] {
        let mut request = wire::call(Revision::LATEST, "sync");
        let body = std::str::from_utf8(request.body()).expect("UTF-8").to_owned();
        *request.body_mut() = body.replacen(r#""arguments":{}"#, &format!(r#""arguments":{arguments}"#), 1).into();
        let answer = wire::rest(wire::respond(&endpoint, request, &Default::default()).into_body());
        assert_eq!(answer[0]["result"]["isError"], true, "{arguments}: {answer:?}");
    }
    assert_eq!(server.reached.load(Ordering::SeqCst), 0);
}

#[test]
fn the_testing_client_repeats_arguments_in_headers() {
    struct Routed;

    #[server(name = "routed", version = "1.0.0")]
    impl Routed {
        #[tool]
        fn route(&self, #[arg(header = "Region")] region: &str, #[arg(header = "Shard")] shard: Option<u8>) -> String {
            format!("{region} {shard:?}")
        }
    }

    pollster::block_on(async {
        for (revision, client) in clients(|| Routed) {
            for (arguments, text) in [
                (json!({ "region": "eu", "shard": 3 }), "eu Some(3)"),
                (json!({ "region": "größer " }), "größer  None"),
            ] {
                let result = client.call_tool("route", arguments).await;
                let result = result.unwrap_or_else(|error| panic!("{revision}: {error}"));
                assert_eq!(result.content, [ContentBlock::text(text)], "{revision}");
            }
        }
    });
}
