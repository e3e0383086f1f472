//! Lists: whole or in pages, the same bytes from every build, each revision with what it knows.

use std::{collections::HashMap, sync::Arc, time::Duration};

use pmcp_core::{
    StreamableHttp,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    testing::Client,
};

use crate::{clients, wire};

struct Five;

#[derive(Deserialize, JsonSchema)]
struct Filter {
    #[expect(dead_code, reason = "only its schema matters")]
    words: HashMap<String, Vec<String>>,
}

#[server(
    name = "five",
    title = "Five",
    version = "1.0.0",
    description = "Five of each.",
    website_url = "https://example.com",
    icon = "https://example.com/icon.png",
    instructions = "Count.",
    logging
)]
impl Five {
    /// Counts.
    #[tool(title = "One", icon = "data:,1", read_only, idempotent = false)]
    fn one(&self, #[arg(header = "Filter-Name")] name: String, filter: Option<Filter>) -> Json<bool> {
        Json(name.is_empty() && filter.is_none())
    }
    #[tool]
    fn two(&self) {}
    #[tool]
    fn three(&self) {}
    #[tool]
    fn four(&self) {}
    #[tool]
    fn five(&self) {}

    #[prompt]
    fn a(&self, #[arg(complete = names)] name: &str) -> String {
        name.to_owned()
    }
    #[prompt]
    fn b(&self) -> &str {
        ""
    }
    #[prompt]
    fn c(&self) -> &str {
        ""
    }

    #[resource("five:1")]
    fn first(&self) -> &str {
        ""
    }
    #[resource("five:{n}")]
    fn any(&self, n: &str) -> String {
        n.to_owned()
    }

    fn names(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

const LISTS: [(&str, &str, usize); 4] = [
    ("tools/list", "tools", 5),
    ("prompts/list", "prompts", 3),
    ("resources/list", "resources", 1),
    ("resources/templates/list", "resourceTemplates", 1),
];

fn names(page: &Value, member: &str) -> Vec<String> {
    let entries = page[member].as_array().expect("entries");
    entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn everything_is_one_page_by_default() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Five) {
            for (method, member, count) in LISTS {
                let page = client.request(method, json!({})).await.result.expect("a page");
                assert_eq!(page[member].as_array().map(Vec::len), Some(count), "{revision}");
                assert_eq!(page.get("nextCursor"), None, "{revision}");
            }
        }
    });
}

#[test]
fn five_tools_are_three_pages_of_two() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Five.into_builder().page_size(2)) {
            let mut pages = Vec::new();
            let mut params = json!({});
            loop {
                let page = client.request("tools/list", params).await.result.expect("a page");
                pages.push(names(&page, "tools"));
                match page.get("nextCursor") {
                    Some(cursor) => params = json!({ "cursor": cursor }),
                    None => break,
                }
            }
            assert_eq!(pages, [vec!["one", "two"], vec!["three", "four"], vec!["five"]], "{revision}");
            assert_eq!(client.list_tools().await.expect("all pages").len(), 5, "{revision}");
            assert_eq!(client.list_prompts().await.expect("all pages").len(), 3, "{revision}");
            let null = client.request("tools/list", json!({ "cursor": null })).await.result.expect("a page");
            assert_eq!(names(&null, "tools"), ["one", "two"], "{revision}");
        }
    });
}

#[test]
fn pages_end_where_the_list_ends() {
    pollster::block_on(async {
        for size in [1, 4, 5, 6, 0, usize::MAX] {
            let client = Client::new(Five.into_builder().page_size(size)).expect("a server");
            assert_eq!(client.list_tools().await.expect("all pages").len(), 5, "{size}");
        }
    });
}

#[test]
fn a_cursor_that_was_not_given_out_is_refused() {
    pollster::block_on(async {
        let cursors = [
            json!(""),
            json!("0"),
            json!("1"),
            json!("3"),
            json!("6"),
            json!("8"),
            json!("02"),
            json!("+2"),
            json!("-2"),
            json!(" 2"),
            json!("2 "),
            json!("2.0"),
            json!("x"),
            json!("18446744073709551616"),
            json!("٢"),
            json!(2),
            json!({}),
            json!(["2"]),
            json!(true),
        ];
        for (revision, client) in clients(|| Five.into_builder().page_size(2)) {
            for cursor in &cursors {
                let error = client.request("tools/list", json!({ "cursor": cursor })).await.result;
                let error = error.expect_err("no such page");
                assert_eq!(error.code.0, -32602, "{revision} {cursor}");
                assert!(error.message.contains("cursor"), "{revision} {cursor}: {error}");
            }
        }
    });
}

