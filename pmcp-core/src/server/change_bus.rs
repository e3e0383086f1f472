//! How a change becomes known to every instance of a server: a bus, of which the one in this process is the simplest.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use serde::{Deserialize, Serialize};

use crate::{
    platform::{BoxFuture, MaybeSend, MaybeSync},
    protocol::SubscriptionFilter,
};

/// How many changes wait for one listener at the most; its stream ends rather than miss one unsaid.
const MOST_WAITING: usize = 256;

/// Something that clients may listen for.
///
/// Written as JSON where a bus leaves the process. An instance that is newer may send what this one does not know,
/// which is [`Change::Unknown`] and passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Change {
    /// The list of tools.
    ToolsListChanged,
    /// The list of prompts.
    PromptsListChanged,
    /// The list of resources.
    ResourcesListChanged,
    /// A resource.
    ResourceUpdated {
        /// Of the resource, as clients subscribe to it.
        uri: String,
    },
    /// A task.
    Task {
        /// Of the task.
        id: String,
    },
    /// Nobody knows what, for example because the bus was away: listeners are told that all they listen for changed.
    Everything,
    /// Something that only a newer version knows.
    #[serde(other)]
    Unknown,
}

impl Change {
    /// Whether two in a row say no more than one: a client that hears of it looks at what is there now.
    fn is_said_once(&self) -> bool {
        matches!(
            self,
            Self::ToolsListChanged
                | Self::PromptsListChanged
                | Self::ResourcesListChanged
                | Self::ResourceUpdated { .. }
                | Self::Task { .. }
                | Self::Everything
        )
    }

    /// Whether a client that listens for `filter`, its URIs and ids in order, is told.
    fn concerns(&self, filter: &SubscriptionFilter) -> bool {
        match self {
            Self::ToolsListChanged => filter.tools_list_changed,
            Self::PromptsListChanged => filter.prompts_list_changed,
            Self::ResourcesListChanged => filter.resources_list_changed,
            Self::ResourceUpdated { uri } => filter.resource_subscriptions.binary_search(uri).is_ok(),
            Self::Task { id } => filter.task_ids.binary_search(id).is_ok(),
            Self::Everything => true,
            Self::Unknown => false,
        }
    }
}

/// Why a bus could not do what it was asked.
///
/// Its text is for the operator; of an error that reaches a client, the client learns only that there was one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BusError(Arc<str>);

impl BusError {
    /// What happened, where, and what to do about it; without passwords.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string().into())
    }
}

/// Carries changes from where they are made to every instance that has listeners.
///
/// Implement it to join instances with a message broker of your own: forward what [`publish`](Self::publish) is
/// given, hand what arrives to a [`LocalBus`], and let that one keep the listeners.
///
/// A future that was polled may not be polled again for long, where a client does not read its stream. What makes others
/// wait meanwhile, such as a place in the line of a lock or of a pool, goes into a task of its own.
pub trait ChangeBus: MaybeSend + MaybeSync + 'static {
    /// Tells every instance of `change`, this one included.
    fn publish(&self, change: Change) -> BoxFuture<Result<(), BusError>>;

    /// What changes from now on, as far as it is in `filter`: complete from the moment on that the future is done.
    fn subscribe(&self, filter: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>>;
}

/// The bus of a server with one instance, and what every other bus keeps its listeners in; cheap to clone.
///
/// A listener that falls behind costs at most 256 entries: what says the same as an entry that still waits is not
/// added, and one that needs more has its stream ended.
#[derive(Clone, Default)]
pub struct LocalBus(Arc<Mutex<Listeners>>);

#[derive(Default)]
struct Listeners {
    last: u64,
    by_number: BTreeMap<u64, Listener>,
}

struct Listener {
    filter: Arc<SubscriptionFilter>,
    waiting: VecDeque<Arc<Change>>,
    reader: Option<Waker>,
    ended: bool,
}

impl LocalBus {
    /// Tells the listeners of this process.
    pub fn tell(&self, change: Change) {
        let change = Arc::new(change);
        let mut wakers = Vec::new();
        for listener in self.listeners().by_number.values_mut() {
            if change.concerns(&listener.filter) {
                wakers.extend(listener.add(&change));
            }
        }
        // Not under the lock: what a waker does is not ours.
        wakers.into_iter().for_each(Waker::wake);
    }

