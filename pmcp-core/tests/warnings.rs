//! What the author of a server is warned of in the log.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use pmcp_core::{Notifier, prelude::*, protocol::Revision, testing::Client};
use serde_json::json;
use tracing::{Event, Metadata, Subscriber, field::Field, span};

/// Keeps the warnings, whole.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| line += &format!("{}={value:?} ", field.name()));
        self.0.lock().expect("a lock").push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What is warned of while `work` runs.
fn warnings(work: impl Future<Output = ()>) -> Vec<String> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || pollster::block_on(work));
    log.0.lock().expect("a lock").clone()
}

#[test]
fn a_notifier_of_no_server_says_so_once() {
    let lone = Notifier::local();
    let heard = warnings(async {
        lone.tools_changed().await.expect("a local bus");
        lone.clone().resource_updated("notes://today").await.expect("a local bus");
    });
    assert!(heard.len() == 1 && heard[0].contains("ServerBuilder::notifier"), "{heard:?}");
    let attached = Notifier::local();
    let builder = Server::builder("notes", "1").notifier(&attached);
    let heard = warnings(async {
        attached.tools_changed().await.expect("a local bus");
        Client::new(builder).expect("a server");
    });
    assert_eq!(heard, [""; 0]);
}

struct Shop;

#[server(name = "shop", version = "1.0.0")]
impl Shop {
    #[tool]
    async fn order(&self, cx: &Context) -> Result<usize> {
        cx.roots("roots").await.map(|roots| roots.len())
    }
}

#[test]
fn a_question_that_cannot_be_asked_is_told_of_once() {
    let client = Client::new(Shop).expect("a server").with_revision(Revision::V2025_06_18);
    let heard = warnings(async {
        for _ in 0..2 {
            let result = client.call_tool("order", json!({})).await.expect("a result");
            assert!(result.is_error && result.to_text().contains("cannot be asked"));
        }
    });
    assert_eq!(heard.len(), 1, "{heard:?}");
    for word in ["order", "2025-06-18", "StreamableHttp::sessions", "PMCP_SESSIONS"] {
        assert!(heard[0].contains(word), "{heard:?}");
    }
}
