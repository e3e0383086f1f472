//! Lists, calls, reads, prompts, completion and progress: what each revision shows of them.

use pmcp_tests::{MODERN, Request, Server};
use serde_json::{Value, json};

use crate::{LEGACY, ask, assert_nothing_modern, named, send};

const PI: &str = "calculator://constants/pi";

fn tool<'a>(list: &'a Value, name: &str) -> &'a Value {
    let tools = list["tools"].as_array().expect("tools");
    tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("no {name} in {list}"))
}

#[test]
fn tools_list_by_revision() {
    let server = Server::start("calculator-cloudrun", &[]);
    for version in LEGACY {
        let list = ask(&server, &named(version, "tools/list", json!({})));
        assert_nothing_modern(&list);
        assert!(list.get("nextCursor").is_none());
        let names: Vec<_> = list["tools"].as_array().expect("tools").iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names.len(), 5, "{names:?}");
        for entry in list["tools"].as_array().expect("tools") {
            assert_eq!(entry["inputSchema"]["type"], "object");
            let has = |key: &str| entry.get(key).is_some();
            assert!(!has("title") || version >= "2025-06-18", "{version}: {entry}");
            assert!(!has("outputSchema") || version >= "2025-06-18", "{version}: {entry}");
            assert!(!has("annotations") || version >= "2025-03-26", "{version}: {entry}");
            assert!(!has("icons") || version >= "2025-11-25", "{version}: {entry}");
        }
        // What a revision has is there, not only what it lacks is gone.
        let divide = tool(&list, "divide");
        assert_eq!(divide.get("outputSchema").is_some(), version >= "2025-06-18", "{version}: {divide}");
        assert_eq!(divide.get("annotations").is_some(), version >= "2025-03-26", "{version}: {divide}");
    }
    let list = ask(&server, &Request::modern("tools/list", json!({})));
    assert_eq!(list["resultType"], "complete");
    assert!(list["ttlMs"].is_u64(), "{list}");
    assert!(list["cacheScope"] == "public" || list["cacheScope"] == "private", "{list}");
    assert_eq!(list["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "calculator");
    assert!(tool(&list, "divide")["outputSchema"].is_object());
}

#[test]
fn structured_output_by_revision() {
    let server = Server::start("calculator-cloudrun", &[]);
    let params = json!({"name": "divide", "arguments": {"a": 17, "b": 5}});
    let expected = json!({"quotient": 3, "remainder": 2});
    for version in LEGACY {
        let result = ask(&server, &named(version, "tools/call", params.clone()));
        assert_nothing_modern(&result);
        let text = result["content"][0]["text"].as_str().expect("text");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON as text"), expected, "{version}");
        let structured = (version >= "2025-06-18").then_some(&expected);
        assert_eq!(result.get("structuredContent"), structured, "{version}");
    }
    let result = ask(&server, &Request::modern("tools/call", params));
    assert_eq!(result["structuredContent"], expected);
    assert_eq!(result["resultType"], "complete");
}

#[test]
fn resources_prompts_and_completion_by_revision() {
    let server = Server::start("calculator-cloudrun", &[]);
    let prompt = json!({"name": "explain_calculation", "arguments": {"expression": "6 * 7"}});
    let completion = json!({
        "ref": {"type": "ref/resource", "uri": "calculator://constants/{name}"},
        "argument": {"name": "name", "value": "p"},
    });
    let check = |version: &str, request: &dyn Fn(&str, Value) -> Request| {
        let read = ask(&server, &request("resources/read", json!({"uri": PI})));
        assert!(read["contents"][0]["text"].as_str().expect("text").starts_with("3.14"), "{version}: {read}");
        let templates = ask(&server, &request("resources/templates/list", json!({})));
        let template = &templates["resourceTemplates"][0];
        assert_eq!(template["uriTemplate"], "calculator://constants/{name}", "{version}");
        assert!(template.get("title").is_none() || version >= "2025-06-18", "{version}: {template}");
        let resources = ask(&server, &request("resources/list", json!({})));
        assert!(resources["resources"].is_array(), "{version}: {resources}");
        let prompts = ask(&server, &request("prompts/list", json!({})));
        assert_eq!(prompts["prompts"][0]["name"], "explain_calculation", "{version}");
        assert!(prompts["prompts"][0].get("title").is_none() || version >= "2025-06-18", "{version}: {prompts}");
        let got = ask(&server, &request("prompts/get", prompt.clone()));
        assert_eq!(got["messages"][0]["role"], "user", "{version}");
        assert!(got["messages"][0]["content"]["text"].as_str().expect("text").contains("6 * 7"), "{version}");
        let completed = ask(&server, &request("completion/complete", completion.clone()));
        let values = completed["completion"]["values"].as_array().expect("values");
        assert!(values.contains(&json!("pi")), "{version}: {completed}");
        [read, templates, resources, prompts, got, completed]
    };
    for version in LEGACY {
        let results = check(version, &|method, params| named(version, method, params));
        results.iter().for_each(assert_nothing_modern);
    }
    let results = check(MODERN, &Request::modern);
    for (result, cacheable) in results.iter().zip([true, true, true, true, false, false]) {
        assert_eq!(result["resultType"], "complete");
        assert_eq!(result.get("ttlMs").is_some(), cacheable, "{result}");
        assert_eq!(result.get("cacheScope").is_some(), cacheable, "{result}");
    }
}

#[test]
fn progress_is_streamed_and_its_message_came_later() {
    let server = Server::start("calculator-cloudrun", &[]);
    let params = json!({"name": "countdown", "arguments": {"from": 3, "delay_ms": 1}});
    let check = |version: &str, request: Request| {
        let reply = send(&server, &request.with_progress());
        assert!(reply.head.is_event_stream(), "{version}: {:?}", reply.head);
        assert_eq!(reply.head.header("x-accel-buffering"), Some("no"), "{version}");
        let mut messages = reply.messages();
        assert!(messages.pop().expect("an answer")["result"].is_object(), "{version}");
        assert!(messages.len() >= 3, "{version}: {messages:?}");
        for message in messages {
            assert_eq!(message["method"], "notifications/progress", "{version}");
            assert_eq!(message["params"]["progressToken"], "progress", "{version}");
            let has_text = message["params"].get("message").is_some();
            assert!(!has_text || version >= "2025-03-26", "{version}: {message}");
        }
    };
    for version in LEGACY {
        let request = named(version, "tools/call", params.clone());
        check(version, request.edit(|message| message["params"]["_meta"] = json!({})));
    }
    check(MODERN, Request::modern("tools/call", params.clone()));

    // Nobody asked for progress: one JSON object, no stream.
    let reply = send(&server, &Request::modern("tools/call", params));
    assert_eq!(reply.head.header("content-type"), Some("application/json"));
}
