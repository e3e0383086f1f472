//! Opening, versions, notifications, batches: how a conversation of each revision goes.

use pmcp_tests::{Connection, MODERN, Reply, Request, Server};
use serde_json::{Value, json};

use crate::{LEGACY, ask, assert_nothing_modern, initialize, legacy, named, send};

#[test]
fn initialize_settles_the_version() {
    let server = Server::start("calculator-cloudrun", &[]);
    for version in LEGACY {
        let result = ask(&server, &initialize(version));
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "calculator");
        assert!(result["serverInfo"]["version"].is_string());
        for capability in ["tools", "resources", "prompts"] {
            assert!(result["capabilities"][capability].is_object(), "{version} {capability}: {result}");
        }
        // Completion has been announced since 2025-03-26.
        let announced = result["capabilities"].get("completions").is_some();
        assert_eq!(announced, version >= "2025-03-26", "{version}: {result}");
        assert_nothing_modern(&result);
    }
    for unknown in ["2023-01-01", "2099-01-01", "latest", "", MODERN] {
        assert_eq!(ask(&server, &initialize(unknown))["protocolVersion"], "2025-11-25", "offered to {unknown:?}");
    }
    // The version comes from the params, whatever the header says.
    let contradicted = initialize("2025-06-18").header("MCP-Protocol-Version", "2025-11-25");
    assert_eq!(ask(&server, &contradicted)["protocolVersion"], "2025-06-18");
}

#[test]
fn no_session_is_minted_and_none_is_promised() {
    let server = Server::start("calculator-cloudrun", &[]);
    for version in LEGACY {
        let reply = send(&server, &initialize(version));
        assert_eq!(reply.head.header("mcp-session-id"), None);
        let capabilities = reply.result()["capabilities"].take();
        // Without a session there is no stream on which a change could be told.
        assert_ne!(capabilities["resources"]["subscribe"], true, "{capabilities}");
        for feature in ["tools", "resources", "prompts"] {
            assert_ne!(capabilities[feature]["listChanged"], true, "{capabilities}");
        }
    }
}

#[test]
fn ping_and_notifications() {
    let server = Server::start("calculator-cloudrun", &[]);
    for version in LEGACY {
        assert_eq!(ask(&server, &legacy(version, "ping", json!({}))), json!({}), "{version}");
        for method in ["notifications/initialized", "notifications/cancelled", "notifications/of_the_future"] {
            let reply = send(&server, &legacy(version, method, json!({"requestId": 7})).unset("id"));
            assert_eq!((reply.status(), reply.text().as_str()), (202, ""), "{version} {method}");
        }
    }
    let modern = Request::modern("notifications/cancelled", json!({"requestId": 7})).unset("id");
    let reply = send(&server, &modern.without_header("Mcp-Method"));
    assert_eq!((reply.status(), reply.text().as_str()), (202, ""), "{MODERN}");
}

#[test]
fn discover_names_the_modern_revision_only() {
    let server = Server::start("calculator-cloudrun", &[]);
    let result = ask(&server, &Request::modern("server/discover", json!({})));
    assert_eq!(result["supportedVersions"], json!([MODERN]));
    assert_eq!(result["resultType"], "complete");
    assert!(result["ttlMs"].is_u64() && result["cacheScope"].is_string(), "{result}");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "calculator");
    for capability in ["tools", "resources", "prompts", "completions"] {
        assert!(result["capabilities"][capability].is_object(), "{capability}: {result}");
    }
}

#[test]
fn batches_belong_to_2025_03_26() {
    let server = Server::start("calculator-cloudrun", &[]);
    let ping = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let unknown = json!({"jsonrpc": "2.0", "id": "three", "method": "tools/invent"});
    let batch = json!([ping(1), notification, ping(2), unknown]).to_string();

    for header in [None, Some("2025-03-26")] {
        let mut request = Request::post(batch.clone());
        if let Some(version) = header {
            request = request.header("MCP-Protocol-Version", version);
        }
        let reply = send(&server, &request);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let answers = answers_of(&reply);
        assert_eq!(answers.len(), 3, "a notification is not answered: {answers:?}");
        for id in [json!(1), json!(2)] {
            let answer = answers.iter().find(|answer| answer["id"] == id).expect("every request is answered");
            assert_eq!(answer["result"], json!({}));
        }
        let refused = answers.iter().find(|answer| answer["id"] == "three").expect("every request is answered");
        assert_eq!(refused["error"]["code"], -32601);
    }

    let silent = Request::post(json!([notification, notification]).to_string());
    let reply = send(&server, &silent);
    assert_eq!((reply.status(), reply.text().as_str()), (202, ""));
}

/// The answers to a batch: one JSON array, or one message an event.
fn answers_of(reply: &Reply) -> Vec<Value> {
    reply
        .messages()
        .into_iter()
        .flat_map(|message| match message {
            Value::Array(answers) => answers,
            other => vec![other],
        })
        .collect()
}

#[test]
fn the_eras_share_a_connection() {
    let server = Server::start("calculator-cloudrun", &[]);
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let params = json!({"name": "add", "arguments": {"a": 2, "b": 3}});
    let requests = [
        initialize("2024-11-05"),
        Request::modern("tools/call", params.clone()),
        named("2025-06-18", "tools/call", params.clone()),
        Request::modern("tools/call", params),
    ];
    let modern: Vec<bool> = requests
        .iter()
        .map(|request| {
            connection.send(&request.to_bytes(server.addr())).expect("the connection is kept");
            let result = connection.read_reply().expect("an answer").result();
            result.get("resultType").is_some()
        })
        .collect();
    assert_eq!(modern, [false, true, false, true]);
}
