//! Notes on Cloudflare Workers, kept in the Worker's bindings.
#![cfg(target_arch = "wasm32")]

mod bindings;
mod notes;

use pmcp_workers::{Request, Response};
use worker::{Context, Env, Result, event};

#[event(start)]
fn start() {
    pmcp_workers::start(notes::Notes);
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
