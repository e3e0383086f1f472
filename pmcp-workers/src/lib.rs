//! Serves a pmcp-core server on Cloudflare Workers, as WebAssembly.
//!
//! ```text
//! use pmcp_workers::{Request, Response};
//! use worker::{Context, Env, Result, event};
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
//! The `Cargo.toml` of such a Worker; a profile has its effect in that of the workspace only:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! pmcp-core = { path = "../pmcp/pmcp-core" }
//! pmcp-workers = { path = "../pmcp/pmcp-workers" }
//! # And the features d1, queue and so on of the bindings that handlers use.
//! worker = { version = "0.8.7", default-features = false }
//! serde = { version = "1", features = ["derive"] }
//! schemars = "1"
//!
//! [package.metadata.wasm-pack.profile.custom]
//! # V8 compiles a function when it first runs, and whole: what stands apart stays so.
//! wasm-opt = ["-Oz", "--one-caller-inline-max-function-size=100"]
//!
//! # Loaded into many isolates, and paid for at each start: the smallest.
//! [profile.workers]
//! inherits = "release"
//! opt-level = "z"
//! lto = "fat"
//! codegen-units = 1
//! strip = true
//! ```
//!
//! Its `wrangler.toml`:
//!
//! ```toml
//! name = "crm"
//! main = "build/index.js"
//! compatibility_date = "2026-10-01"
//! # Without it nobody learns of a client that goes before its answer begins: its handler runs to its end, for 30 s at
//! # most.
//! compatibility_flags = ["enable_request_signal"]
//!
//! [build]
//! command = "worker-build --profile workers"
//! ```
//!
//! The server is built once, when the isolate starts. The endpoint is `/mcp`; `/health` answers probes. [`Config`]
//! lists the variables and secrets that are read. Handlers find the bindings of the Worker beside the request:
//! `cx.extension::<worker::Env>()`, and what Cloudflare knows of the client through `cx.extension::<Incoming>()`.
//!
//! With the feature `objects`, the isolates of a Worker share sessions, tasks and changes in Durable Objects: see
//! `Objects`. Without it they share nothing: a task, and who listens to a `Notifier::local()`, is known to its isolate
//! only.
//!
//! # What a Worker lacks
//!
//! An isolate has one thread, and no clock, files, environment or Tokio of its own. What asks for them compiles, and
//! panics or fails when it is called:
//!
//! | instead of | take |
//! |---|---|
//! | `Instant::now()`, `SystemTime::now()` | `cx.platform().now()`; it stands still until something is awaited |
//! | `tokio::time::sleep`, `tokio::time::timeout` | `cx.sleep(…)`, by itself or in a `select` |
//! | `tokio::spawn`, `thread::spawn` | `cx.platform().background(Box::pin(…))` |
//! | `tokio::task::spawn_blocking` | a Worker of its own: work that blocks holds up the whole isolate |
//! | `std::env::var`, `std::fs` | the bindings: `cx.extension::<worker::Env>()` |
//!
//! The line that a panic names may be one of the standard library. With `command = "worker-build --dev"` in
//! `wrangler.toml` the WebAssembly keeps the names of its functions, and the stack that is printed with the panic leads to
//! the handler.
//!
//! # What the platform ends
//!
//! - A handler that computes without end: its CPU time is limited (10 ms in the free plan, else 30 s unless
//!   `limits.cpu_ms` in `wrangler.toml` says otherwise), and its client sees an error page of Cloudflare's.
//!   `PMCP_TIME_LIMIT_MS` is for handlers that wait: in one that never does, no timer rings.
//! - What goes on in the background 30 s after its answer, tasks included.
//!
//! `wrangler dev` has neither limit: what computes without end hangs there, and tasks run on.
//!
//! On other targets than `wasm32` the crate has only its settings.

mod config;
#[cfg(target_arch = "wasm32")]
mod home;
#[cfg(target_arch = "wasm32")]
mod instance;
#[cfg(target_arch = "wasm32")]
mod log;
#[cfg(feature = "objects")]
mod objects;
#[cfg(target_arch = "wasm32")]
mod platform;
#[cfg(target_arch = "wasm32")]
mod request;
#[cfg(target_arch = "wasm32")]
mod response;
#[cfg(target_arch = "wasm32")]
mod service;

#[cfg(feature = "objects")]
pub use config::Sessions;
pub use config::{Config, ConfigError};
#[cfg(all(target_arch = "wasm32", feature = "objects"))]
pub use objects::{ObjectBus, ObjectSessionStore, ObjectTaskStore, Objects, PmcpObject};
#[cfg(target_arch = "wasm32")]
pub use request::Incoming;
#[cfg(target_arch = "wasm32")]
pub use service::{serve, serve_with, start, start_with};
#[cfg(target_arch = "wasm32")]
pub use worker::web_sys::{Request, Response};