#[test]
fn answers_say_how_long_they_may_be_kept() {
    pollster::block_on(async {
        let minute = Duration::from_secs(60);
        for (cache, ttl, scope) in [
            (None, 0, "private"),
            (Some(Cache::public(minute)), 60_000, "public"),
            (Some(Cache::private(minute)), 60_000, "private"),
            (Some(Cache::public(Duration::MAX)), u64::MAX, "public"),
        ] {
            let server = || match cache {
                Some(cache) => Five.into_builder().page_size(2).cache(cache),
                None => Five.into_builder().page_size(2),
            };
            for (revision, client) in clients(server) {
                for (method, cursor) in
                    [("tools/list", Value::Null), ("tools/list", json!("2")), ("prompts/list", Value::Null)]
                {
                    let page = client.request(method, json!({ "cursor": cursor })).await.result.expect("a page");
                    let expected = if revision.is_legacy() { json!([null, null]) } else { json!([ttl, scope]) };
                    assert_eq!(json!([page["ttlMs"], page["cacheScope"]]), expected, "{revision} {method}");
                }
            }
            let client = Client::new(server()).expect("a server");
            let discovered = client.request("server/discover", json!({})).await.result.expect("an answer");
            assert_eq!(json!([discovered["ttlMs"], discovered["cacheScope"]]), json!([ttl, scope]));
        }
    });
}

#[test]
fn two_builds_answer_with_the_same_bytes() {
    let answer = |revision: Revision, method: &'static str| {
        let endpoint = StreamableHttp::new(Five).expect("a server");
        let params = json!({ "protocolVersion": revision.as_str(), "capabilities": {}, "clientInfo": {} });
        let request = wire::request(revision, method, params, json!({}));
        let response = wire::respond(&endpoint, request, &Arc::default());
        response.body().as_full().expect("no stream").clone()
    };
    for revision in Revision::ALL {
        let opening = if revision.is_legacy() { "initialize" } else { "server/discover" };
        for method in LISTS.map(|(method, ..)| method).into_iter().chain([opening]) {
            let first = answer(revision, method);
            assert!(first.windows(8).any(|part| part == b"\"result\""), "{revision} {method}: {first:?}");
            for _ in 0..5 {
                assert_eq!(first, answer(revision, method), "{revision} {method}");
            }
        }
    }
}

#[test]
fn a_tool_is_listed_with_what_the_revision_knows() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Five) {
            let list = client.request("tools/list", json!({})).await.result.expect("a list");
            let mut one = list["tools"][0].clone();
            let schema = one.as_object_mut().expect("an object").remove("inputSchema").expect("a schema");
            assert_eq!(schema["required"], json!(["name"]), "{revision}");
            assert_eq!(schema["properties"]["name"], json!({ "type": "string", "x-mcp-header": "Filter-Name" }));
            let mut expected = json!({ "name": "one", "description": "Counts." });
            if revision >= Revision::V2025_03_26 {
                expected["annotations"] = json!({ "readOnlyHint": true, "idempotentHint": false });
            }
            if revision >= Revision::V2025_06_18 {
                expected["title"] = json!("One");
            }
            if revision >= Revision::V2025_11_25 {
                expected["icons"] = json!([{ "src": "data:,1" }]);
            }
            if !revision.is_legacy() {
                expected["outputSchema"] = json!({ "type": "boolean" });
            }
            assert_eq!(one, expected, "{revision}");
        }
    });
}

#[test]
fn the_server_says_who_it_is_and_what_it_can_do() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Five) {
            let mut info = json!({ "name": "five", "version": "1.0.0" });
            if revision >= Revision::V2025_06_18 {
                info["title"] = json!("Five");
            }
            if revision >= Revision::V2025_11_25 {
                info["description"] = json!("Five of each.");
                info["websiteUrl"] = json!("https://example.com");
                info["icons"] = json!([{ "src": "https://example.com/icon.png" }]);
            }
            let mut capabilities = json!({ "logging": {}, "prompts": {}, "resources": {}, "tools": {} });
            if revision >= Revision::V2025_03_26 {
                capabilities["completions"] = json!({});
            }
            let (method, params) = if revision.is_legacy() {
                ("initialize", json!({ "protocolVersion": revision.as_str(), "capabilities": {}, "clientInfo": {} }))
            } else {
                ("server/discover", json!({}))
            };
            let answer = client.request(method, params).await.result.expect("an answer");
            let named = if revision.is_legacy() {
                assert_eq!(answer["protocolVersion"], revision.as_str());
                &answer["serverInfo"]
            } else {
                assert_eq!(answer["supportedVersions"], json!([revision.as_str()]));
                &answer["_meta"]["io.modelcontextprotocol/serverInfo"]
            };
            assert_eq!(*named, info, "{revision}");
            assert_eq!(answer["capabilities"], capabilities, "{revision}");
            assert_eq!(answer["instructions"], "Count.", "{revision}");
        }
    });
}

#[test]
fn a_server_without_a_feature_does_not_serve_its_methods() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Server::builder("empty", "1")) {
            for (method, ..) in LISTS {
                let exchange = client.request(method, json!({})).await;
                let status = if revision.is_legacy() { 200 } else { 404 };
                let error = exchange.result.expect_err("no such method");
                assert_eq!((exchange.status, error.code.0), (status, -32601), "{revision} {method}");
            }
        }
    });
}
