//! One `tools/call` of `add`, parsed and answered by hand: the work that no server can do without.
//!
//! The request is parsed into types that borrow from it, and the answer is written around its two numbers. Nothing is
//! checked that types do not check, and nothing else could be called.

use std::io::Write;

use serde::{Deserialize, de::IgnoredAny};

#[derive(Deserialize)]
struct Request<'a> {
    jsonrpc: &'a str,
    id: u64,
    method: &'a str,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: &'a str,
    arguments: Add,
    #[serde(borrow, rename = "_meta")]
    meta: Meta<'a>,
}

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: &'a str,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    client_info: Client<'a>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    _capabilities: IgnoredAny,
}

#[derive(Deserialize)]
struct Client<'a> {
    name: &'a str,
    version: &'a str,
}

/// The answer to `body`; `None` where it is no call of `add` in revision 2026-07-28.
pub fn answer(body: &[u8]) -> Option<Vec<u8>> {
    let Request { jsonrpc, id, method, params } = serde_json::from_slice(body).ok()?;
    let Params { name, arguments: Add { a, b }, meta } = params;
    let known = jsonrpc == "2.0"
        && method == "tools/call"
        && name == "add"
        && meta.protocol_version == "2026-07-28"
        && !meta.client_info.name.is_empty()
        && !meta.client_info.version.is_empty();
    let sum = known.then(|| a.checked_add(b))??;
    let mut answer = Vec::with_capacity(256);
    write!(
        answer,
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{sum}\"}}],\
         \"resultType\":\"complete\",\"_meta\":{{\"io.modelcontextprotocol/serverInfo\":\
         {{\"name\":\"calculator\",\"title\":\"Calculator\",\"version\":\"0.1.0\"}}}}}}}}"
    )
    .ok()?;
    Some(answer)
}
