//! The calculator's tools on `turul-mcp-aws-lambda`.

use turul_mcp_aws_lambda::LambdaMcpServerBuilder;
use turul_mcp_derive::McpTool;
use turul_mcp_server::{McpResult, SessionContext};

/// Adds.
#[derive(McpTool, Clone, Default)]
#[tool(name = "add", description = "Add two integers.", output = i64)]
struct Add {
    #[param(description = "The first number.")]
    a: i64,
    #[param(description = "The second number.")]
    b: i64,
}

impl Add {
    async fn execute(&self, _session: Option<SessionContext>) -> McpResult<i64> {
        Ok(self.a + self.b)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let server = LambdaMcpServerBuilder::new()
        .name("calculator")
        .version("0.1.0")
        .tool(Add::default())
        .sse(false)
        .build()
        .await?;
    let handler = server.handler().await?;
    lambda_http::run(lambda_http::service_fn(move |request| {
        let handler = handler.clone();
        async move { handler.handle(request).await.map_err(|error| lambda_http::Error::from(error.to_string())) }
    }))
    .await
}
