//! The Worker's bindings, as wrangler.toml names them, and what is said when one of them fails.

use pmcp_core::prelude::*;
use worker::{Bucket, D1Database, Env, kv::KvStore};

/// What only one request has, wherever it is handled: its bindings come with it.
pub(crate) trait Bindings {
    /// The notes themselves: SQL, and always what was written last.
    fn notes(&self) -> Result<D1Database>;
    /// Copies that anybody may read who has their code: quick everywhere, and gone by themselves.
    fn shared(&self) -> Result<KvStore>;
    /// Files, whatever is in them.
    fn attachments(&self) -> Result<Bucket>;
}

impl Bindings for Context {
    fn notes(&self) -> Result<D1Database> {
        env(self)?.d1("NOTES").map_err(failed)
    }

    fn shared(&self) -> Result<KvStore> {
        env(self)?.kv("SHARED").map_err(failed)
    }

    fn attachments(&self) -> Result<Bucket> {
        env(self)?.bucket("ATTACHMENTS").map_err(failed)
    }
}

fn env(cx: &Context) -> Result<&Env> {
    cx.extension().ok_or_else(|| failed("the request did not come through pmcp_workers::serve"))
}

/// The reason is for whoever runs the server; the model learns what it can do about it.
pub(crate) fn failed(reason: impl std::fmt::Display) -> Error {
    tracing::error!(%reason, "a binding failed");
    Error::failed(
        "The notes cannot be reached at the moment: try again in a minute, and tell the person if that does not help.",
    )
}
