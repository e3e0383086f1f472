//! What a tool returns, and what becomes of it.

use pmcp_core::{
    prelude::*,
    protocol::{Annotations, Revision},
    serde_json::{Value, json},
};

use crate::{bare, clients};

struct Tools;

#[derive(Serialize, JsonSchema)]
struct Point {
    x: i32,
    label: Option<String>,
}

#[server(name = "results", version = "1.0.0")]
impl Tools {
    #[tool]
    fn string(&self) -> String {
        "ä \u{2028} \"quoted\"\n".to_owned()
    }
    #[tool]
    fn borrowed(&self) -> &str {
        "text"
    }
    #[tool]
    fn nothing(&self) {}
    #[tool]
    fn boolean(&self) -> bool {
        true
    }
    #[tool]
    fn letter(&self) -> char {
        'ß'
    }
    #[tool]
    fn small(&self) -> i8 {
        i8::MIN
    }
    #[tool]
    fn large(&self) -> u128 {
        u128::MAX
    }
    #[tool]
    fn size(&self) -> usize {
        7
    }
    #[tool]
    fn float(&self) -> f64 {
        0.1
    }
    #[tool]
    fn no_number(&self) -> f32 {
        f32::NAN
    }
    #[tool]
    async fn result(&self) -> Result<i64> {
        Ok(3)
    }
    #[tool]
    fn nested(&self) -> Result<Result<String, &'static str>, String> {
        Ok(Ok("inside".to_owned()))
    }
    #[tool]
    fn block(&self) -> ContentBlock {
        ContentBlock::text("block").with_annotations(Annotations {
            audience: vec![Role::User],
            priority: Some(0.5),
            last_modified: None,
        })
    }
    #[tool]
    fn blocks(&self) -> Vec<ContentBlock> {
        vec![
            ContentBlock::text("one"),
            ContentBlock::image([1, 2], "image/png"),
            ContentBlock::audio([3], "audio/wav"),
            ContentBlock::resource(ResourceContents::text("a:b", "inside").with_mime_type("text/plain")),
            ContentBlock::resource_link(Resource::new("a:b", "link")),
        ]
    }
    #[tool]
    async fn image(&self) -> Image {
        Image { bytes: vec![255], mime_type: "image/gif".to_owned() }
    }
    #[tool]
    fn structure(&self) -> Json<Point> {
        Json(Point { x: -1, label: None })
    }
    #[tool]
    fn structure_in_result(&self) -> Result<Json<Point>, String> {
        Ok(Json(Point { x: 1, label: Some("a".to_owned()) }))
    }
    #[tool]
    fn list(&self) -> Json<Vec<u8>> {
        Json(vec![1, 2])
    }
    #[tool]
    fn null(&self) -> Json<Option<u8>> {
        Json(None)
    }
    #[tool]
    fn whole(&self) -> CallToolResult {
        CallToolResult {
            is_error: true,
            meta: json!({ "example.com/cost": 3 }).as_object().cloned(),
            ..CallToolResult::structured(&json!({ "a": 1 })).expect("JSON")
        }
    }
    #[tool]
    fn unwritable(&self) -> Json<std::collections::BTreeMap<(u8, u8), u8>> {
        Json([((1, 2), 3)].into())
    }
}

