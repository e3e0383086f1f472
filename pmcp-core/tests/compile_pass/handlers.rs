//! Handlers are async or not, take their context anywhere and by any name, and may return what they borrow.
#![deny(warnings, missing_docs)]

use pmcp_core::{prelude::*, serde_json::json, testing::Client};

/// A server.
pub struct Crm {
    motto: String,
}

#[server(
    name = "crm",
    title = "CRM",
    version = env!("CARGO_PKG_VERSION"),
    description = concat!("Customers", "."),
    website_url = "https://example.com",
    icon = "https://example.com/icon.png",
    instructions = INSTRUCTIONS,
    logging,
)]
impl Crm {
    const GREETING: &'static str = "Hello";

    #[tool]
    fn motto(&self) -> &str {
        &self.motto
    }

    #[tool]
    async fn motto_in_time(&self) -> &str {
        std::future::ready(()).await;
        &self.motto
    }

    #[tool]
    fn checked(&self, long: bool) -> Result<&str, &'static str> {
        if long { Ok(&self.motto) } else { Err("It is long.") }
    }

    #[prompt]
    fn borrowed_prompt(&self) -> &str {
        &self.motto
    }

    #[resource("crm://motto")]
    async fn borrowed_resource(&self) -> Option<&str> {
        Some(&self.motto)
    }

    #[tool]
    fn first(&self, request: &Context, name: &str) -> String {
        format!("{} {name} {}", Self::GREETING, request.request_id())
    }

    #[tool]
    async fn middle(&self, a: i64, context: &pmcp_core::Context, b: i64) -> String {
        format!("{} {}", a + b, context.request_id())
    }

    #[tool]
    fn twice(&self, one: &Context, _: &Context, other: &Context) -> bool {
        one.request_id() == other.request_id()
    }

    #[tool]
    #[must_use]
    pub(crate) async fn with_attributes(&self) -> u8 {
        1
    }

    fn not_marked(&self, number: impl Into<f64>) -> f64 {
        number.into()
    }
}

const INSTRUCTIONS: &str = "Ask.";

fn main() {
    pollster::block_on(async {
        assert!(Crm { motto: String::new() }.not_marked(1) > 0.0);
        let client = Client::new(Crm { motto: "Onwards".to_owned() }).expect("a server");
        for (tool, arguments, text) in [
            ("motto", json!({}), "Onwards"),
            ("motto_in_time", json!({}), "Onwards"),
            ("checked", json!({ "long": true }), "Onwards"),
            ("checked", json!({ "long": false }), "It is long."),
            ("first", json!({ "name": "Ada" }), "Hello Ada 5"),
            ("middle", json!({ "a": 1, "b": 2 }), "3 6"),
            ("twice", json!({}), "true"),
            ("with_attributes", json!({}), "1"),
        ] {
            let result = client.call_tool(tool, arguments).await.expect("a result");
            assert_eq!(result.content, [ContentBlock::text(text)], "{tool}");
        }
        let prompt = client.get_prompt("borrowed_prompt", json!({})).await.expect("a prompt");
        assert_eq!(prompt.messages, [PromptMessage::user("Onwards")]);
        let read = client.read_resource("crm://motto").await.expect("a resource");
        assert_eq!(read.contents[0].text.as_deref(), Some("Onwards"));
    });
}
