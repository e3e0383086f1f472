//! `_meta` (specification page `basic/index`, "_meta").

use serde::Deserialize;
use serde_json::value::RawValue;

/// The `_meta` of a result, a definition or a content block: keys with an optional dotted prefix and a slash.
pub type Meta = serde_json::Map<String, serde_json::Value>;

/// The key under which every result names the server.
pub(crate) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What the core reads of a request's `_meta`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RequestMeta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(crate) protocol_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    pub(crate) client_capabilities: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    pub(crate) client_info: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/logLevel")]
    pub(crate) log_level: Option<&'a RawValue>,
    #[serde(borrow, rename = "progressToken")]
    pub(crate) progress_token: Option<&'a RawValue>,
}

impl RequestMeta<'_> {
    /// Whether a client of revision 2026-07-28 or newer wrote it: the two keys that every request must carry.
    ///
    /// Not the prefix: older clients legitimately send other keys under it.
    pub(crate) fn is_modern(&self) -> bool {
        self.protocol_version.is_some() || self.client_capabilities.is_some()
    }
}
