//! The calculator on Cloudflare Workers.
#![cfg(target_arch = "wasm32")]

use pmcp_workers::{Request, Response};
use worker::{Context, Env, Result, event};

#[event(start)]
fn start() {
    pmcp_workers::start(calculator::server());
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