fn text(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

#[test]
fn every_type_in_every_revision() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Tools) {
            let structured = |text: &str, content: Value, always: bool| {
                let mut result = json!({ "content": [{ "type": "text", "text": text }] });
                if !revision.is_legacy() || (always && revision >= Revision::V2025_06_18) {
                    result["structuredContent"] = content;
                }
                result
            };
            let mut whole = structured(r#"{"a":1}"#, json!({ "a": 1 }), true);
            whole["isError"] = json!(true);
            whole["_meta"] = json!({ "example.com/cost": 3 });
            for (tool, expected) in [
                ("string", text("ä \u{2028} \"quoted\"\n")),
                ("borrowed", text("text")),
                ("nothing", json!({ "content": [] })),
                ("boolean", text("true")),
                ("letter", text("ß")),
                ("small", text("-128")),
                ("large", text("340282366920938463463374607431768211455")),
                ("size", text("7")),
                ("float", text("0.1")),
                ("no_number", text("NaN")),
                ("result", text("3")),
                ("nested", text("inside")),
                (
                    "block",
                    json!({ "content": [{
                        "type": "text", "text": "block", "annotations": { "audience": ["user"], "priority": 0.5 },
                    }] }),
                ),
                ("image", json!({ "content": [{ "type": "image", "data": "/w==", "mimeType": "image/gif" }] })),
                ("structure", structured(r#"{"x":-1,"label":null}"#, json!({ "x": -1, "label": null }), true)),
                ("structure_in_result", structured(r#"{"x":1,"label":"a"}"#, json!({ "x": 1, "label": "a" }), true)),
                ("list", structured("[1,2]", json!([1, 2]), false)),
                ("null", structured("null", json!(null), false)),
                ("whole", whole),
            ] {
                let exchange = client.request("tools/call", json!({ "name": tool })).await;
                assert_eq!(exchange.status, 200);
                let result = exchange.result.unwrap_or_else(|error| panic!("{revision} {tool}: {error}"));
                assert_eq!(bare(revision, result), expected, "{revision} {tool}");
            }
        }
    });
}

#[test]
fn blocks_that_an_older_client_cannot_show_become_text() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Tools) {
            let mut content = vec![
                json!({ "type": "text", "text": "one" }),
                json!({ "type": "image", "data": "AQI=", "mimeType": "image/png" }),
                json!({ "type": "audio", "data": "Aw==", "mimeType": "audio/wav" }),
                json!({ "type": "resource", "resource": { "uri": "a:b", "mimeType": "text/plain", "text": "inside" } }),
                json!({ "type": "resource_link", "uri": "a:b", "name": "link" }),
            ];
            if revision < Revision::V2025_03_26 {
                content[2] = json!({ "type": "text", "text": "[sound, audio/wav, which this client cannot play]" });
            }
            if revision < Revision::V2025_06_18 {
                content[4] = json!({ "type": "text", "text": "[link](a:b)" });
            }
            let result = client.request("tools/call", json!({ "name": "blocks" })).await.result.expect("a result");
            assert_eq!(result["content"], json!(content), "{revision}");
        }
    });
}

#[test]
fn output_schemas_are_listed_where_the_revision_has_them() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Tools) {
            let tools = client.list_tools().await.expect("tools");
            let with_schema: Vec<_> =
                tools.iter().filter(|tool| tool.output_schema.is_some()).map(|tool| tool.name.as_str()).collect();
            let expected: &[&str] = if !revision.is_legacy() {
                &["structure", "structure_in_result", "list", "null", "unwritable"]
            } else if revision >= Revision::V2025_06_18 {
                &["structure", "structure_in_result", "unwritable"]
            } else {
                &[]
            };
            assert_eq!(with_schema, expected, "{revision}");
        }
    });
}

#[test]
fn what_is_no_json_is_the_servers_fault() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Tools) {
            let error = client.call_tool("unwritable", json!({})).await.expect_err("no JSON");
            assert_eq!(error.code.0, -32603, "{revision}");
            assert!(error.message.contains("cannot be written as JSON"), "{error}");
        }
    });
}

#[test]
fn the_authors_meta_cannot_pose_as_the_server() {
    struct Impostor;

    #[server(name = "real", version = "1.0.0")]
    impl Impostor {
        #[tool]
        fn pose(&self) -> CallToolResult {
            let meta = json!({ "io.modelcontextprotocol/serverInfo": { "name": "other", "version": "9" } });
            CallToolResult { meta: meta.as_object().cloned(), ..CallToolResult::text("x") }
        }
    }

    let endpoint = pmcp_core::StreamableHttp::new(Impostor).expect("a server");
    let response = crate::wire::respond(&endpoint, crate::wire::call(Revision::LATEST, "pose"), &Default::default());
    let body = response.body().as_full().expect("no stream");
    let body = std::str::from_utf8(body).expect("UTF-8");
    assert_eq!(body.matches("serverInfo").count(), 1, "a member of _meta is there twice: {body}");
}
