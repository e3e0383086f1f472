//! The handshake (specification page `basic/lifecycle` of the revisions up to 2025-11-25).

use bytes::Bytes;
use serde::Serialize;

use super::down_convert;
use crate::{
    error::{Error, Result},
    protocol::{Implementation, RequestParams, Revision, ServerCapabilities},
    server::{Answer, Context, Outcome, Server},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitializeResult<'a> {
    protocol_version: &'static str,
    capabilities: ServerCapabilities,
    server_info: Implementation,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
}

/// The revision that the client asks for where it has a handshake, and the newest that has one otherwise.
pub(super) fn negotiate(params: &RequestParams<'_>) -> Revision {
    let asked = requested(params).ok().and_then(|version| Revision::parse(&version));
    asked.filter(|revision| revision.is_legacy()).unwrap_or(Revision::V2025_11_25)
}

fn requested(params: &RequestParams<'_>) -> Result<String> {
    Ok(RequestParams::required_str(params.protocol_version, "protocolVersion")?.into_owned())
}

pub(super) fn handle(server: &Server, params: &RequestParams<'_>, announces: bool, cx: &Context) -> Outcome {
    let (revision, is_known) = (cx.revision(), cx.principal().is_some());
    requested(params)?;
    let registry = server.registry();
    let result = InitializeResult {
        protocol_version: revision.as_str(),
        capabilities: down_convert::capabilities(&registry.capabilities, revision, announces, is_known),
        server_info: down_convert::implementation(&registry.info, revision),
        instructions: registry.instructions.as_deref(),
    };
    let result = serde_json::to_vec(&result);
    result
        .map(|result| Answer::prepared(Bytes::from(result)))
        .map_err(|error| Error::Internal(format!("The handshake cannot be written as JSON: {error}.")))
}
