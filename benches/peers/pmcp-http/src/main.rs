//! The `pmcp` crate's streamable HTTP server: stateless, without its lock around the server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use pmcp::{
    Server, TypedTool,
    server::streamable_http_server::{StreamableHttpServer, StreamableHttpServerConfig},
    types::{
        capabilities::ServerCapabilities,
        protocol::{LATEST_PROTOCOL_VERSION, PROTOCOL_VERSION_2026_07_28, ProtocolVersion},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Two integers.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pair {
    a: i64,
    b: i64,
}

/// A countdown.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Countdown {
    /// Where to start.
    from: u32,
    /// How long to wait before each step, in milliseconds.
    delay_ms: u32,
}

macro_rules! tool {
    ($name:literal, $description:literal, |$pair:ident| $result:expr) => {
        TypedTool::new($name, |$pair: Pair, _| {
            let result = $result.ok_or_else(|| pmcp::Error::validation("The result does not fit into 64 bits."));
            Box::pin(async move { result.map(Value::from) })
        })
        .with_description($description)
    };
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT")?.parse()?;
    let countdown = TypedTool::new("countdown", |given: Countdown, _| {
        Box::pin(async move { Ok(Value::from(format!("Counted down from {}.", given.from))) })
    });
    let revisions = [LATEST_PROTOCOL_VERSION, PROTOCOL_VERSION_2026_07_28];
    let server = Server::builder()
        .name("calculator")
        .version("0.1.0")
        .capabilities(ServerCapabilities::tools_only())
        .with_supported_protocol_versions(revisions.map(|revision| ProtocolVersion(revision.to_owned())))
        .tool("add", tool!("add", "Add two integers.", |pair| pair.a.checked_add(pair.b)))
        .tool("subtract", tool!("subtract", "Subtract `b` from `a`.", |pair| pair.a.checked_sub(pair.b)))
        .tool("multiply", tool!("multiply", "Multiply two integers.", |pair| pair.a.checked_mul(pair.b)))
        .tool("divide", tool!("divide", "Divide `a` by `b`, with a remainder.", |pair| pair.a.checked_div(pair.b)))
        .tool("countdown", countdown.with_description("Count down to zero, and report progress at each step."))
        .build()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let config = StreamableHttpServerConfig::stateless();
    let http = StreamableHttpServer::with_config_concurrent(address, Arc::new(server), config);
    let (_, serving) = http.start().await?;
    serving.await?;
    Ok(())
}
