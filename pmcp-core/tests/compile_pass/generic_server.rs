//! The type of a server may be generic.

use std::fmt::Display;

use pmcp_core::{prelude::*, serde_json::json, testing::Client};

struct Store<'a, T, const N: usize>([T; N], std::marker::PhantomData<&'a ()>);

#[server(name = "store", version = "1.0.0")]
impl<T: Send + Sync + 'static, const N: usize> Store<'static, T, N>
where
    T: Display,
{
    #[tool]
    fn entry(&self, index: usize) -> Option_ {
        Option_(self.0.get(index).map(T::to_string))
    }

    #[resource("store://{index}")]
    async fn read(&self, index: usize) -> Option<String> {
        self.0.get(index).map(T::to_string)
    }

    #[prompt]
    fn ask(&self, #[arg(complete = indices)] index: usize) -> String {
        format!("What is at {index}?")
    }

    fn indices(&self, typed: &str) -> Completion {
        Completion::starting_with(typed, (0..N).map(|index| index.to_string()))
    }
}

/// A result of the author's own.
struct Option_(Option<String>);

impl pmcp_core::IntoToolResult for Option_ {
    fn into_tool_result(self) -> Result<CallToolResult> {
        Ok(self.0.map_or_else(|| CallToolResult::error("There is none."), CallToolResult::text))
    }
}

fn main() {
    pollster::block_on(async {
        let client = Client::new(Store([7, 8], std::marker::PhantomData)).expect("a server");
        let result = client.call_tool("entry", json!({ "index": 1 })).await.expect("a result");
        assert_eq!(result.content, [ContentBlock::text("8")]);
        assert!(client.call_tool("entry", json!({ "index": 2 })).await.expect("a result").is_error);
        let read = client.read_resource("store://0").await.expect("a resource");
        assert_eq!(read.contents[0].text.as_deref(), Some("7"));
        let reference = json!({ "type": "ref/prompt", "name": "ask" });
        assert_eq!(client.complete(reference, "index", "").await.expect("a completion").values, ["0", "1"]);
    });
}
