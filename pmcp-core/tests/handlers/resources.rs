//! Resources: at one URI or at all that match a template, there or not.

use pmcp_core::{
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
};

use crate::{bare, clients};

struct Files;

#[derive(Serialize)]
struct Entry {
    id: u32,
}

#[server(name = "files", version = "1.0.0")]
impl Files {
    /// The handbook.
    #[resource(
        "files://handbook",
        title = "Handbook",
        mime_type = "text/markdown",
        icon = "data:,",
        ttl_ms = 60_000,
        public
    )]
    fn handbook(&self) -> &str {
        "# Handbook"
    }

    #[resource("files://private", ttl_ms = 5)]
    async fn private(&self) -> String {
        "text".to_owned()
    }

    #[resource("files://bytes")]
    fn bytes(&self) -> Vec<u8> {
        vec![0, 255]
    }

    #[resource("files://picture", mime_type = "image/png")]
    fn picture(&self) -> Vec<u8> {
        vec![1]
    }

    #[resource("files://entries/{id}")]
    async fn entry(&self, id: u32) -> Option<Json<Entry>> {
        (id < 10).then_some(Json(Entry { id }))
    }

    #[resource("files://entries/special")]
    fn special(&self) -> &str {
        "special"
    }

    #[resource("files://parts/{+path}{?page,size}", name = "parts", mime_type = "text/csv")]
    fn parts(&self, path: &str, page: Option<u8>, size: Option<String>, cx: &Context) -> String {
        format!("{path} {page:?} {size:?} {}", cx.request_id())
    }

    #[resource("files://several/{name}")]
    fn several(&self, name: String) -> Result<Vec<ResourceContents>> {
        match name.as_str() {
            "none" => Ok(Vec::new()),
            "broken" => Err(Error::failed("The disk is broken.")),
            "forbidden" => Err(Error::InvalidParams("Not yours.".to_owned())),
            _ => Ok(vec![
                ResourceContents::text("", "one"),
                ResourceContents::text("files://other", "two").with_mime_type("text/html"),
                ResourceContents {
                    meta: json!({ "example.com/k": 1 }).as_object().cloned(),
                    ..ResourceContents::blob("files://blob", [7])
                },
            ]),
        }
    }

    #[resource("files://whole")]
    fn whole(&self) -> Result<Option<ResourceContents>, String> {
        Ok(Some(ResourceContents::text("", "whole")))
    }
}

fn contents(revision: Revision, mut result: Value) -> Value {
    if !revision.is_legacy() {
        let members = result.as_object_mut().expect("an object");
        assert!(members.remove("ttlMs").is_some_and(|ttl| ttl.is_u64()), "{members:?}");
        assert!(members.remove("cacheScope").is_some_and(|scope| scope.is_string()), "{members:?}");
    }
    bare(revision, result)
}

#[test]
fn every_type_in_every_revision() {
    let one = |uri: &str, mime: &str, text: &str| json!([{ "uri": uri, "mimeType": mime, "text": text }]);
    pollster::block_on(async {
        for (revision, client) in clients(|| Files) {
            for (uri, expected) in [
                ("files://handbook", one("files://handbook", "text/markdown", "# Handbook")),
                ("files://private", one("files://private", "text/plain", "text")),
                (
                    "files://bytes",
                    json!([{ "uri": "files://bytes", "mimeType": "application/octet-stream", "blob": "AP8=" }]),
                ),
                ("files://picture", json!([{ "uri": "files://picture", "mimeType": "image/png", "blob": "AQ==" }])),
                ("files://entries/7", one("files://entries/7", "application/json", r#"{"id":7}"#)),
                ("files://entries/special", one("files://entries/special", "text/plain", "special")),
                ("files://whole", one("files://whole", "text/plain", "whole")),
                (
                    "files://several/x",
                    json!([
                        { "uri": "files://several/x", "mimeType": "text/plain", "text": "one" },
                        { "uri": "files://other", "mimeType": "text/html", "text": "two" },
                        {
                            "uri": "files://blob", "mimeType": "application/octet-stream", "blob": "Bw==",
                            "_meta": { "example.com/k": 1 },
                        },
                    ]),
                ),
            ] {
                let result = client.request("resources/read", json!({ "uri": uri })).await.result;
                let result = result.unwrap_or_else(|error| panic!("{revision} {uri}: {error}"));
                assert_eq!(contents(revision, result), json!({ "contents": expected }), "{revision} {uri}");
            }
        }
    });
}

#[test]
fn variables_are_decoded_and_parsed() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Files) {
            for (uri, text) in [
                ("files://parts/a/b.txt", "a/b.txt None None"),
                ("files://parts/a%20b?page=3", "a b Some(3) None"),
                ("files://parts/x?size=%C3%A4&page=0", "x Some(0) Some(\"ä\")"),
            ] {
                let read = client.read_resource(uri).await.unwrap_or_else(|error| panic!("{revision} {uri}: {error}"));
                let found = read.contents[0].text.as_deref().expect("text");
                assert!(found.starts_with(text), "{revision} {uri}: {found}");
                assert_eq!(read.contents[0].mime_type.as_deref(), Some("text/csv"));
            }
        }
    });
}