    /// What changes from now on, as far as it is in `filter`.
    pub fn listen(&self, mut filter: SubscriptionFilter) -> Changes {
        for names in [&mut filter.resource_subscriptions, &mut filter.task_ids] {
            names.sort_unstable();
            names.dedup();
        }
        let filter = Arc::new(filter);
        let listener = Listener { filter: Arc::clone(&filter), waiting: VecDeque::new(), reader: None, ended: false };
        let mut listeners = self.listeners();
        listeners.last += 1;
        let number = listeners.last;
        listeners.by_number.insert(number, listener);
        Changes { bus: self.clone(), number, filter, feed: None }
    }

    /// Ends the streams of all that listen now, in an orderly way: their clients may listen anew.
    pub fn end_all(&self) {
        let wakers: Vec<_> = self.listeners().by_number.values_mut().filter_map(Listener::end).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many listen now.
    pub fn count(&self) -> usize {
        self.listeners().by_number.len()
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        // No code that can panic runs under the lock, and what it guards is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus").field("listeners", &self.count()).finish()
    }
}

impl ChangeBus for LocalBus {
    fn publish(&self, change: Change) -> BoxFuture<Result<(), BusError>> {
        self.tell(change);
        Box::pin(std::future::ready(Ok(())))
    }

    fn subscribe(&self, filter: SubscriptionFilter) -> BoxFuture<Result<Changes, BusError>> {
        Box::pin(std::future::ready(Ok(self.listen(filter))))
    }
}

impl Listener {
    /// Adds a change, or ends a listener that is too far behind; the waker is to be woken.
    fn add(&mut self, change: &Arc<Change>) -> Option<Waker> {
        if self.ended || (change.is_said_once() && self.waiting.contains(change)) {
            return None;
        }
        if self.waiting.len() >= MOST_WAITING {
            tracing::debug!("a listener is {MOST_WAITING} changes behind; its stream is ended");
            return self.end();
        }
        self.waiting.push_back(Arc::clone(change));
        self.reader.take()
    }

    fn end(&mut self) -> Option<Waker> {
        self.ended = true;
        self.waiting = VecDeque::new();
        self.reader.take()
    }
}

/// The changes that one listener is told of, in order; dropping it ends the subscription.
pub struct Changes {
    bus: LocalBus,
    number: u64,
    filter: Arc<SubscriptionFilter>,
    /// Never locked: the lock is what makes it [`Sync`].
    feed: Option<Mutex<BoxFuture<()>>>,
}

impl Changes {
    /// The same, with something to run while somebody waits for a change, which is dropped with it: for a bus that
    /// hears what others publish in the task of whoever listens, and tells the [`LocalBus`] that this is from.
    #[must_use]
    pub fn fed_by(mut self, feed: BoxFuture<()>) -> Self {
        self.feed = Some(Mutex::new(feed));
        self
    }

    /// What is listened for, each URI and id once.
    pub fn filter(&self) -> &SubscriptionFilter {
        &self.filter
    }

    /// The next change. `None` when there are no more: the listener fell too far behind, or the bus ended.
    pub async fn next(&mut self) -> Option<Arc<Change>> {
        std::future::poll_fn(|task| self.poll_next(task)).await
    }

