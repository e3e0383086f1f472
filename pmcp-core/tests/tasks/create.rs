//! When a call becomes a task, and what its client is told.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use pmcp_core::{StreamableHttp, platform::Platform, protocol::TaskSupport};

use super::*;

#[test]
fn the_answer_is_the_task() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        platform.sleep(Duration::from_millis(1_500)).await;
        let call = json!({"name": "slow", "arguments": {"seconds": 2}});
        let exchange = client.request("tools/call", call.clone()).await;
        assert!(exchange.notifications.is_empty(), "tasks have no progress notifications");
        let mut created = exchange.result.unwrap();
        let id = created["taskId"].take();
        assert!(id.as_str().unwrap().len() >= 22, "{id} has less than 128 bits");
        assert!(created["_meta"]["io.modelcontextprotocol/serverInfo"].is_object());
        created.as_object_mut().unwrap().remove("_meta");
        assert_eq!(
            created,
            json!({
                "taskId": null, "resultType": "task", "status": "working",
                "createdAt": "1970-01-01T00:00:01.500Z", "lastUpdatedAt": "1970-01-01T00:00:01.500Z",
                "ttlMs": 3_600_000, "pollIntervalMs": 1000,
            })
        );
        let other = client.request("tools/call", call).await.result.unwrap();
        assert_ne!(other["taskId"], id);
        // At once: the answer is only given when the task can be asked for.
        let got = client.request("tasks/get", json!({"taskId": id})).await.result.unwrap();
        assert_eq!((&got["resultType"], &got["status"]), (&json!("complete"), &json!("working")));
        for absent in ["result", "error", "inputRequests", "requestState"] {
            assert!(got.get(absent).is_none(), "{absent}");
        }
    }));
}

#[test]
fn what_is_done_at_once_is_no_task() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    let call = |name: &str, arguments: Value| {
        pollster::block_on(client.request("tools/call", json!({"name": name, "arguments": arguments})))
    };
    assert_eq!(call("slow", json!({"seconds": 0})).result.unwrap()["content"][0]["text"], "0 s");
    assert_eq!(call("slow", json!({"seconds": "two"})).result.unwrap()["isError"], true);
    let plain = json!({"name": "plain", "arguments": {}, "task": {"ttl": 60_000}});
    let plain = pollster::block_on(client.request("tools/call", plain)).result.unwrap();
    assert_eq!((&plain["resultType"], &plain["content"][0]["text"]), (&json!("complete"), &json!("plain")));
}

#[test]
fn clients_that_know_no_tasks_wait_for_the_result() {
    let client = Client::new(Works(Counts::default())).unwrap().with_capabilities(forms());
    let slow = json!({"name": "slow", "arguments": {"seconds": 5}});
    let exchange = pollster::block_on(client.request("tools/call", slow));
    let result = exchange.result.unwrap();
    assert_eq!((&result["resultType"], &result["content"][0]["text"]), (&json!("complete"), &json!("5 s")));
    assert_eq!(exchange.notifications[0]["method"], "notifications/progress");

    let required = json!({"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
    for (method, params) in [
        ("tools/call", json!({"name": "fails", "arguments": {}})),
        ("tasks/get", json!({"taskId": "x"})),
        ("tasks/update", json!({"taskId": "x", "inputResponses": {}})),
        ("tasks/update", json!({"taskId": "x"})),
        ("tasks/cancel", json!({})),
    ] {
        let exchange = pollster::block_on(client.request(method, params));
        let error = exchange.result.unwrap_err();
        assert_eq!((exchange.status, error.code.0), (400, -32021), "{method}");
        assert_eq!(*error.data.unwrap(), required, "{method}");
    }
}

#[test]
fn the_extension_is_declared_where_a_tool_needs_it() {
    let platform = TestPlatform::default();
    let discover = |client: &Client| pollster::block_on(client.request("server/discover", json!({}))).result.unwrap();
    let (with, _) = works(&platform);
    let capabilities = &discover(&with)["capabilities"];
    assert_eq!(capabilities["extensions"], json!({"io.modelcontextprotocol/tasks": {}}));
    assert!(capabilities.get("tasks").is_none());
    let tools = pollster::block_on(with.request("tools/list", json!({}))).result.unwrap();
    assert!(tools["tools"].as_array().unwrap().iter().all(|tool| tool.get("execution").is_none()));

    let without = Server::builder("plain", "1").tool(Tool::new("plain"), |_: Map<String, Value>, _| async { "plain" });
    let without = client(without, &platform);
    assert!(discover(&without)["capabilities"].get("extensions").is_none());
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let exchange = pollster::block_on(without.request(method, json!({"taskId": "x"})));
        assert_eq!((exchange.status, code(exchange.result)), (404, -32601), "{method}");
    }
    for method in ["tasks/list", "tasks/result"] {
        let exchange = pollster::block_on(with.request(method, json!({"taskId": "x"})));
        assert_eq!((exchange.status, code(exchange.result)), (404, -32601), "{method}");
    }
}

#[test]
fn the_builder_makes_tasks_too() {
    let platform = TestPlatform::default();
    let slow = Tool::new("slow").with_task(TaskSupport { required: true, ..TaskSupport::default() });
    let server = Server::builder("built", "1")
        .tool(slow, |_: Map<String, Value>, cx| async move {
            cx.sleep(SECOND).await;
            "built"
        })
        .task_ttl(60 * SECOND)
        .task_poll_interval(SECOND / 2);
    let client = client(server, &platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "slow", json!({})).await;
        let task = until(&client, &platform, &id, TaskStatus::Completed).await;
        assert_eq!((task.ttl_ms, task.poll_interval_ms, text(&task)), (Some(60_000), Some(500), "built".to_owned()));
        assert_eq!(client.call_tool("slow", json!({})).await.unwrap().content, [ContentBlock::text("built")]);
    }));
}

