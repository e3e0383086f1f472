//! `server/discover` (specification page `server/discover`): versions, capabilities and instructions, encoded once.

use bytes::Bytes;
use serde::Serialize;

use super::End;
use crate::protocol::{Revision, ServerCapabilities};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiscoverResult<'a> {
    supported_versions: &'a [&'static str],
    capabilities: &'a ServerCapabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
}

/// The versions that a request may name in its `_meta`: those without a handshake.
pub(crate) const SUPPORTED_VERSIONS: &[&str] = &[Revision::LATEST.as_str()];

pub(super) fn encode(
    capabilities: &ServerCapabilities,
    instructions: Option<&str>,
    end: End<'_>,
) -> serde_json::Result<Bytes> {
    let result = DiscoverResult { supported_versions: SUPPORTED_VERSIONS, capabilities, instructions };
    let mut json = serde_json::to_vec(&result)?;
    end.write(&mut json)?;
    Ok(json.into())
}
