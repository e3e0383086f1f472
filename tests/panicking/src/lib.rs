//! A Worker whose tools panic: at once, while others wait, and while holding what others need. Others take their time,
//! hold what is counted, or say more than anybody reads.
#![cfg(target_arch = "wasm32")]

use std::{cell::Cell, sync::Mutex, time::Duration};

use pmcp_core::{Principal, prelude::*};
use pmcp_workers::{ObjectBus, ObjectSessionStore, Objects, Request, Response};
use worker::{Env, event};

struct Panicking {
    calls: Mutex<u32>,
}

thread_local! {
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// What a handler holds across what it waits for.
struct Held;

impl Held {
    fn new() -> Self {
        HELD.set(HELD.get() + 1);
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
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

    /// Holds something for a while.
    #[tool]
    async fn hold(&self, ms: u32, cx: &Context) -> &'static str {
        let _held = Held::new();
        cx.sleep(Duration::from_millis(ms.into())).await;
        tracing::info!("held to the end");
        "held"
    }

    /// Says more and more, and holds something meanwhile.
    #[tool]
    async fn flood(&self, messages: u32, bytes: u32, cx: &Context) -> &'static str {
        let _held = Held::new();
        for message in 1..=messages {
            cx.progress(message, messages, "x".repeat(bytes as usize)).await;
        }
        "flooded"
    }

    /// How many handlers hold something.
    #[tool]
    async fn held(&self) -> u32 {
        HELD.get()
    }

    /// Who calls.
    #[tool]
    async fn principal(&self, cx: &Context) -> String {
        cx.principal().map_or_else(|| "nobody".to_owned(), |principal| principal.0.to_string())
    }
}

#[event(start)]
fn start() {
    let objects = Objects::bound_as("PMCP");
    let notifier = Notifier::new(ObjectBus::new(&objects));
    let server = Panicking { calls: Mutex::default() }.into_builder().notifier(&notifier);
    pmcp_workers::start_with(server, move |config| {
        config.share_sessions(ObjectSessionStore::new(&objects));
    });
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: worker::Context) -> worker::Result<Response> {
    let user = request.headers().get("x-user").unwrap_or_default().filter(|user| !user.is_empty());
    pmcp_workers::serve_with(request, env, context, |extensions| {
        if let Some(user) = user {
            extensions.insert(Principal(user.into()));
        }
    })
    .await
}
