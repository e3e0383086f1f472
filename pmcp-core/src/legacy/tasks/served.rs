//! What serves tasks to clients of all revisions that have them; only [`ServerBuilder::tasks`] makes it.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use super::requests;
use crate::{
    error::{Error, Result},
    jsonrpc::{ErrorCode, ErrorObject},
    platform::{BorrowingFuture, MaybeSend, MaybeSync},
    protocol::{RequestParams, Revision, SubscriptionFilter, TaskSupport},
    server::{
        Context, Notifier, Registry, Reply, ServerBuilder, ServesTasks, TaskRecord, TaskSettings, TaskStore, Tasks,
        WatchesTasks, listen,
    },
};

struct Served {
    tasks: Tasks,
    page_size: usize,
}

/// Gives a server its tasks.
fn install(settings: TaskSettings, registry: &mut Registry) {
    let tasks = Tasks::new(settings, registry.notifier.as_ref());
    registry.tasks = Some(Arc::new(Served { tasks, page_size: registry.page_size }));
    registry.listen = Some(listen);
}

impl ServerBuilder {
    /// Lets tools run as [tasks](crate::protocol::Tool::with_task). The calls that say how tasks are kept imply it, and
    /// so does `#[tool(task)]`.
    #[must_use]
    pub fn tasks(mut self) -> Self {
        self.tasks.install = Some(install);
        self
    }

    /// Keeps tasks in `store`. The default keeps them in the memory of the process, which does for one instance.
    ///
    /// Where several instances share a store, give them a [`Notifier`] that they share too: clients are then told of
    /// what happens at any of them, and answers and cancellations reach a task at once.
    #[must_use]
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.tasks.store = Some(Arc::new(store));
        self.tasks()
    }

    /// How long a task is kept, from its creation on; what still runs then is ended. The default is an hour.
    #[must_use]
    pub fn task_ttl(mut self, ttl: Duration) -> Self {
        self.tasks.ttl = ttl.max(Duration::from_millis(1));
        self.tasks()
    }

    /// How often clients should look after a task. The default is every second.
    #[must_use]
    pub fn task_poll_interval(mut self, interval: Duration) -> Self {
        self.tasks.poll_interval = interval.max(Duration::from_millis(1));
        self.tasks()
    }

    /// Calls `listener` whenever a task has changed in a way that its client can see, in the process that wrote the
    /// change: with the task as `tasks/get` shows it from then on.
    #[must_use]
    pub fn on_task_change(mut self, listener: impl Fn(&TaskRecord) + MaybeSend + MaybeSync + 'static) -> Self {
        self.tasks.listener = Some(Arc::new(listener));
        self.tasks()
    }
}

impl ServesTasks for Served {
    fn call(
        &self,
        support: TaskSupport,
        params: &RequestParams<'_>,
        cx: Context,
        run: &mut dyn FnMut(Context) -> Reply,
    ) -> Reply {
        match cx.revision().is_legacy() {
            true => self.call_older(support, params, cx, run),
            false => self.tasks.call(support, cx, run),
        }
    }

    fn refuse_plain(&self, params: &RequestParams<'_>, cx: &Context) -> Result<()> {
        if cx.revision().is_legacy() && wanted_ttl(params, cx)?.is_some() {
            let text = "This tool does not run as a task; call it without params.task.";
            return Err(ErrorObject::new(ErrorCode::METHOD_NOT_FOUND, text).into());
        }
        Ok(())
    }

    fn handle(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
        self.tasks.handle(method, params, cx)
    }

    fn handle_older(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
        requests::handle(&self.tasks, self.page_size, method, params, cx)
    }

    fn watch<'a>(
        &'a self,
        filter: &'a mut SubscriptionFilter,
        cx: &'a Context,
    ) -> BorrowingFuture<'a, Result<Box<dyn WatchesTasks>>> {
        self.tasks.watch(filter, cx)
    }

    fn notifier(&self) -> &Notifier {
        self.tasks.notifier()
    }

    fn is_local(&self) -> bool {
        self.tasks.is_local
    }
}

impl Served {
    /// Calls for clients that say with each call whether they want a task: then they get one at once.
    fn call_older(
        &self,
        support: TaskSupport,
        params: &RequestParams<'_>,
        cx: Context,
        run: &mut dyn FnMut(Context) -> Reply,
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
        let mut tasks = self.tasks.clone();
        tasks.ttl = ttl.map_or(tasks.ttl, |ttl| ttl.clamp(Duration::from_millis(1), tasks.ttl));
        let desk = cx.open_desk();
        desk.begin();
        let handler = match run(cx.clone()) {
            Reply::Pending(handler) => handler,
            Reply::Ready(outcome) => Box::pin(std::future::ready(outcome)),
        };
        Reply::pending(async move { requests::created(tasks.begin(handler, desk, &cx).await?.handle()) })
    }
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
