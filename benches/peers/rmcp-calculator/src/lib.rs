//! The calculator's tools on the official Rust SDK, behind its streamable HTTP service.

use std::sync::Arc;

use rmcp::{
    ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{Implementation, ServerCapabilities, ServerConfig},
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Two integers.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Pair {
    a: i64,
    b: i64,
}

/// A countdown.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Countdown {
    /// Where to start.
    from: u32,
    /// How long to wait before each step, in milliseconds.
    #[expect(dead_code, reason = "only listed")]
    delay_ms: u32,
}

/// The server.
#[derive(Clone)]
pub struct Calculator {
    tool_router: ToolRouter<Self>,
}

const OVERFLOW: &str = "The result does not fit into 64 bits.";

fn text(result: Option<i64>) -> Result<String, String> {
    result.map(|number| number.to_string()).ok_or_else(|| OVERFLOW.to_owned())
}

#[tool_router]
impl Calculator {
    /// Add two integers.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false))]
    fn add(&self, Parameters(Pair { a, b }): Parameters<Pair>) -> Result<String, String> {
        text(a.checked_add(b))
    }

    /// Subtract `b` from `a`.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false))]
    fn subtract(&self, Parameters(Pair { a, b }): Parameters<Pair>) -> Result<String, String> {
        text(a.checked_sub(b))
    }

    /// Multiply two integers.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false))]
    fn multiply(&self, Parameters(Pair { a, b }): Parameters<Pair>) -> Result<String, String> {
        text(a.checked_mul(b))
    }

    /// Divide `a` by `b`, with a remainder.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false))]
    fn divide(&self, Parameters(Pair { a, b }): Parameters<Pair>) -> Result<String, String> {
        text(a.checked_div(b))
    }

    /// Count down to zero, and report progress at each step.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false))]
    fn countdown(&self, Parameters(Countdown { from, .. }): Parameters<Countdown>) -> String {
        format!("Counted down from {from}.")
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Calculator {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("calculator", "0.1.0"))
            .with_instructions("Exact integer arithmetic.")
    }
}

/// The service, stateless and answering in JSON: the quickest that it offers.
pub fn service() -> StreamableHttpService<Calculator, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts();
    let calculator = Calculator { tool_router: Calculator::tool_router() };
    StreamableHttpService::new(move || Ok(calculator.clone()), Arc::new(NeverSessionManager::default()), config)
}
