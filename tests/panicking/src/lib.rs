//! A Worker whose tools panic: at once, while others wait, and while holding what others need.
#![cfg(target_arch = "wasm32")]

use std::{sync::Mutex, time::Duration};

use pmcp_core::prelude::*;
use pmcp_workers::{Request, Response};
use worker::{Env, event};

struct Panicking {
    calls: Mutex<u32>,
}

#[server(name = "panicking", version = "1.0.0")]
impl Panicking {
    /// Panics after a while, with the server's lock in its hands.
    #[tool]
    async fn panic(&self, after_ms: u32, reports: bool, cx: &Context) -> String {
        if reports {
            cx.progress(1, 2, "so far so good").await;
        }
        if after_ms > 0 {
            cx.sleep(Duration::from_millis(after_ms.into())).await;
        }
        let calls = self.calls.lock().expect("nobody panicked before");
        panic!("call {calls} was asked to");
    }

    /// Counts the calls since the server was built, and takes its time.
    #[tool]
    async fn wait(&self, ms: u32, cx: &Context) -> u32 {
        if ms > 0 {
            cx.sleep(Duration::from_millis(ms.into())).await;
        }
        let mut calls = self.calls.lock().expect("nobody panicked before");
        *calls += 1;
        *calls
    }
}

#[event(start)]
fn start() {
    pmcp_workers::start(Panicking { calls: Mutex::default() });
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: worker::Context) -> worker::Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
