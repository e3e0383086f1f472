//! An optional text may be borrowed, as a required one may.

use pmcp_core::{prelude::*, serde_json::json, testing::Client};

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    async fn tool(&self, name: Option<&str>) -> String {
        name.unwrap_or("nobody").to_owned()
    }

    #[prompt]
    fn prompt(&self, #[arg(description = "Who.")] name: Option<&str>) -> String {
        name.unwrap_or("nobody").to_owned()
    }

    #[resource("crm://customers{?name}")]
    async fn resource(&self, name: Option<&str>) -> String {
        name.unwrap_or("nobody").to_owned()
    }
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Crm).expect("a server");
        let tools = client.list_tools().await.expect("tools");
        assert_eq!(tools[0].input_schema["properties"]["name"], json!({ "type": "string" }));
        assert_eq!(tools[0].input_schema.get("required"), None);
        for (arguments, text) in [(json!({}), "nobody"), (json!({ "name": "Ada" }), "Ada")] {
            let result = client.call_tool("tool", arguments.clone()).await.expect("a result");
            assert_eq!(result.content, [ContentBlock::text(text)]);
            let prompt = client.get_prompt("prompt", arguments).await.expect("a prompt");
            assert_eq!(prompt.messages, [PromptMessage::user(text)]);
        }
        for (uri, text) in [("crm://customers", "nobody"), ("crm://customers?name=Ada", "Ada")] {
            let read = client.read_resource(uri).await.expect("a resource");
            assert_eq!(read.contents[0].text.as_deref(), Some(text));
        }
    });
}
