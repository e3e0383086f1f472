//! Extensions: what a server declares for what is registered, and what it then serves.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

mod apps;
#[cfg(feature = "skills")]
mod skills;

use pmcp_core::{
    protocol::Revision,
    serde_json::{Value, json},
    testing::Client,
};

/// The extensions that the server declares to a client of `revision`; `null` where it names none.
async fn declared(client: &Client, revision: Revision) -> Value {
    let (method, params) = match revision.is_legacy() {
        true => (
            "initialize",
            json!({
                "protocolVersion": revision.as_str(),
                "capabilities": {},
                "clientInfo": { "name": "test", "version": "1.0.0" },
            }),
        ),
        false => ("server/discover", json!({})),
    };
    client.request(method, params).await.result.expect("a result")["capabilities"]["extensions"].clone()
}
