//! Harness for the end-to-end tests: start a server binary, talk to it byte for byte, run real clients.
//!
//! - [`Server`] builds and starts a workspace binary and knows where it listens.
//! - [`Request`] is one HTTP request with a good MCP message in it, to be spoiled at will.
//! - [`Connection`] sends bytes and reads replies; [`exchange`] does one of each.
//! - [`Gateway`] stands between a client and the server, and keeps and changes what is sent.
//! - [`Lambda`] is a function's process behind a made-up Runtime API, [`Emulator`] one behind cargo-lambda's.
//! - [`Workerd`] is a Worker on the runtime of Cloudflare Workers.
//! - [`Wrangler`] is one on `wrangler dev`, with the databases and buckets of its wrangler.toml.
//! - [`Project`] is a folder in which `cargo pmcp` is run; [`assert_all_done`] holds COMMANDS.md to what was run there.
//! - [`Aws`] is an account on loopback, for the real CDK and the real AWS CLI.
//! - [`GoogleCloud`] is one on loopback, for the real gcloud; [`Container`] runs an image that was sent there.
//! - [`PmcpRun`] is the service pmcp.run on loopback, held to its OpenAPI file.
//! - [`Redis`] is a Redis server that goes away and comes back.
//! - [`Client`] is a real client, and the script that works with it.
//! - [`run_to_end`] runs a program with a time limit; [`interrupt`] is Ctrl-C; [`skip`] is for machines that cannot.

mod aws;
mod binary;
mod client;
mod connection;
mod container;
mod emulator;
mod gateway;
mod google;
mod lambda;
mod pmcp_run;
mod process;
mod project;
mod redis;
mod reply;
mod request;
mod runtime_api;
mod server;
mod table;
mod workerd;
mod wrangler;

pub use aws::Aws;
pub use binary::{binary, example};
pub use client::{Client, one_at_a_time};
pub use connection::{Connection, exchange};
pub use container::Container;
pub use emulator::Emulator;
pub use gateway::{Gateway, Recorded};
pub use google::GoogleCloud;
pub use lambda::{Front, Lambda, captured_event};
pub use pmcp_run::{Authority, PmcpRun, Trouble};
pub use process::{Finished, interrupt, run_to_end, skip, tool};
pub use project::Project;
pub use redis::Redis;
pub use reply::{Head, Reply};
pub use request::{MODERN, Request};
pub use runtime_api::{Fault, Outcome, RuntimeApi};
pub use server::Server;
pub use table::assert_all_done;
pub use workerd::{Heap, Workerd, worker, workers_command};
pub use wrangler::Wrangler;
