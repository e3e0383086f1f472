//! A server for tests that need a process of their own: `probe` has tools that show what the adapter does, `probe
//! broken` cannot be built, `probe local` tells of changes to itself.

use std::time::Duration;

use pmcp_core::{LocalBus, prelude::*};
use pmcp_lambda::AuthorizerContext;

struct Probe {
    notifier: Notifier,
}

#[server(name = "probe", version = "1.0.0")]
impl Probe {
    /// Answer with `length` letters.
    #[tool]
    fn letters(&self, length: usize) -> String {
        "a".repeat(length)
    }

    /// Take `millis`.
    #[tool]
    async fn wait(&self, millis: u64, cx: &Context) -> String {
        cx.progress(0, 1, "waiting").await;
        cx.sleep(Duration::from_millis(millis)).await;
        format!("waited {millis} ms")
    }

    /// Answer at once and log a line `millis` later.
    #[tool]
    fn later(&self, millis: u64, cx: &Context) -> &'static str {
        let sleep = cx.sleep(Duration::from_millis(millis));
        cx.platform().background(Box::pin(async move {
            sleep.await;
            eprintln!("the background work is done");
        }));
        "started"
    }

    /// Panic with `message`.
    #[tool]
    fn panic(&self, message: String) -> String {
        panic!("{message}")
    }

    /// Say what the adapter knows of the request.
    #[tool]
    fn request(&self, cx: &Context) -> String {
        let known = cx.extension::<AuthorizerContext>();
        let tenant = known.and_then(|known| known.values.get("tenant")).and_then(|value| value.as_str());
        serde_json::json!({
            "url": cx.public_url().map(ToString::to_string),
            "principal": cx.principal().map(|principal| principal.0.to_string()),
            "tenant": tenant,
            "remaining": cx.remaining().map(|left| left.as_millis()),
            "cookie": cx.headers().get("cookie").and_then(|value| value.to_str().ok()),
            "trace": cx.headers().get("x-amzn-trace-id").and_then(|value| value.to_str().ok()),
        })
        .to_string()
    }

    /// A variable of the environment.
    #[tool]
    fn variable(&self, name: String) -> String {
        std::env::var(name).unwrap_or_else(|error| error.to_string())
    }

    /// Tell that the tools have changed.
    #[tool]
    async fn announce(&self) -> Result<&'static str> {
        self.notifier.tools_changed().await?;
        Ok("told")
    }
}

/// Two mistakes: a prompt registered twice, and a resource without a scheme.
fn broken() -> ServerBuilder {
    let text = async |_: StringArguments, _: Context| "text";
    Server::builder("broken", "1.0.0")
        .prompt(Prompt::new("twice"), text)
        .prompt(Prompt::new("twice"), text)
        .resource(Resource::new("handbook", "handbook"), text)
}

#[tokio::main]
async fn main() -> pmcp_lambda::Result {
    let probe = |notifier: Notifier| Probe { notifier: notifier.clone() }.into_builder().notifier(&notifier);
    let of_a_bus = || Notifier::new(LocalBus::default());
    match std::env::args().nth(1).as_deref() {
        Some("broken") => pmcp_lambda::run(broken()).await,
        Some("local") => pmcp_lambda::run(probe(Notifier::local())).await,
        Some("flushing") => {
            pmcp_lambda::before_exit(async || eprintln!("flushed")).await?;
            pmcp_lambda::run(probe(of_a_bus())).await
        }
        _ => pmcp_lambda::run(probe(of_a_bus())).await,
    }
}
