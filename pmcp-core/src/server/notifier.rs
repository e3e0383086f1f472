//! What application code holds to say that something changed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{BusError, Change, ChangeBus, Changes, LocalBus, ServerBuilder, subscriptions};
use crate::{jsonrpc::short, protocol::SubscriptionFilter};

/// Tells the clients that listen ([`subscriptions/listen`]) that something changed; cheap to clone.
///
/// Give the same one to the server and to the code that changes things:
///
/// ```
/// use pmcp_core::{Notifier, prelude::*, protocol::SubscriptionFilter, testing::Client};
///
/// struct Notes { notifier: Notifier }
///
/// #[server(name = "notes", version = "1.0.0")]
/// impl Notes {
///     /// A note.
///     #[resource("notes://{name}")]
///     fn note(&self, name: &str) -> String {
///         format!("what {name} says")
///     }
///
///     /// Change a note.
///     #[tool]
///     async fn write(&self, name: &str) -> Result<&'static str> {
///         self.notifier.resource_updated(format!("notes://{name}")).await?;
///         Ok("written")
///     }
/// }
///
/// # pollster::block_on(async {
/// let notifier = Notifier::local();
/// let client = Client::new(Notes { notifier: notifier.clone() }.into_builder().notifier(&notifier))?;
///
/// let mut listening = client.listen(SubscriptionFilter::default().with_resource("notes://today")).await?;
/// client.call_tool("write", serde_json::json!({ "name": "today" })).await?;
/// let heard = listening.next().await.expect("the change is heard");
/// assert_eq!(heard["method"], "notifications/resources/updated");
/// assert_eq!(heard["params"]["uri"], "notes://today");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// It is for what every client may see; of a task only those hear whom it belongs to. Clients of revisions before
/// 2026-07-28 are told in their session, and over stdio; without one they cannot hear, and are not told that the server
/// notifies.
///
/// [`subscriptions/listen`]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
#[derive(Clone)]
pub struct Notifier {
    bus: Arc<dyn ChangeBus>,
    /// Whether only clients of this process can hear.
    pub(super) is_local: bool,
    /// Whether anybody may hear. Set as well once the log says that nobody can.
    is_heard: Arc<AtomicBool>,
}

impl Notifier {
    /// Tells the clients of this process: enough for a server with one instance. A change that it is told of before it
    /// is given to a server is lost, and the log says so once.
    pub fn local() -> Self {
        Self { is_local: true, is_heard: Arc::default(), ..Self::new(LocalBus::default()) }
    }

    /// Tells the clients of every instance that `bus` reaches.
    pub fn new(bus: impl ChangeBus) -> Self {
        // Whoever hears may be elsewhere, such as where this process only does the work.
        Self { bus: Arc::new(bus), is_local: false, is_heard: Arc::new(AtomicBool::new(true)) }
    }

    /// What the tasks of a server without one tell each other with: that clients do not hear is no mistake there.
    pub(super) fn of_tasks() -> Self {
        Self::new(LocalBus::default())
    }

    /// The list of tools changed, or what one of them takes.
    ///
    /// # Errors
    /// When the bus cannot be reached; a [local](Self::local) one always is.
    pub async fn tools_changed(&self) -> Result<(), BusError> {
        self.publish(Change::ToolsListChanged).await
    }

    /// The list of prompts changed, or what one of them takes.
    ///
    /// # Errors
    /// As [`tools_changed`](Self::tools_changed).
    pub async fn prompts_changed(&self) -> Result<(), BusError> {
        self.publish(Change::PromptsListChanged).await
    }

    /// The list of resources changed: one came or went.
    ///
    /// # Errors
    /// As [`tools_changed`](Self::tools_changed).
    pub async fn resources_changed(&self) -> Result<(), BusError> {
        self.publish(Change::ResourcesListChanged).await
    }

    /// What is to be read at `uri` changed. Tells those who asked for exactly this URI; where others listen to a
    /// whole that it is part of, say that the whole changed too.
    ///
    /// # Errors
    /// As [`tools_changed`](Self::tools_changed).
    pub async fn resource_updated(&self, uri: impl Into<String>) -> Result<(), BusError> {
        self.publish(Change::ResourceUpdated { uri: uri.into() }).await
    }

    /// Tells of any change.
    ///
    /// # Errors
    /// As [`tools_changed`](Self::tools_changed).
    pub async fn publish(&self, change: Change) -> Result<(), BusError> {
        if !self.is_heard.swap(true, Ordering::Relaxed) {
            let change = match &change {
                Change::Task { .. } => "a task".into(),
                change => short(format!("{change:?}").into()),
            };
            tracing::warn!(
                %change,
                "a local Notifier was told of a change, and no client hears of it, since it was given to no server: give \
                 the same one to ServerBuilder::notifier"
            );
        }
        self.bus.publish(change).await
    }

    /// What changes from now on, as far as it is in `filter`: for code of the server that wants to know too.
    ///
    /// # Errors
    /// When the bus cannot be reached.
    pub async fn subscribe(&self, filter: SubscriptionFilter) -> Result<Changes, BusError> {
        self.is_heard.store(true, Ordering::Relaxed);
        self.bus.subscribe(filter).await
    }
}

impl Default for Notifier {
    fn default() -> Self {
        Self::local()
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

impl ServerBuilder {
    /// Lets clients listen for what `notifier` tells: declares `listChanged` for what is registered, and `subscribe`
    /// for resources.
    #[must_use]
    pub fn notifier(mut self, notifier: &Notifier) -> Self {
        notifier.is_heard.store(true, Ordering::Relaxed);
        self.registry.notifier = Some(notifier.clone());
        self.registry.listen = Some(subscriptions::listen);
        self
    }
}
