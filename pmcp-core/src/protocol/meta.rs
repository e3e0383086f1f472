//! `_meta` (specification page `basic/index`, "_meta").

use super::params::{invalid, take};
use crate::jsonrpc::{ErrorObject, Members, RawJson};

/// The `_meta` of a result, a definition or a content block: keys with an optional dotted prefix and a slash.
pub type Meta = serde_json::Map<String, serde_json::Value>;

/// The key under which every result names the server.
pub(crate) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What the core reads of a request's `_meta`.
#[derive(Debug, Default)]
pub(crate) struct RequestMeta<'a> {
    pub(crate) protocol_version: Option<RawJson<'a>>,
    pub(crate) client_capabilities: Option<RawJson<'a>>,
    pub(crate) client_info: Option<RawJson<'a>>,
    pub(crate) log_level: Option<RawJson<'a>>,
    pub(crate) progress_token: Option<RawJson<'a>>,
}

impl<'a> RequestMeta<'a> {
    /// Reads the members of the `_meta` of `params`, to the end or to the first mistake.
    pub(super) fn read(members: &mut Members<'a>) -> Result<Self, ErrorObject> {
        let (mut parsed, mut nulls) = (Self::default(), Vec::new());
        for (name, value) in members {
            let member = match &*name {
                "io.modelcontextprotocol/protocolVersion" => &mut parsed.protocol_version,
                "io.modelcontextprotocol/clientCapabilities" => &mut parsed.client_capabilities,
                "io.modelcontextprotocol/clientInfo" => &mut parsed.client_info,
                "io.modelcontextprotocol/logLevel" => &mut parsed.log_level,
                "progressToken" => &mut parsed.progress_token,
                _ => continue,
            };
            take(member, &name, value, &mut nulls)
                .map_err(|error| invalid(format!("params._meta cannot be read: {error}.")))?;
        }
        Ok(parsed)
    }
}

impl RequestMeta<'_> {
    /// Whether a client of revision 2026-07-28 or newer wrote it: the two keys that every request must carry.
    ///
    /// Not the prefix: older clients legitimately send other keys under it.
    pub(crate) fn is_modern(&self) -> bool {
        self.protocol_version.is_some() || self.client_capabilities.is_some()
    }
}
