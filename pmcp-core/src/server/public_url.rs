//! Where clients reach the server, as far as the platform knows.

use std::{fmt, sync::Arc};

use super::Context;

/// The address of the MCP endpoint as the client wrote it, such as `https://api.example.com/prod/mcp`: put beside the
/// request by the adapter, which knows what gateways in front of it have taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(pub Arc<str>);

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Context {
    /// Where the client reached the server, for links that lead back to it; `None` where the platform does not say.
    pub fn public_url(&self) -> Option<&PublicUrl> {
        self.extension()
    }
}
