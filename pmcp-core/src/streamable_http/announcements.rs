//! What a session is told without having asked in a request: the stream of its `GET` (specification pages
//! `basic/transports` and `server/resources` of 2025-11-25, "Subscriptions").

use std::{
    collections::BTreeSet,
    future::poll_fn,
    sync::Arc,
    task::{self, Poll, ready},
};

use bytes::Bytes;
use serde_json::json;

use super::{
    body::EventStream,
    events::{KEEP_ALIVE, write_event},
    names::random_id,
    replay::stay_in_use,
    session::{InSession, failed},
};
use crate::{
    error::Result,
    jsonrpc::encode_notification,
    legacy::{SessionStoreError, StreamEvent},
    platform::{BoxFuture, Platform},
    protocol::SubscriptionFilter,
    server::{Change, Changes, Notifier, Outbox, Server, honoured},
};

/// The stream in which a change of the session's subscriptions is noted, by a message without a word. Who begins to
/// read notes a mark of its own, and whoever finds the mark of another behind its own is told no more.
pub(super) const ALTERED: &str = "altered";

/// The changes that one session hears of, until its client goes or asks for them on another stream.
pub(super) struct Announcements {
    outbox: Arc<Outbox>,
    telling: BoxFuture<Result<()>>,
    platform: Arc<dyn Platform>,
    keep_alive: Option<BoxFuture<()>>,
    in_use: BoxFuture<()>,
    finished: bool,
}

impl Announcements {
    pub(super) fn new(session: InSession, notifier: Notifier, server: Server) -> Self {
        let (outbox, platform) = (Arc::new(Outbox::default()), Arc::clone(session.platform()));
        let in_use = stay_in_use(&session.store, &platform, &session.id, Some(ALTERED));
        let telling = Box::pin(tell(session, notifier, server, Arc::clone(&outbox)));
        Self { outbox, telling, platform, keep_alive: None, in_use, finished: false }
    }
}