    /// As [`next`](Self::next), for those who poll.
    pub fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Arc<Change>>> {
        if let Some(feed) = &mut self.feed
            && feed.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(task).is_ready()
        {
            self.feed = None;
        }
        let mut listeners = self.bus.listeners();
        let Some(listener) = listeners.by_number.get_mut(&self.number).filter(|listener| !listener.ended) else {
            return Poll::Ready(None);
        };
        if let Some(change) = listener.waiting.pop_front() {
            return Poll::Ready(Some(change));
        }
        // An idle listener holds no room for what once waited.
        listener.waiting = VecDeque::new();
        if !listener.reader.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
            listener.reader = Some(task.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let listener = self.bus.listeners().by_number.remove(&self.number);
        // Its waker may be the last to hold a task, whose end must not find the lock taken.
        drop(listener);
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("filter", &self.filter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::pin, task::Wake};

    use super::*;

    fn updated(uri: &str) -> Change {
        Change::ResourceUpdated { uri: uri.to_owned() }
    }

    fn now(changes: &mut Changes) -> Poll<Option<Change>> {
        let polled = pin!(changes.next()).poll(&mut Context::from_waker(Waker::noop()));
        polled.map(|change| change.map(|change| (*change).clone()))
    }

    #[test]
    fn a_listener_hears_what_it_asked_for_in_order() {
        let bus = LocalBus::default();
        let mut changes =
            bus.listen(SubscriptionFilter::default().with_tools().with_resource("b:2").with_resource("a:1"));
        for change in [Change::PromptsListChanged, updated("a:1"), Change::Unknown, updated("a:1/x"), updated("b:2")] {
            bus.tell(change);
        }
        bus.tell(Change::ToolsListChanged);
        for expected in [updated("a:1"), updated("b:2"), Change::ToolsListChanged] {
            assert_eq!(now(&mut changes), Poll::Ready(Some(expected)));
        }
        assert_eq!(now(&mut changes), Poll::Pending);
    }

    #[test]
    fn what_still_waits_is_not_said_again() {
        let bus = LocalBus::default();
        let mut changes = bus.listen(SubscriptionFilter::default().with_resource("a:1"));
        (0..1000).for_each(|_| bus.tell(updated("a:1")));
        assert_eq!(now(&mut changes), Poll::Ready(Some(updated("a:1"))));
        assert_eq!(now(&mut changes), Poll::Pending);
        // Read and changed again: that is news.
        bus.tell(updated("a:1"));
        assert_eq!(now(&mut changes), Poll::Ready(Some(updated("a:1"))));
    }

    #[test]
    fn a_listener_too_far_behind_is_ended_and_others_are_not() {
        let bus = LocalBus::default();
        let uris: Vec<_> = (0..=MOST_WAITING).map(|number| format!("a:{number}")).collect();
        let filter = uris.iter().fold(SubscriptionFilter::default(), SubscriptionFilter::with_resource);
        let (mut slow, mut quick) = (bus.listen(filter.clone()), bus.listen(filter));
        for uri in &uris {
            bus.tell(updated(uri));
            assert_eq!(now(&mut quick), Poll::Ready(Some(updated(uri))));
        }
        assert_eq!(now(&mut slow), Poll::Ready(None));
        assert_eq!(now(&mut slow), Poll::Ready(None));
        assert_eq!(now(&mut quick), Poll::Pending);
    }

    #[test]
    fn ten_thousand_come_and_go() {
        let bus = LocalBus::default();
        let listeners: Vec<_> = (0..10_000).map(|_| bus.listen(SubscriptionFilter::default().with_tools())).collect();
        assert_eq!(bus.count(), 10_000);
        drop(listeners);
        assert_eq!(bus.count(), 0);
    }

    #[test]
    fn what_feeds_a_listener_runs_while_it_waits_and_ends_with_it() {
        let bus = LocalBus::default();
        let held = Arc::new(());
        let feed = {
            let (bus, held) = (bus.clone(), Arc::clone(&held));
            async move {
                bus.tell(Change::ToolsListChanged);
                let _held = held;
                std::future::pending().await
            }
        };
        let filter = SubscriptionFilter::default().with_tools();
        let mut changes = bus.listen(filter.clone()).fed_by(Box::pin(feed));
        assert_eq!(now(&mut changes), Poll::Ready(Some(Change::ToolsListChanged)));
        assert_eq!(now(&mut changes), Poll::Pending);
        assert_eq!(Arc::strong_count(&held), 2);
        drop(changes);
        assert_eq!(Arc::strong_count(&held), 1);
        // One that is done is not run again.
        let ending = bus.clone();
        let mut changes = bus.listen(filter).fed_by(Box::pin(async move { ending.end_all() }));
        assert_eq!(now(&mut changes), Poll::Ready(None));
        assert_eq!(now(&mut changes), Poll::Ready(None));
    }

    #[test]
    fn a_waker_may_drop_the_listener_it_wakes() {
        thread_local! {
            // Beside the waker, which must be Send where a listener need not be.
            static OWNED: Cell<Option<Changes>> = const { Cell::new(None) };
        }
        struct Owner;
        impl Wake for Owner {
            fn wake(self: Arc<Self>) {
                drop(OWNED.take());
            }
        }
        let bus = LocalBus::default();
        let mut changes = bus.listen(SubscriptionFilter::default().with_tools());
        let waker = Waker::from(Arc::new(Owner));
        assert!(changes.poll_next(&mut Context::from_waker(&waker)).is_pending());
        OWNED.set(Some(changes));
        bus.tell(Change::ToolsListChanged);
        assert_eq!(bus.count(), 0);
    }

    #[test]
    fn a_change_crosses_processes_of_different_age() {
        let json = serde_json::to_string(&updated("a:1")).expect("JSON");
        assert_eq!(json, r#"{"kind":"resourceUpdated","uri":"a:1"}"#);
        let parse = |json: &str| serde_json::from_str::<Change>(json).ok();
        assert_eq!(parse(&json), Some(updated("a:1")));
        assert_eq!(parse(r#"{"kind":"toolsListChanged","since":"tomorrow"}"#), Some(Change::ToolsListChanged));
        assert_eq!(parse(r#"{"kind":"invented","what":{"a":[1]}}"#), Some(Change::Unknown));
        assert_eq!(parse(r#"{"uri":"a:1"}"#), None);
    }
}
