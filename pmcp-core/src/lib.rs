//! A Model Context Protocol server core without IO.
//!
//! A server is written once, as plain async functions, and runs on every platform that an adapter exists for. The
//! core maps one HTTP request to one HTTP response ([`StreamableHttp::respond`]); it opens no socket, starts no
//! thread and knows no clock. Adapters do that: `pmcp-cloudrun` for Cloud Run, containers and your own machine,
//! `pmcp-lambda` for AWS Lambda, `pmcp-workers` for Cloudflare Workers, `pmcp-stdio` for editors.
//!
//! ```
//! use pmcp_core::prelude::*;
//!
//! struct Greeter;
//!
//! #[server(name = "greeter", version = "1.0.0")]
//! impl Greeter {
//!     /// Greets somebody.
//!     #[tool(read_only)]
//!     async fn greet(&self, name: String) -> String {
//!         format!("Hello, {name}!")
//!     }
//! }
//!
//! # pollster::block_on(async {
//! let client = pmcp_core::testing::Client::new(Greeter)?;
//! let result = client.call_tool("greet", serde_json::json!({ "name": "Ada" })).await?;
//! assert_eq!(result.content, [ContentBlock::text("Hello, Ada!")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`prelude`] | what the author of a server needs |
//! | [`testing`] | a client in the same process, for the author's tests |
//! | [`protocol`] | the types of the protocol |
//! | [`schema`] | JSON Schema: derived, checked |
//! | [`streamable_http`] | a request in, a response out |
//! | [`stdio`] | a message a line, over any pair of byte streams |
//! | [`jsonrpc`] | messages, ids, error codes |
//! | [`platform`] | what the core asks of an adapter |
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

#[cfg(all(test, target_family = "wasm"))]
#[macro_use]
extern crate pmcp_wasm_test;

mod error;
pub mod jsonrpc;
mod legacy;
pub mod platform;
pub mod protocol;
pub mod schema;
mod server;
pub mod stdio;
pub mod streamable_http;
pub mod testing;
pub mod uri_template;

pub use error::{Error, Result};
pub use legacy::{MemorySessionStore, Session, SessionStore, SessionStoreError, StreamEvent};
#[cfg(feature = "skills")]
pub use pmcp_macros::skills;
pub use pmcp_macros::{prompt, resource, server, tool};
pub use schemars;
pub use serde;
pub use serde_json;
#[doc(hidden)]
pub use server::ToolAttributes;
pub use server::{
    Amount, Answer, Arguments, BuildError, BuildErrors, BusError, Cancelled, Change, ChangeBus, Changes,
    CompletionRequest, Contents, Context, Image, InMemoryTaskStore, IntoCompletion, IntoContents, IntoMessages,
    IntoServer, IntoToolResult, IntoTotal, IntoWords, InvalidStateKey, Json, LocalBus, Notifier, Outcome, Principal,
    PublicUrl, Reply, Server, ServerBuilder, SkillError, StateKey, StringArguments, TaskRecord, TaskStore,
    TaskStoreError, View,
};
pub use streamable_http::StreamableHttp;

/// What the author of a server needs: `use pmcp_core::prelude::*;`.
pub mod prelude {
    pub use schemars::{self, JsonSchema};
    pub use serde::{self, Deserialize, Serialize};

    #[cfg(feature = "skills")]
    pub use crate::skills;
    pub use crate::{
        BuildErrors, CompletionRequest, Context, Error, Image, IntoServer, Json, Notifier, Result, Server,
        ServerBuilder, StringArguments, View, prompt,
        protocol::{
            Cache, CallToolResult, Completion, ContentBlock, Elicitation, GetPromptResult, Icon, LogLevel, Prompt,
            PromptArgument, PromptMessage, Resource, ResourceContents, ResourceTemplate, Role, Tool, ToolAnnotations,
        },
        resource, server, tool,
    };
}
