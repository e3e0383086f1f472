//! Which era a request belongs to: the newest revision, in which it stands alone, or one that opens with `initialize`
//! (specification page `basic/versioning`, "Backward Compatibility").

use http::HeaderMap;

use super::{Refusal, headers};
use crate::{
    jsonrpc::{ErrorObject, RequestId},
    protocol::{RequestParams, Revision},
};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Era {
    Modern,
    /// With the revision that the header names, or the one that clients without the header speak.
    Legacy(Revision),
}

/// The era of a request, whose header names `version`. Sessions are not kept, so a session id decides nothing.
pub(super) fn decide(
    version: Option<&str>,
    method: &str,
    params: &Result<RequestParams<'_>, ErrorObject>,
) -> Result<Era, Refusal> {
    let is_modern = params.as_ref().is_ok_and(|params| params.meta.is_modern());
    match (method, Version::of(version)) {
        _ if is_modern => Ok(Era::Modern),
        // The handshake says in its parameters what it speaks.
        ("initialize", _) => Ok(Era::Legacy(Revision::V2025_11_25)),
        ("server/discover" | "subscriptions/listen", _) => Err(missing_meta(params)),
        (_, Version::Legacy(revision)) => Ok(Era::Legacy(revision)),
        (_, Version::Absent) => Ok(Era::Legacy(Revision::V2025_03_26)),
        (_, Version::Other(_)) => Err(missing_meta(params)),
    }
}

/// Whether a notification may be taken, which it may of any era that is served: and if so, whether it is of an older
/// one, in which it may belong to a session.
pub(super) fn decide_notification(
    headers: &HeaderMap,
    params: &Result<RequestParams<'_>, ErrorObject>,
) -> Result<bool, Refusal> {
    let params = params.as_ref().map_err(|error| Refusal::malformed(error.clone()))?;
    match version(headers)? {
        _ if params.meta.is_modern() => Ok(false),
        Version::Absent | Version::Legacy(_) => Ok(true),
        Version::Other(version) if version == Revision::LATEST.as_str() => Ok(false),
        Version::Other(version) => Err(Refusal::unsupported_version(version)),
    }
}

/// Whether a stream of a session may be opened, or the session be ended: not in a revision that has none.
pub(super) fn decide_verb(headers: &HeaderMap) -> Result<(), Refusal> {
    match version(headers)? {
        Version::Absent | Version::Legacy(_) => Ok(()),
        Version::Other(version) => Err(Refusal::invalid_request(format!(
            "There are no sessions in the revision {version:?}, which the version header names."
        ))),
    }
}

/// Whether an answer may be taken to a question that nobody waits for: of an older revision, since there clients have
/// been asked by whoever answered before, and some give up the connection when their answer is refused.
pub(super) fn decide_answer(headers: &HeaderMap, id: &RequestId) -> Result<(), Refusal> {
    match version(headers)? {
        Version::Absent | Version::Legacy(_) => Ok(()),
        Version::Other(_) => Err(Refusal::unexpected_response(id)),
    }
}

/// The revision of a batch, which only 2025-03-26 has. A session knows better than a header what was agreed on.
pub(super) fn decide_batch(headers: &HeaderMap, session: Option<Revision>) -> Result<Revision, Refusal> {
    match (version(headers)?, session) {
        (Version::Absent | Version::Legacy(Revision::V2025_03_26), None | Some(Revision::V2025_03_26)) => {
            Ok(Revision::V2025_03_26)
        }
        _ => Err(Refusal::invalid_request(
            "The body must be one message: only revision 2025-03-26 has batches, and this request is of another.",
        )),
    }
}

enum Version<'h> {
    Absent,
    Legacy(Revision),
    /// The newest, one that is newer still, or none at all.
    Other(&'h str),
}

impl<'h> Version<'h> {
    fn of(header: Option<&'h str>) -> Self {
        let Some(version) = header else { return Self::Absent };
        match Revision::parse(version) {
            Some(revision) if revision.is_legacy() => Self::Legacy(revision),
            _ => Self::Other(version),
        }
    }
}

fn version(headers: &HeaderMap) -> Result<Version<'_>, Refusal> {
    Ok(Version::of(headers::agreed(headers, &headers::PROTOCOL_VERSION)?))
}

pub(crate) fn missing_meta(params: &Result<RequestParams<'_>, ErrorObject>) -> Refusal {
    match params {
        Err(error) => Refusal::malformed(error.clone()),
        Ok(_) => Refusal::invalid_params(
            "params._meta must carry io.modelcontextprotocol/protocolVersion and \
             io.modelcontextprotocol/clientCapabilities; clients of older revisions open with initialize.",
        ),
    }
}
