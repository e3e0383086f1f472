//! `server/discover` (specification page `server/discover`): versions, capabilities and instructions, encoded once.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::{Cache, Revision, ServerCapabilities};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiscoverResult<'a> {
    supported_versions: &'a [&'static str],
    capabilities: &'a ServerCapabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    result_type: &'static str,
    #[serde(flatten)]
    cache: Cache,
    #[serde(rename = "_meta")]
    meta: &'a Value,
}

/// The versions that a request may name in its `_meta`: those without a handshake.
pub(crate) const SUPPORTED_VERSIONS: &[&str] = &[Revision::LATEST.as_str()];

pub(super) fn encode(
    capabilities: &ServerCapabilities,
    instructions: Option<&str>,
    cache: Cache,
    meta: &Value,
) -> serde_json::Result<Bytes> {
    let supported_versions = SUPPORTED_VERSIONS;
    let result =
        DiscoverResult { supported_versions, capabilities, instructions, result_type: "complete", cache, meta };
    serde_json::to_vec(&result).map(Bytes::from)
}
