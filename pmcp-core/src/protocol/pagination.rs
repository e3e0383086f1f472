//! How long a client may keep an answer (specification page `server/utilities/caching`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// For how long and for whom an answer may be kept.
///
/// The default keeps nothing: no time, and for this client alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cache {
    /// In milliseconds.
    pub ttl_ms: u64,
    /// Whom it may be shown to.
    #[serde(rename = "cacheScope")]
    pub scope: CacheScope,
}

impl Cache {
    /// May be kept for `ttl` and shown to anybody, whatever their token.
    pub fn public(ttl: Duration) -> Self {
        Self { ttl_ms: millis(ttl), scope: CacheScope::Public }
    }

    /// May be kept for `ttl` and shown to whom it was made for.
    pub fn private(ttl: Duration) -> Self {
        Self { ttl_ms: millis(ttl), scope: CacheScope::Private }
    }
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

/// Whom a kept answer may be shown to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CacheScope {
    /// Anybody.
    Public,
    /// Whom it was made for.
    #[default]
    Private,
}
