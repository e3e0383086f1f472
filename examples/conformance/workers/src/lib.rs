//! The fixture on Cloudflare Workers, whose isolates share tasks and changes in a Durable Object, and sessions with
//! `PMCP_SESSIONS=shared`.
#![cfg(target_arch = "wasm32")]

use pmcp_core::Notifier;
use pmcp_workers::{ObjectBus, ObjectSessionStore, ObjectTaskStore, Objects};
use pmcp_workers::{Request, Response};
use worker::{Context, Env, Result, event};

#[event(start)]
fn start() {
    let objects = Objects::bound_as("PMCP");
    let notifier = Notifier::new(ObjectBus::new(&objects));
    let server = conformance::server_with(&notifier).task_store(ObjectTaskStore::new(&objects));
    pmcp_workers::start_with(server, move |config| {
        config.share_sessions(ObjectSessionStore::new(&objects).with_idle(config.session_idle));
    });
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
