//! `r#` is Rust's matter and no part of a name.

use pmcp_core::{prelude::*, serde_json::json, testing::Client};

struct Crm;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn r#match(&self, r#type: String, r#in: Option<String>, _unused: u8, __twice: u8) -> String {
        format!("{type} {}", r#in.unwrap_or_default(), type = r#type)
    }

    #[prompt]
    fn r#loop(&self, #[arg(complete = r#move)] r#for: &str) -> String {
        r#for.to_owned()
    }

    #[resource("crm://{type}")]
    fn r#enum(&self, r#type: &str) -> String {
        r#type.to_owned()
    }

    fn r#move(&self, typed: &str) -> Vec<String> {
        vec![typed.to_owned()]
    }
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Crm).expect("a server");
        let tools = client.list_tools().await.expect("tools");
        assert_eq!(tools[0].name, "match");
        assert_eq!(tools[0].input_schema["required"], json!(["type", "unused", "twice"]));
        let arguments = json!({ "type": "a", "in": "b", "unused": 0, "twice": 0 });
        let result = client.call_tool("match", arguments).await.expect("a result");
        assert_eq!(result.content, [ContentBlock::text("a b")]);

        let prompts = client.list_prompts().await.expect("prompts");
        assert_eq!((prompts[0].name.as_str(), prompts[0].arguments[0].name.as_str()), ("loop", "for"));
        let prompt = client.get_prompt("loop", json!({ "for": "x" })).await.expect("a prompt");
        assert_eq!(prompt.messages, [PromptMessage::user("x")]);
        let reference = json!({ "type": "ref/prompt", "name": "loop" });
        assert_eq!(client.complete(reference, "for", "y").await.expect("a completion").values, ["y"]);

        let templates = client.list_resource_templates().await.expect("templates");
        assert_eq!(templates[0].name, "enum");
        let read = client.read_resource("crm://z").await.expect("a resource");
        assert_eq!(read.contents[0].text.as_deref(), Some("z"));
    });
}
