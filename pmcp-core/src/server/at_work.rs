//! Whose handler runs, for lines of the log that are written where its result or its panic is all that is known.
//!
//! A handler is polled, and its result made of what it returned, in one call: as long as that lasts, this thread works for
//! one request. Nothing but the log goes by it.

use std::{cell::Cell, sync::Arc};

use super::Context;

/// Whose handler it is.
#[derive(Clone)]
pub(crate) enum Whose {
    /// That of a request, in which its name is looked for where it is told.
    Request(Context),
    /// That of a task, of this name: its request may be long over.
    Task(Arc<str>),
}

thread_local! {
    static AT_WORK: Cell<Option<Whose>> = const { Cell::new(None) };
}

impl Whose {
    /// Does a step of its work.
    pub(super) fn work<T>(self, step: impl FnOnce() -> T) -> T {
        /// Whose handler it was before: a step may panic for all that is caught, such as in a logger.
        struct Before(Option<Whose>);
        impl Drop for Before {
            fn drop(&mut self) {
                AT_WORK.set(self.0.take());
            }
        }
        let _before = Before(AT_WORK.replace(Some(self)));
        step()
    }
}

/// The handler that runs, such as `tools/call add`; `None` where none does.
pub(crate) fn at_work() -> Option<Arc<str>> {
    let whose = AT_WORK.take();
    let name = whose.as_ref().map(|whose| match whose {
        Whose::Request(cx) => cx.handler().into(),
        Whose::Task(name) => Arc::clone(name),
    });
    AT_WORK.set(whose);
    name
}
