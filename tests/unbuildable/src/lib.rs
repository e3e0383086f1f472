//! A Worker whose server cannot be built: two of its tools have the same name.
#![cfg(target_arch = "wasm32")]

use pmcp_core::prelude::*;
use pmcp_workers::{Request, Response};
use worker::{Env, event};

struct Twice;

#[server(name = "twice", version = "1.0.0")]
impl Twice {
    /// Greets.
    #[tool]
    fn greet(&self) -> &'static str {
        "Hello!"
    }

    /// Greets as well.
    #[tool(name = "greet")]
    fn greet_again(&self) -> &'static str {
        "Hello again!"
    }
}

#[event(start)]
fn start() {
    pmcp_workers::start(Twice);
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: worker::Context) -> worker::Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