#[test]
fn the_name_in_the_header_is_that_of_the_task() {
    let platform = TestPlatform::default();
    let endpoint = StreamableHttp::new(Works(Counts::default())).unwrap();
    let shared: Arc<dyn Platform> = Arc::new(platform.clone());
    let get = |method: &str, name: Option<&str>| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        });
        let params = json!({"taskId": "some", "inputResponses": {}, "_meta": meta});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = Request::post("/mcp").header("host", "localhost").header("content-type", "application/json");
        let request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        let request = name.into_iter().fold(request, |request, name| request.header("mcp-name", name));
        let request = request.body(Bytes::from(body.to_string())).unwrap();
        pollster::block_on(endpoint.respond(request, &shared)).status().as_u16()
    };
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        assert_eq!(get(method, Some("some")), 200, "an unknown task is an ordinary error");
        assert_eq!(get(method, Some("other")), 400);
        assert_eq!(get(method, None), 200);
    }
}

#[test]
fn what_is_asked_before_the_task_is_asked_in_rounds() {
    let platform = TestPlatform::default();
    let (client, counts) = works(&platform);
    pollster::block_on(platform.run(async {
        let mut call = json!({"name": "ask_first", "arguments": {}});
        let round = client.request("tools/call", call.clone()).await.result.unwrap();
        assert_eq!(round["resultType"], "input_required");
        assert!(round.get("taskId").is_none());
        call["inputResponses"] = json!(accept(&[("name", "Ada")]));
        call["requestState"] = round["requestState"].clone();
        let created = client.request("tools/call", call).await.result.unwrap();
        assert_eq!(created["resultType"], "task");
        assert!(created.get("requestState").is_none() && created.get("inputRequests").is_none());
        let id = created["taskId"].as_str().unwrap();
        let task = until(&client, &platform, id, TaskStatus::InputRequired).await;
        assert_eq!(task.status_message.as_deref(), Some("on it"));
        assert_eq!(task.input_requests.unwrap()["again"]["params"]["message"], "Really?");
        client.update_task(id, accept(&[("again", "Eve")])).await.unwrap();
        let task = until(&client, &platform, id, TaskStatus::Completed).await;
        assert_eq!(text(&task), "Ada, that is Eve");
        assert_eq!(counts.started.load(Ordering::SeqCst), 2, "once for each round, and not again for the task");
    }));
}

#[test]
fn a_test_without_a_background_is_told_how_to_have_one() {
    let client = Client::new(Works(Counts::default())).unwrap().with_tasks();
    let error = pollster::block_on(client.call_tool("slow", json!({"seconds": 1}))).unwrap_err();
    assert!(error.message.contains("with_platform") && error.message.contains("TestPlatform::run"), "{error}");
}
