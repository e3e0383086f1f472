//! Tasks of clients of revision 2025-11-25, and of those before, which have none.

use pmcp_core::protocol::Revision;

use super::*;

fn older(platform: &TestPlatform, revision: Revision) -> (Client, Counts) {
    let (client, counts) = works(platform);
    (client.with_revision(revision), counts)
}

async fn call(client: &Client, tool: &str, arguments: Value, task: Value) -> Result<Value, ErrorObject> {
    let params = json!({"name": tool, "arguments": arguments, "task": task});
    client.request("tools/call", params).await.result
}

#[test]
fn a_client_gets_the_task_it_asks_for() {
    let platform = TestPlatform::default();
    let (client, counts) = older(&platform, Revision::V2025_11_25);
    pollster::block_on(platform.run(async {
        let created = call(&client, "slow", json!({"seconds": 3}), json!({"ttl": 60_000})).await.unwrap();
        let id = created["task"]["taskId"].as_str().unwrap().to_owned();
        let expected = json!({"task": {
            "taskId": id, "status": "working", "createdAt": "1970-01-01T00:00:00.000Z",
            "lastUpdatedAt": "1970-01-01T00:00:00.000Z", "ttl": 60_000, "pollInterval": 1000,
        }});
        assert_eq!(created, expected);
        let params = json!({"taskId": id});
        // It waits.
        let result = client.request("tasks/result", params.clone()).await.result.unwrap();
        let related = json!({"io.modelcontextprotocol/related-task": {"taskId": id}});
        assert_eq!(result, json!({"content": [{"type": "text", "text": "3 s"}], "_meta": related}));
        let got = client.request("tasks/get", params.clone()).await.result.unwrap();
        assert_eq!((&got["status"], got.get("result"), got.get("_meta")), (&json!("completed"), None, None));
        assert_eq!(code(client.request("tasks/cancel", params).await.result), -32602);
        // What the server keeps no longer it does not promise.
        let created = call(&client, "slow", json!({"seconds": 0}), json!({"ttl": 86_400_000})).await.unwrap();
        assert_eq!((&created["task"]["status"], &created["task"]["ttl"]), (&json!("working"), &json!(3_600_000)));
        let id = created["task"]["taskId"].as_str().unwrap();
        let result = client.request("tasks/result", json!({"taskId": id})).await.result.unwrap();
        assert_eq!((&result["content"][0]["text"], counts.both()), (&json!("0 s"), (2, 2)));
    }));
}

#[test]
fn failures_and_ends_are_those_of_the_revision() {
    let platform = TestPlatform::default();
    let (client, counts) = older(&platform, Revision::V2025_11_25);
    pollster::block_on(platform.run(async {
        let start = async |tool, arguments| {
            let created = call(&client, tool, arguments, json!({})).await.unwrap();
            json!({"taskId": created["task"]["taskId"]})
        };
        let params = start("fails", json!({})).await;
        let result = client.request("tasks/result", params.clone()).await.result.unwrap();
        assert_eq!(result["isError"], true);
        let got = client.request("tasks/get", params).await.result.unwrap();
        assert_eq!(got["status"], "failed", "a failure of the tool is one of the task");

        let params = start("breaks", json!({"how": "params"})).await;
        assert_eq!(code(client.request("tasks/result", params).await.result), -32602);

        let params = start("slow", json!({"seconds": 600})).await;
        let cancelled = client.request("tasks/cancel", params.clone()).await.result.unwrap();
        assert_eq!((&cancelled["status"], &cancelled["taskId"]), (&json!("cancelled"), &params["taskId"]));
        assert!(client.request("tasks/result", params).await.result.is_err());
        platform.sleep(SECOND).await;
        assert_eq!((counts.both(), platform.background_len()), ((1, 1), 0));
        assert_eq!(code(client.request("tasks/get", json!({"taskId": "x"})).await.result), -32602);
    }));
}

#[test]
fn a_client_without_a_session_cannot_be_asked() {
    let platform = TestPlatform::default();
    let (client, _) = older(&platform, Revision::V2025_11_25);
    pollster::block_on(platform.run(async {
        let created = call(&client, "greet", json!({}), json!({})).await.unwrap();
        let params = json!({"taskId": created["task"]["taskId"]});
        let result = client.request("tasks/result", params).await.result.unwrap();
        assert_eq!(result["isError"], true, "it fails at once and does not wait: {result}");
    }));
}

