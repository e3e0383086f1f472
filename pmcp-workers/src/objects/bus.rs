//! Changes, told by the object whose they are: that of a task, or the one for all the others.

use std::time::Duration;

use futures_util::future::join_all;
use pmcp_core::{BusError, Change, ChangeBus, Changes, LocalBus, platform::BoxFuture, protocol::SubscriptionFilter};

use super::{
    Objects,
    ask::{Ask, parse, purpose},
    asking::{Answer, Message, ObjectError, Socket},
    task_store,
};
use crate::instance::Timer;

/// What is no task's is told by the object of this name.
const ALL: &str = "changes";
/// How much of what somebody listens for the object is told, as JSON; who listens for more hears everything.
const MOST_WORDS: usize = 1_500;
/// Between two attempts to hear again; after the last, streams are ended.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(10),
];

/// Tells every isolate of a Worker what changed; cheap to clone.
///
/// What a client may rely on:
///
/// - A stream is acknowledged once the object has confirmed that it is heard; where it cannot be reached, requests to
///   listen are refused with an error.
/// - Where a connection to the object broke, for example because new code was deployed, and was made anew, the listener
///   is told that all it listens for changed ([`Change::Everything`]). Where that takes longer than half a minute, its
///   stream is ended with a result.
/// - Publishing where the object cannot be reached is an error, and tells nobody.
///
/// All lists and resources of a server are told by one object, which takes about 1,000 changes a second, and 32,768
/// listeners; each task is told by its own.
#[derive(Clone, Debug)]
pub struct ObjectBus {
    objects: Objects,
}

impl ObjectBus {
    /// A bus over those of `objects` that are called `changes`, and `task:` with the id of a task.
    pub fn new(objects: &Objects) -> Self {
        Self { objects: objects.clone() }
    }
}

impl ChangeBus for ObjectBus {
    fn publish(&self, change: Change) -> BoxFuture<Result<(), BusError>> {
        let objects = self.objects.clone();
        Box::pin(async move {
            let message = serde_json::to_vec(&change).map_err(BusError::new)?;
            let (object, word) = match &change {
                Change::Task { id } => (task_store::name(id), None),
                change => (ALL.to_owned(), word(change)),
            };
            objects.ask(&object, Ask::Tell { word }, Some(&message)).await.map(drop).map_err(BusError::new)
        })
    }

    fn subscribe(&self, filter: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>> {
        let objects = self.objects.clone();
        Box::pin(async move {
            let local = LocalBus::default();
            let mut feeds = Vec::new();
            for (object, words) in sources(&filter) {
                let source = Source { objects: objects.clone(), object, ask: Ask::Hear { words } };
                let socket = source.open().await.map_err(BusError::new)?;
                feeds.push(source.follow(socket, local.clone()));
            }
            let feed = async move {
                join_all(feeds).await;
            };
            Ok(local.listen(filter).fed_by(Box::pin(feed)))
        })
    }
}

/// Under which word a change is told; none where everybody hears it.
fn word(change: &Change) -> Option<String> {
    match change {
        Change::ToolsListChanged => Some("tools".to_owned()),
        Change::PromptsListChanged => Some("prompts".to_owned()),
        Change::ResourcesListChanged => Some("resources".to_owned()),
        Change::ResourceUpdated { uri } => Some(format!("resource {uri}")),
        _ => None,
    }
}

/// The objects that tell what is in `filter`, and the words under which they do.
fn sources(filter: &SubscriptionFilter) -> Vec<(String, Option<Vec<String>>)> {
    let mut changes = Vec::new();
    let lists = [
        (filter.tools_list_changed, Change::ToolsListChanged),
        (filter.prompts_list_changed, Change::PromptsListChanged),
        (filter.resources_list_changed, Change::ResourcesListChanged),
    ];
    changes.extend(lists.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, change)| change));
    let uris = filter.resource_subscriptions.iter().cloned();
    changes.extend(uris.map(|uri| Change::ResourceUpdated { uri }));
    let mut sources: Vec<_> = filter.task_ids.iter().map(|id| (task_store::name(id), None)).collect();
    if !changes.is_empty() {
        let words: Vec<_> = changes.iter().filter_map(word).collect();
        let is_short = words.iter().map(|word| word.len() + 3).sum::<usize>() <= MOST_WORDS;
        sources.push((ALL.to_owned(), is_short.then_some(words)));
    }
    sources
}

/// An object that is heard.
struct Source {
    objects: Objects,
    object: String,
    ask: Ask,
}

impl Source {
    async fn open(&self) -> Result<Socket, ObjectError> {
        match self.objects.wait(&self.object, &self.ask).await? {
            Answer::Socket(socket) => Ok(socket),
            Answer::Yes(_) | Answer::No => Err(ObjectError::Failed {
                object: purpose(&self.object),
                status: 200,
                reason: "it did not answer with a socket".to_owned(),
            }),
        }
    }

    /// Hands on what is told, until the object cannot be reached for long.
    async fn follow(self, mut socket: Socket, local: LocalBus) {
        loop {
            let tell = |message| {
                let change = match &message {
                    Message::Text(text) => parse(text.as_bytes()),
                    Message::Bytes(bytes) => parse(bytes),
                };
                match change {
                    Ok(change) => local.tell(change),
                    Err(error) => tracing::warn!(%error, "a message that is no change was passed over"),
                }
                true
            };
            socket.listen(tell).await;
            match self.open_again().await {
                Some(again) => socket = again,
                None => return local.end_all(),
            }
            // Nobody knows what was told meanwhile.
            local.tell(Change::Everything);
        }
    }

    async fn open_again(&self) -> Option<Socket> {
        for pause in PAUSES {
            Timer::of(pause).await;
            match self.open().await {
                Ok(socket) => return Some(socket),
                Err(error) => tracing::debug!(%error, "changes are not heard"),
            }
        }
        tracing::warn!("the Durable Object of {} is not heard any more; a stream is ended", purpose(&self.object));
        None
    }
}
