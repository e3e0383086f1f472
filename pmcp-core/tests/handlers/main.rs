//! Handlers as clients of every revision meet them.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

mod arguments;
mod cancellation;
mod completion;
mod endings;
mod errors;
mod lists;
mod notifications;
mod over;
#[cfg(panic = "unwind")]
mod panics;
mod prompts;
mod resources;
mod results;
mod wire;

use pmcp_core::{IntoServer, protocol::Revision, serde_json::Value, testing::Client};

/// A client of each revision, oldest first.
fn clients<S: IntoServer>(server: impl Fn() -> S) -> impl Iterator<Item = (Revision, Client)> {
    Revision::ALL
        .into_iter()
        .map(move |revision| (revision, Client::new(server()).expect("a server").with_revision(revision)))
}

/// The result without what every result of the newest revision carries, once that was checked.
fn bare(revision: Revision, mut result: Value) -> Value {
    let members = result.as_object_mut().expect("an object");
    if revision.is_legacy() {
        assert!(!members.contains_key("resultType") && !members.contains_key("ttlMs"), "{revision}: {members:?}");
        return result;
    }
    assert_eq!(members.remove("resultType"), Some("complete".into()), "{members:?}");
    let meta = members.get_mut("_meta").and_then(Value::as_object_mut).expect("_meta");
    assert!(meta.remove("io.modelcontextprotocol/serverInfo").is_some(), "{meta:?}");
    if meta.is_empty() {
        members.remove("_meta");
    }
    result
}
