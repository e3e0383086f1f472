//! The author's own types may be called as those of the macro, the core and the standard library.

use pmcp_core::{serde_json::json, testing::Client};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use pmcp_core::{schemars, serde};

#[derive(Deserialize, Serialize, JsonSchema)]
struct Arguments {
    a: i64,
}

#[derive(Deserialize, Serialize, JsonSchema)]
enum Result {
    Ok,
    Err,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Tool {
    b: i64,
}

struct String;
struct Reply;
struct Answer;
struct Server;

#[pmcp_core::server(name = "clash", version = "1.0.0", icon = "https://example.com/icon.png")]
impl Server {
    #[tool(read_only, icon = "data:,")]
    fn sum(&self, arguments: Arguments, tool: Tool, result: Result) -> i64 {
        let _ = (String, Reply, Answer);
        arguments.a + tool.b + matches!(result, Result::Ok) as i64
    }
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Server).expect("a server");
        let arguments = json!({ "arguments": { "a": 1 }, "tool": { "b": 2 }, "result": "Ok" });
        let result = client.call_tool("sum", arguments).await.expect("a result");
        assert_eq!(result.content, [pmcp_core::protocol::ContentBlock::text("4")]);
        assert!(matches!(Result::Err, Result::Err));
    });
}
