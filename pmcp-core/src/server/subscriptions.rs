//! `subscriptions/listen` (specification page `basic/patterns/subscriptions`): a stream of changes, open until either
//! side has enough.

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, BusError, Change, Changes, Context, Outcome, Registry, Reply, Server, at_work, tasks::WatchesTasks,
};
use crate::{
    error::{Error, Result},
    jsonrpc::{RequestId, encode_notification},
    protocol::{
        Acknowledged, Changed, ClientCapabilities, RequestParams, SUBSCRIPTION_ID, ServerCapabilities,
        SubscriptionFilter, SubscriptionMeta, TASKS, tasks_capability,
    },
};

/// The method; transports keep less of its request, and give it no time limit.
pub(crate) const LISTEN: &str = "subscriptions/listen";

/// What one stream may ask for, so that a stream that costs little stays that cheap.
const MOST_NAMES: usize = 256;
const MOST_NAME_BYTES: usize = 8 << 10;

/// What a server with a notifier declares besides.
pub(super) fn declare(capabilities: &mut ServerCapabilities) {
    for list in [&mut capabilities.tools, &mut capabilities.prompts].into_iter().flatten() {
        *list = json!({ "listChanged": true });
    }
    if let Some(resources) = &mut capabilities.resources {
        *resources = json!({ "subscribe": true, "listChanged": true });
    }
}

