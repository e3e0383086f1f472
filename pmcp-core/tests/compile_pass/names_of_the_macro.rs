//! Arguments may be called as the macro calls its own.

use pmcp_core::{prelude::*, serde_json::json, testing::Client};

struct Crm;

type Named = Result<String, &'static str>;

#[server(name = "crm", version = "1.0.0")]
impl Crm {
    #[tool]
    fn of_a_tool(
        &self,
        this: i64,
        cx: i64,
        arguments: i64,
        builder: i64,
        request: i64,
        server: i64,
        error: i64,
        value: i64,
        argument_0: i64,
        context: &Context,
    ) -> String {
        let sum = this + cx + arguments + builder + request + server + error + value + argument_0;
        format!("{sum} {}", context.request_id())
    }

    #[tool]
    async fn of_an_async_tool(&self, context: &Context, cx: i64, this: i64, arguments: i64, builder: i64) -> String {
        format!("{} {}", this + cx + arguments + builder, context.request_id())
    }

    #[prompt]
    fn of_a_prompt(
        &self,
        #[arg(complete = proposals)] arguments: &str,
        this: &str,
        builder: &str,
        cx: &str,
        error: &str,
        value: &str,
        context: &Context,
    ) -> Named {
        Ok(format!("{arguments}{this}{builder}{cx}{error}{value} {}", context.request_id()))
    }

    #[prompt]
    async fn of_an_async_prompt(&self, arguments: String, this: String, cx: String, last: Option<String>) -> Named {
        Ok(format!("{arguments}{this}{cx}{}", last.unwrap_or_default()))
    }

    #[resource("crm://{arguments}/{this}/{cx}/{builder}/{last}")]
    fn of_a_resource(
        &self,
        arguments: &str,
        this: &str,
        #[arg(complete = proposals_in_time)] cx: &str,
        builder: u8,
        last: &str,
        context: &Context,
    ) -> Option<String> {
        Some(format!("{arguments}{this}{cx}{builder}{last} {}", context.request_id()))
    }

    fn proposals(&self, request: &CompletionRequest, this: &Context) -> Vec<String> {
        vec![format!("{} {}", request.value, this.request_id())]
    }

    async fn proposals_in_time(&self, cx: &str, this: &Context) -> Vec<String> {
        vec![format!("{cx} {}", this.request_id())]
    }
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Crm).expect("a server");
        let arguments = json!({
            "this": 1, "cx": 2, "arguments": 4, "builder": 8, "request": 16, "server": 32, "error": 64, "value": 128,
            "argument_0": 256,
        });
        let result = client.call_tool("of_a_tool", arguments).await.expect("a result");
        assert_eq!(result.content, [ContentBlock::text("511 1")]);

        let arguments = json!({ "this": 1, "cx": 2, "arguments": 4, "builder": 8 });
        let result = client.call_tool("of_an_async_tool", arguments).await.expect("a result");
        assert_eq!(result.content, [ContentBlock::text("15 2")]);

        let arguments = json!({
            "arguments": "a", "this": "b", "builder": "c", "cx": "d", "error": "e", "value": "f",
        });
        let prompt = client.get_prompt("of_a_prompt", arguments).await.expect("a prompt");
        assert_eq!(prompt.messages, [PromptMessage::user("abcdef 3")]);

        let arguments = json!({ "arguments": "a", "this": "b", "cx": "c" });
        let prompt = client.get_prompt("of_an_async_prompt", arguments).await.expect("a prompt");
        assert_eq!(prompt.messages, [PromptMessage::user("abc")]);

        let read = client.read_resource("crm://a/b/c/7/e").await.expect("a resource");
        assert_eq!(read.contents[0].text.as_deref(), Some("abc7e 5"));

        let reference = json!({ "type": "ref/prompt", "name": "of_a_prompt" });
        let completion = client.complete(reference, "arguments", "x").await.expect("a completion");
        assert_eq!(completion.values, ["x 6"]);

        let uri = "crm://{arguments}/{this}/{cx}/{builder}/{last}";
        let reference = json!({ "type": "ref/resource", "uri": uri });
        let completion = client.complete(reference, "cx", "y").await.expect("a completion");
        assert_eq!(completion.values, ["y 7"]);
    });
}
