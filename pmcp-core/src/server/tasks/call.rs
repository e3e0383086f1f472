//! When a call of a tool becomes a task.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use serde::Deserialize;

use super::{Desk, TaskRecord, Tasks, require};
use crate::{
    error::{Error, Result},
    jsonrpc::{ErrorCode, ErrorObject},
    platform::BoxFuture,
    protocol::{RequestParams, Revision, TaskSupport},
    server::{Answer, AnswerBody, Context, Outcome, Registry, Reply},
};

/// `tools/call` of a tool that may be a task; `run` calls its handler.
pub(in crate::server) fn call(
    registry: &Registry,
    support: TaskSupport,
    params: &RequestParams<'_>,
    cx: Context,
    run: impl FnOnce(Context) -> Reply,
) -> Reply {
    if cx.revision().is_legacy() {
        return call_older(registry, support, params, cx, run);
    }
    if let Err(missing) = require(&cx) {
        return if support.required { Reply::Ready(Err(missing)) } else { run(cx) };
    }
    let desk = cx.open_desk();
    if !support.asks_first {
        desk.begin();
    }
    match run(cx.clone()) {
        Reply::Pending(handler) => Reply::pending(start(registry.tasks.clone(), handler, desk, cx)),
        // Done at once, as it is with arguments that do not fit: there is nothing to wait for.
        done => done,
    }
}

/// As [`call`], of clients that say with each call whether they want a task: then they get one at once.
fn call_older(
    registry: &Registry,
    support: TaskSupport,
    params: &RequestParams<'_>,
    cx: Context,
    run: impl FnOnce(Context) -> Reply,
) -> Reply {
    let wanted = match wanted_ttl(params, &cx) {
        Ok(wanted) => wanted,
        Err(error) => return Reply::Ready(Err(error)),
    };
    let Some(ttl) = wanted else {
        let text = "This tool runs only as a task, which this call does not ask for.";
        let refused = || Error::from(ErrorObject::new(ErrorCode::METHOD_NOT_FOUND, text));
        return if support.required { Reply::Ready(Err(refused())) } else { run(cx) };
    };
    let mut tasks = registry.tasks.clone();
    tasks.ttl = ttl.map_or(tasks.ttl, |ttl| ttl.clamp(Duration::from_millis(1), tasks.ttl));
    let desk = cx.open_desk();
    desk.begin();
    let handler = match run(cx.clone()) {
        Reply::Pending(handler) => handler,
        Reply::Ready(outcome) => Box::pin(std::future::ready(outcome)),
    };
    Reply::pending(async move { tasks.begin(handler, desk, &cx).await.map(created) })
}

/// Refuses a call that asks for a task of a tool that is none.
pub(in crate::server) fn refuse_plain(registry: &Registry, params: &RequestParams<'_>, cx: &Context) -> Result<()> {
    if cx.revision().is_legacy() && registry.has_tasks() && wanted_ttl(params, cx)?.is_some() {
        let text = "This tool does not run as a task; call it without params.task.";
        return Err(ErrorObject::new(ErrorCode::METHOD_NOT_FOUND, text).into());
    }
    Ok(())
}

/// Whether a client of revision 2025-11-25 asks for a task, and for how long it wants it kept.
fn wanted_ttl(params: &RequestParams<'_>, cx: &Context) -> Result<Option<Option<Duration>>> {
    #[derive(Deserialize)]
    struct Wanted {
        ttl: Option<u64>,
    }
    let wanted = params.task.filter(|_| cx.revision() == Revision::V2025_11_25);
    let wanted = RequestParams::optional::<Wanted>(wanted, "task")?;
    Ok(wanted.map(|wanted| wanted.ttl.map(Duration::from_millis)))
}

fn created(record: TaskRecord) -> Answer {
    Answer(AnswerBody::Task { result_type: "task", task: Box::new(record.handle()) })
}

/// Runs the handler until it is done or is to be a task; then the answer is the task, and the handler goes on in the
/// background.
async fn start(tasks: Tasks, mut handler: BoxFuture<Outcome>, desk: Arc<Desk>, cx: Context) -> Outcome {
    let first = poll_fn(|task| match handler.as_mut().poll(task) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        // What is asked in a round of the request is answered in its next one.
        Poll::Pending if desk.is_wanted() && !cx.rounds().has_asked() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match first.await {
        Some(outcome) => outcome,
        None => tasks.begin(handler, desk, &cx).await.map(created),
    }
}