/// What answers the method: kept as a pointer, so that a server that tells of nothing is linked without it.
pub(super) type Listen = fn(&Server, &RequestParams<'_>, Context) -> Reply;

/// Answers with a stream; what is wrong with the request, and a bus that cannot be reached, before it begins.
pub(crate) fn listen(server: &Server, params: &RequestParams<'_>, cx: Context) -> Reply {
    if cx.revision().is_legacy() {
        return Reply::Ready(Err(Error::MethodNotFound { method: LISTEN.to_owned() }));
    }
    let mut filter = match parse_filter(params) {
        Ok(filter) => honoured(filter, server),
        Err(error) => return Reply::Ready(Err(error)),
    };
    if !filter.task_ids.is_empty() && !knows_tasks(params) {
        return Reply::Ready(Err(Error::MissingClientCapability(Box::new(tasks_capability()))));
    }
    let server = server.clone();
    Reply::pending(async move {
        let Registry { notifier, tasks, .. } = server.registry();
        let watched = match tasks {
            Some(tasks) => Some(tasks.watch(&mut filter, &cx).await?),
            None => None,
        };
        // As the client wrote it, before the bus sorts it.
        let acknowledged = Acknowledged { meta: meta(&cx), notifications: &filter };
        let acknowledged = encode("notifications/subscriptions/acknowledged", &acknowledged)?;
        let notifier = notifier.as_ref().or(tasks.as_ref().map(|tasks| tasks.notifier()));
        let notifier = notifier.ok_or_else(|| Error::MethodNotFound { method: LISTEN.to_owned() })?;
        let changes = notifier.subscribe(filter).await?;
        cx.outbox().send(acknowledged).await;
        tell(changes, watched, &cx).await?;
        ended(server.registry(), cx.request_id())
    })
}

fn parse_filter(params: &RequestParams<'_>) -> Result<SubscriptionFilter> {
    let raw = params.notifications.filter(|raw| raw.get().starts_with('{'));
    let raw = raw.ok_or_else(|| {
        Error::InvalidParams("params.notifications must be an object that says what to listen for.".to_owned())
    })?;
    let filter: SubscriptionFilter = serde_json::from_str(raw.get())
        .map_err(|error| Error::InvalidParams(format!("params.notifications cannot be read: {error}.")))?;
    for (member, names) in [("resourceSubscriptions", &filter.resource_subscriptions), ("taskIds", &filter.task_ids)] {
        if names.len() > MOST_NAMES || names.iter().map(String::len).sum::<usize>() > MOST_NAME_BYTES {
            return Err(Error::InvalidParams(format!(
                "params.notifications.{member} may have {MOST_NAMES} entries of {MOST_NAME_BYTES} bytes in all; \
                 listen more than once for more."
            )));
        }
    }
    Ok(filter)
}

/// What the server agrees to: changes of what it has, as far as it tells of any.
pub(crate) fn honoured(mut filter: SubscriptionFilter, server: &Server) -> SubscriptionFilter {
    let Registry { capabilities, notifier, .. } = server.registry();
    let tells = |feature: &Option<_>| notifier.is_some() && feature.is_some();
    filter.tools_list_changed &= tells(&capabilities.tools);
    filter.prompts_list_changed &= tells(&capabilities.prompts);
    filter.resources_list_changed &= tells(&capabilities.resources);
    if !tells(&capabilities.resources) {
        filter.resource_subscriptions = Vec::new();
    }
    if !server.has_tasks() {
        filter.task_ids = Vec::new();
    }
    filter
}

/// Whether the client declares the extension; a listen stream keeps nothing else of what it declares.
fn knows_tasks(params: &RequestParams<'_>) -> bool {
    let declared = params.meta.client_capabilities.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let extensions = declared.and_then(|declared: ClientCapabilities| declared.extensions);
    extensions.is_some_and(|extensions| extensions.contains_key(TASKS))
}

/// Tells of changes until there are no more or the platform wants to end.
async fn tell(mut changes: Changes, mut watched: Option<Box<dyn WatchesTasks>>, cx: &Context) -> Result<()> {
    let mut draining = cx.platform().draining();
    // What became of a task before the stream began would otherwise be told never.
    for change in tasks_of(changes.filter()) {
        tell_one(&change, &mut watched, cx).await?;
    }
    loop {
        let next = poll_fn(|task| {
            if draining.as_mut().poll(task).is_ready() {
                return Poll::Ready(None);
            }
            match changes.poll_next(task) {
                Poll::Pending => match &mut watched {
                    Some(watched) => watched.poll_due(cx, task).map(|change| Some(Arc::new(change))),
                    None => Poll::Pending,
                },
                told => told,
            }
        });
        let Some(change) = next.await else {
            return Ok(());
        };
        if *change == Change::Everything {
            for change in all_of(changes.filter()) {
                tell_one(&change, &mut watched, cx).await?;
            }
        } else {
            tell_one(&change, &mut watched, cx).await?;
        }
    }
}

/// All that a listener can be told.
fn all_of(filter: &SubscriptionFilter) -> impl Iterator<Item = Change> {
    let lists = [
        filter.tools_list_changed.then_some(Change::ToolsListChanged),
        filter.prompts_list_changed.then_some(Change::PromptsListChanged),
        filter.resources_list_changed.then_some(Change::ResourcesListChanged),
    ];
    let uris = filter.resource_subscriptions.iter().cloned();
    lists.into_iter().flatten().chain(uris.map(|uri| Change::ResourceUpdated { uri })).chain(tasks_of(filter))
}

fn tasks_of(filter: &SubscriptionFilter) -> impl Iterator<Item = Change> {
    filter.task_ids.iter().cloned().map(|id| Change::Task { id })
}

async fn tell_one(change: &Change, watched: &mut Option<Box<dyn WatchesTasks>>, cx: &Context) -> Result<()> {
    let (method, uri) = match change {
        Change::ToolsListChanged => ("notifications/tools/list_changed", None),
        Change::PromptsListChanged => ("notifications/prompts/list_changed", None),
        Change::ResourcesListChanged => ("notifications/resources/list_changed", None),
        Change::ResourceUpdated { uri } => ("notifications/resources/updated", Some(uri.as_str())),
        Change::Task { id } => {
            if let Some(watched) = watched
                && let Some(notification) = watched.look(id, cx).await?
            {
                cx.outbox().send(notification).await;
            }
            return Ok(());
        }
        Change::Everything | Change::Unknown => return Ok(()),
    };
    cx.outbox().send(encode(method, &Changed { meta: meta(cx), uri })?).await;
    Ok(())
}

pub(super) fn meta(cx: &Context) -> SubscriptionMeta<'_> {
    SubscriptionMeta { subscription_id: cx.request_id() }
}

pub(super) fn encode(method: &str, params: &impl Serialize) -> Result<Vec<u8>> {
    encode_notification(method, params).map_err(unwritable)
}

/// The result that ends a stream in an orderly way.
fn ended(registry: &Registry, id: &RequestId) -> Outcome {
    let id = serde_json::to_string(id).map_err(unwritable)?;
    let server_info = String::from_utf8_lossy(&registry.server_info);
    let result = format!(r#"{{"resultType":"complete","_meta":{{"{SUBSCRIPTION_ID}":{id},{server_info}}}}}"#);
    Ok(Answer::prepared(Bytes::from(result)))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritable(error: serde_json::Error) -> Error {
    Error::Internal(format!("The message cannot be written as JSON: {error}."))
}

impl From<BusError> for Error {
    fn from(error: BusError) -> Self {
        tracing::error!(handler = at_work().as_deref(), %error, "changes cannot be told or listened to");
        Self::logged("Changes cannot be told or listened to at the moment; try again later. The server's log says why.")
    }
}