#[test]
fn tools_say_whether_they_are_tasks() {
    let platform = TestPlatform::default();
    let (client, _) = older(&platform, Revision::V2025_11_25);
    let opening =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let opened = pollster::block_on(client.request("initialize", opening)).result.unwrap();
    let capabilities = &opened["capabilities"];
    assert_eq!(capabilities["tasks"], json!({"cancel": {}, "requests": {"tools": {"call": {}}}}));
    assert!(capabilities.get("extensions").is_none());
    let listed = pollster::block_on(client.request("tools/list", json!({}))).result.unwrap();
    let support = |name: &str| {
        let tools = listed["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap()["execution"].clone()
    };
    assert_eq!(support("plain"), Value::Null);
    assert_eq!(support("slow"), json!({"taskSupport": "optional"}));
    assert_eq!(support("fails"), json!({"taskSupport": "required"}));

    let call = |tool, arguments, task| code(pollster::block_on(call(&client, tool, arguments, task)));
    assert_eq!(call("plain", json!({}), json!({})), -32601);
    assert_eq!(call("fails", json!({}), Value::Null), -32601);
    assert_eq!(call("slow", json!({"seconds": 1}), json!(7)), -32602);
    for method in ["tasks/list", "tasks/update"] {
        assert_eq!(code(pollster::block_on(client.request(method, json!({"taskId": "x"}))).result), -32601);
    }
}

#[test]
fn older_clients_have_none() {
    let platform = TestPlatform::default();
    for revision in [Revision::V2025_06_18, Revision::V2025_03_26, Revision::V2024_11_05] {
        let (client, _) = older(&platform, revision);
        let result = pollster::block_on(call(&client, "slow", json!({"seconds": 1}), json!({}))).unwrap();
        assert_eq!(result["content"][0]["text"], "1 s");
        assert_eq!(
            pollster::block_on(call(&client, "plain", json!({}), json!({}))).unwrap()["content"][0]["text"],
            "plain"
        );
        assert_eq!(code(pollster::block_on(call(&client, "fails", json!({}), Value::Null))), -32601);
        for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/update", "tasks/list"] {
            let exchange = pollster::block_on(client.request(method, json!({"taskId": "x"})));
            assert_eq!(code(exchange.result), -32601, "{revision:?} {method}");
        }
        let listed = pollster::block_on(client.request("tools/list", json!({}))).result.unwrap();
        assert!(listed["tools"].as_array().unwrap().iter().all(|tool| tool.get("execution").is_none()));
    }
}

#[test]
fn a_client_that_is_known_lists_its_tasks_and_no_others() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::new();
    let [ada, eve] = ["ada", "eve"].map(|who| {
        let client = client(kept_in(&store).page_size(2), &platform);
        client.with_revision(Revision::V2025_11_25).with_principal(who)
    });
    pollster::block_on(platform.run(async {
        let opening = json!({"protocolVersion": "2025-11-25"});
        let opened = ada.request("initialize", opening).await.result.unwrap();
        assert_eq!(opened["capabilities"]["tasks"]["list"], json!({}));

        let mut started = Vec::new();
        for seconds in 0..5 {
            let created = call(&ada, "slow", json!({"seconds": seconds}), json!({})).await.unwrap();
            started.push(created["task"]["taskId"].clone());
        }
        call(&eve, "slow", json!({"seconds": 1}), json!({})).await.unwrap();

        let (mut listed, mut params, mut pages) = (Vec::new(), json!({}), 0);
        loop {
            let page = ada.request("tasks/list", params).await.result.unwrap();
            let tasks = page["tasks"].as_array().unwrap();
            assert!(tasks.len() <= 2 && tasks.iter().all(|task| task["ttl"] == 3_600_000), "{page}");
            listed.extend(tasks.iter().map(|task| task["taskId"].clone()));
            pages += 1;
            let Some(cursor) = page.get("nextCursor") else { break };
            params = json!({"cursor": cursor});
        }
        started.sort_by_key(Value::to_string);
        listed.sort_by_key(Value::to_string);
        assert_eq!((pages, listed), (3, started));
        for cursor in [json!("x"), json!("1.2"), json!(7)] {
            assert_eq!(code(ada.request("tasks/list", json!({"cursor": cursor})).await.result), -32602);
        }
        platform.sleep(3_600 * SECOND).await;
        assert_eq!(ada.request("tasks/list", json!({})).await.result.unwrap(), json!({"tasks": []}));
    }));
}