impl EventStream for Announcements {
    fn poll_next(&mut self, task: &mut task::Context<'_>) -> Poll<Option<Bytes>> {
        if self.finished {
            return Poll::Ready(None);
        }
        if self.outbox.is_empty()
            && let Poll::Ready(told) = self.telling.as_mut().poll(task)
        {
            self.finished = true;
            // The log says why already.
            if told.is_err() {
                tracing::debug!("a session is told of no more changes");
            }
        }
        let mut bytes = Vec::new();
        self.outbox.take().iter().for_each(|message| write_event(&mut bytes, message));
        if bytes.is_empty() && !self.finished {
            let platform = &self.platform;
            let _ = self.in_use.as_mut().poll(task);
            ready!(self.keep_alive.get_or_insert_with(|| platform.sleep(KEEP_ALIVE)).as_mut().poll(task));
            bytes.extend_from_slice(b":\n\n");
        }
        self.keep_alive = None;
        Poll::Ready((!bytes.is_empty()).then(|| bytes.into()))
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

impl InSession {
    /// The resources that the session is subscribed to now; `None` where it has ended.
    async fn subscriptions(&self) -> Result<Option<BTreeSet<String>>> {
        let loaded = self.store.load(&self.id, self.platform().now()).await;
        let session = loaded.map_err(failed)?;
        Ok(session.map(|session| session.subscriptions))
    }

    /// Tells when the subscriptions change; whoever asked before, at whichever instance, is told no more.
    async fn alterations(&self) -> Result<Alterations> {
        let mark = random_id::<12>(&**self.platform());
        let begun = async {
            self.store.open(&self.id, ALTERED).await?;
            self.store.append(&self.id, ALTERED, mark.clone().into(), false).await
        };
        begun.await.map_err(failed)?;
        Ok(Alterations { session: self.clone(), mark, has_begun: false, after: 0, reading: None })
    }
}

/// Changes of a session's subscriptions.
struct Alterations {
    session: InSession,
    mark: String,
    /// Whether the mark was found.
    has_begun: bool,
    after: u64,
    reading: Option<Reading>,
}

impl Alterations {
    /// Whether there was a change; `false` where nothing more is to be told.
    fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Result<bool>> {
        let InSession { store, id, .. } = &self.session;
        loop {
            let reading = self.reading.get_or_insert_with(|| store.read(id, ALTERED, self.after));
            let read = ready!(reading.as_mut().poll(task));
            self.reading = None;
            let Some(events) = read.map_err(failed)? else { return Poll::Ready(Ok(false)) };
            let mut altered = false;
            for event in events {
                self.after = event.number;
                match self.has_begun {
                    false => self.has_begun = event.message == self.mark,
                    true if event.message.is_empty() => altered = true,
                    true => return Poll::Ready(Ok(false)),
                }
            }
            if altered {
                return Poll::Ready(Ok(true));
            }
        }
    }
}

type Reading = BoxFuture<Result<Option<Vec<StreamEvent>>, SessionStoreError>>;

/// What ends a wait for changes.
enum Next {
    Change(Arc<Change>),
    /// The session listens for something else now.
    Altered,
    End,
}

async fn tell(session: InSession, notifier: Notifier, server: Server, outbox: Arc<Outbox>) -> Result<()> {
    let mut draining = session.platform().draining();
    let mut altered = session.alterations().await?;
    let mut before: Option<Changes> = None;
    loop {
        let Some(uris) = session.subscriptions().await? else { return Ok(()) };
        let mut filter = SubscriptionFilter::default();
        (filter.tools_list_changed, filter.prompts_list_changed, filter.resources_list_changed) = (true, true, true);
        filter.resource_subscriptions = uris.into_iter().collect();
        // Nothing is told that was not declared.
        let mut changes = notifier.subscribe(honoured(filter, &server)).await?;
        // What came while the session changed its mind is not lost.
        if let Some(mut before) = before.take() {
            while let Poll::Ready(Some(change)) = poll_fn(|task| Poll::Ready(before.poll_next(task))).await {
                say(&change, &changes, &outbox).await;
            }
        }
        loop {
            let next = poll_fn(|task| {
                if draining.as_mut().poll(task).is_ready() {
                    return Poll::Ready(Ok(Next::End));
                }
                if let Poll::Ready(again) = altered.poll(task) {
                    return Poll::Ready(again.map(|again| if again { Next::Altered } else { Next::End }));
                }
                changes.poll_next(task).map(|change| Ok(change.map_or(Next::End, Next::Change)))
            });
            match next.await? {
                Next::Change(change) => say(&change, &changes, &outbox).await,
                Next::Altered => break,
                Next::End => return Ok(()),
            }
        }
        before = Some(changes);
    }
}

async fn say(change: &Change, changes: &Changes, outbox: &Outbox) {
    let filter = changes.filter();
    let list = |list: &str| (format!("notifications/{list}/list_changed"), json!({}));
    let updated = |uri: &String| ("notifications/resources/updated".to_owned(), json!({ "uri": uri }));
    let messages = match change {
        Change::ToolsListChanged => vec![list("tools")],
        Change::PromptsListChanged => vec![list("prompts")],
        Change::ResourcesListChanged => vec![list("resources")],
        Change::ResourceUpdated { uri } => vec![updated(uri)],
        Change::Everything => {
            let lists = [
                filter.tools_list_changed.then_some("tools"),
                filter.prompts_list_changed.then_some("prompts"),
                filter.resources_list_changed.then_some("resources"),
            ];
            let all = filter.resource_subscriptions.iter().map(updated);
            lists.into_iter().flatten().map(list).chain(all).collect()
        }
        Change::Task { .. } | Change::Unknown => Vec::new(),
    };
    for (method, params) in messages {
        match encode_notification(&method, &params) {
            Ok(message) => outbox.send(message).await,
            Err(error) => tracing::error!(%error, method, "a notification cannot be written as JSON"),
        }
    }
}
