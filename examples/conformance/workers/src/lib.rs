//! The conformance on Cloudflare Workers.
#![cfg(target_arch = "wasm32")]

use worker::{Context, Env, Request, Response, Result, event};

#[event(start)]
fn start() {
    pmcp_workers::start(conformance::server());
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