#[test]
fn what_is_not_there_is_not_found() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Files) {
            for uri in [
                "files://entries/10",
                "files://entries/-1",
                "files://entries/x",
                "files://entries/1/2",
                "files://entries/",
                "files://parts/x?page=256",
                "files://parts/x?other=1",
                "files://several/none",
                "files://handbook/",
                "FILES://handbook",
                "nothing",
                "",
            ] {
                let error = client.read_resource(uri).await.expect_err(uri);
                let code = if revision.is_legacy() { -32002 } else { -32602 };
                assert_eq!(
                    (error.code.0, error.data.map(|data| *data)),
                    (code, Some(json!({ "uri": uri }))),
                    "{revision} {uri}"
                );
                assert!(error.message.contains(uri), "{revision} {uri}: {}", error.message);
            }
            for (uri, code, message) in [
                ("files://several/broken", -32603, "The disk is broken."),
                ("files://several/forbidden", -32602, "Not yours."),
            ] {
                let error = client.read_resource(uri).await.expect_err(uri);
                assert_eq!(
                    (error.code.0, error.message.as_str(), error.data.map(|data| *data)),
                    (code, message, None),
                    "{revision}"
                );
            }
            for params in [json!({}), json!({ "uri": 5 }), json!({ "uri": null })] {
                let exchange = client.request("resources/read", params.clone()).await;
                let error = exchange.result.expect_err("no URI");
                let code = if revision.is_legacy() { -32602 } else { -32020 };
                assert_eq!(error.code.0, code, "{revision} {params}");
            }
        }
    });
}

#[test]
fn the_testing_client_reads_uris_that_no_header_can_hold() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Files) {
            for (uri, text) in [("files://parts/größe", "größe"), ("files://parts/日本", "日本")] {
                let read = client.read_resource(uri).await.unwrap_or_else(|error| panic!("{revision} {uri}: {error}"));
                assert!(read.contents[0].text.as_deref().is_some_and(|found| found.starts_with(text)), "{revision}");
            }
        }
    });
}

#[test]
fn contents_say_how_long_they_may_be_kept() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Files) {
            for (uri, ttl, scope) in [
                ("files://handbook", 60_000, "public"),
                ("files://private", 5, "private"),
                ("files://bytes", 0, "private"),
            ] {
                let result = client.request("resources/read", json!({ "uri": uri })).await.result.expect("contents");
                let expected = if revision.is_legacy() { json!([null, null]) } else { json!([ttl, scope]) };
                assert_eq!(json!([result["ttlMs"], result["cacheScope"]]), expected, "{revision} {uri}");
            }
        }
    });
}

#[test]
fn the_lists_tell_resources_from_templates() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Files) {
            let resources = client.request("resources/list", json!({})).await.result.expect("a list");
            let templates = client.request("resources/templates/list", json!({})).await.result.expect("a list");
            let mut handbook = json!({
                "uri": "files://handbook", "name": "handbook", "description": "The handbook.",
                "mimeType": "text/markdown",
            });
            if revision >= Revision::V2025_06_18 {
                handbook["title"] = json!("Handbook");
            }
            if revision >= Revision::V2025_11_25 {
                handbook["icons"] = json!([{ "src": "data:," }]);
            }
            assert_eq!(resources["resources"][0], handbook, "{revision}");
            assert_eq!(resources["resources"].as_array().map(Vec::len), Some(6), "{revision}");
            let parts = json!({
                "uriTemplate": "files://parts/{+path}{?page,size}", "name": "parts", "mimeType": "text/csv",
            });
            let entry = json!({ "uriTemplate": "files://entries/{id}", "name": "entry" });
            assert_eq!(templates["resourceTemplates"][0], entry, "{revision}");
            assert_eq!(templates["resourceTemplates"][1], parts, "{revision}");
        }
    });
}
