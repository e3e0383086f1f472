//! A server for tests that need a process of their own: `probe` has a tool that panics, `probe broken` cannot be built.

use pmcp_core::prelude::*;

struct Probe;

#[server(name = "probe", version = "1.0.0")]
impl Probe {
    /// Panic with `message`.
    #[tool]
    fn panic(&self, message: String) -> String {
        panic!("{message}")
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
