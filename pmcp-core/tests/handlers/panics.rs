//! A panic ends its request and nothing else.

use pmcp_core::{
    prelude::*,
    serde_json::{Value, json},
};

use crate::clients;

struct Panicking;

struct Unsaid;

impl std::fmt::Display for Unsaid {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("while it is displayed")
    }
}

struct Unwritten;

impl Serialize for Unwritten {
    fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        panic!("while it is written")
    }
}

#[server(name = "panicking", version = "1.0.0")]
impl Panicking {
    #[tool]
    fn sync(&self) -> String {
        panic!("with a secret")
    }
    #[tool]
    async fn before_an_await(&self) -> String {
        let text = Some(String::new()).filter(|_| false).expect("with a secret");
        std::future::ready(()).await;
        text
    }
    #[tool]
    async fn after_an_await(&self, cx: &Context) -> String {
        cx.sleep(std::time::Duration::from_secs(1)).await;
        panic!("with a secret {}", 7)
    }
    #[tool]
    async fn after_progress(&self, cx: &Context) -> String {
        cx.progress(1, 2.0, None).await;
        cx.sleep(std::time::Duration::from_secs(1)).await;
        std::panic::panic_any(7)
    }
    #[tool]
    fn in_display(&self) -> Result<(), Unsaid> {
        Err(Unsaid)
    }
    #[resource("panicking:unwritten")]
    fn in_serialize(&self) -> Json<Unwritten> {
        Json(Unwritten)
    }
    #[resource("panicking:{id}")]
    async fn resource(&self, id: u8) -> String {
        assert!(id > 200, "with a secret");
        String::new()
    }
    #[prompt]
    fn prompt(&self, #[arg(complete = completer)] name: &str) -> String {
        panic!("with a secret {name}")
    }
    fn completer(&self, _: &str) -> Vec<String> {
        panic!("with a secret")
    }
    #[tool]
    fn alive(&self) -> bool {
        true
    }
}

fn requests() -> Vec<(&'static str, Value)> {
    let tools = ["sync", "before_an_await", "after_an_await", "after_progress", "in_display"];
    let calls = tools.into_iter().map(|name| ("tools/call", json!({ "name": name, "arguments": {} })));
    calls
        .chain([
            ("resources/read", json!({ "uri": "panicking:unwritten" })),
            ("resources/read", json!({ "uri": "panicking:7" })),
            ("prompts/get", json!({ "name": "prompt", "arguments": { "name": "x" } })),
            (
                "completion/complete",
                json!({
                    "ref": { "type": "ref/prompt", "name": "prompt" },
                    "argument": { "name": "name", "value": "" },
                }),
            ),
        ])
        .collect()
}

#[test]
fn a_panic_becomes_an_error_and_the_server_lives_on() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Panicking) {
            for (method, params) in requests() {
                let what = format!("{revision} {params}");
                let exchange = client.request(method, params.clone()).await;
                let error = exchange.result.expect_err(&what);
                assert_eq!((exchange.status, error.code.0), (200, -32603), "{what}");
                assert!(error.message.contains("panicked") && !error.message.contains("secret"), "{what}: {error}");
                let notified = usize::from(params["name"] == "after_progress");
                assert_eq!(exchange.notifications.len(), notified, "{what}");
                let alive = client.call_tool("alive", json!({})).await.expect("a result");
                assert_eq!(alive.content, [ContentBlock::text("true")], "after {what}");
            }
        }
    });
}
