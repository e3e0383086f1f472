//! Serves a pmcp-core server on Cloudflare Workers, as WebAssembly.
//!
//! ```text
//! use worker::{Context, Env, Request, Response, Result, event};
//!
//! #[event(start)]
//! fn start() {
//!     pmcp_workers::start(crm::server());
//! }
//!
//! #[event(fetch)]
//! async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
//!     pmcp_workers::serve(request, env, context).await
//! }
//! ```
//!
//! The server is built once, when the isolate starts. The endpoint is `/mcp`; `/health` answers probes. [`Config`]
//! lists the variables and secrets that are read. Handlers find the bindings of the Worker beside the request:
//! `cx.extension::<worker::Env>()`, and what Cloudflare knows of the client in `cx.extension::<worker::Cf>()`.
//!
//! On other targets than `wasm32` the crate has only its settings.

mod config;
#[cfg(target_arch = "wasm32")]
mod log;
#[cfg(target_arch = "wasm32")]
mod platform;
#[cfg(target_arch = "wasm32")]
mod request;
#[cfg(target_arch = "wasm32")]
mod response;
#[cfg(target_arch = "wasm32")]
mod service;

pub use config::{Config, ConfigError};
#[cfg(target_arch = "wasm32")]
pub use service::{serve, start, start_with};
