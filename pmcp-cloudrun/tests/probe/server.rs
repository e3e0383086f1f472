//! A server for tests that need a process of their own: `probe` has tools that panic and wait, `probe broken` cannot be
//! built.

use std::time::Duration;

use pmcp_core::prelude::*;

struct Probe;

/// Tells of its end.
struct Gone;

impl Drop for Gone {
    fn drop(&mut self) {
        tracing::info!("gone");
    }
}

#[server(name = "probe", version = "1.0.0")]
impl Probe {
    /// Panic with `message`.
    #[tool]
    fn panic(&self, message: String) -> String {
        panic!("{message}")
    }

    /// Wait until the request is cancelled, and say so.
    #[tool]
    async fn wait(&self, cx: &Context) {
        let _gone = Gone;
        cx.progress(0, 1.0, "waiting").await;
        cx.sleep(Duration::from_secs(60)).await;
    }
}

/// Three mistakes: a prompt registered twice, a resource without a scheme, and a template that never ends.
fn broken() -> ServerBuilder {
    let text = async |_: StringArguments, _: Context| "text";
    Server::builder("broken", "1.0.0")
        .prompt(Prompt::new("twice"), text)
        .prompt(Prompt::new("twice"), text)
        .resource(Resource::new("handbook", "handbook"), text)
        .resource_template(ResourceTemplate::new("docs://{page", "page"), text)
}

#[tokio::main]
async fn main() -> pmcp_cloudrun::Result {
    match std::env::args().nth(1).as_deref() {
        Some("broken") => pmcp_cloudrun::run(broken()).await,
        _ => pmcp_cloudrun::run(Probe).await,
    }
}
