//! What a client sets for its session: a log level, and the resources whose changes it wants to hear of (specification
//! pages `server/utilities/logging` and `server/resources` of 2025-11-25).

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{
    Body, Refusal, StreamableHttp,
    announcements::ALTERED,
    session::{InSession, unavailable},
};
use crate::{
    jsonrpc::{ErrorObject, Request},
    legacy::{Session, SessionStoreError, empty},
    protocol::{LogLevel, RequestParams},
};

/// How many resources one session may subscribe to.
const MOST_SUBSCRIPTIONS: usize = 256;
/// How long their URIs may be in all: each request reads them.
const MOST_URI_BYTES: usize = 64 << 10;
/// How often a change is tried that others were faster with.
const ATTEMPTS: u32 = 32;

impl StreamableHttp {
    /// What changes the session itself is answered here.
    pub(super) async fn change_session(
        &self,
        session: &InSession,
        request: &Request<'_>,
        params: &Result<RequestParams<'_>, ErrorObject>,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let subscribes = match request.method.as_ref() {
            "resources/subscribe" => true,
            "resources/unsubscribe" => false,
            "logging/setLevel" if self.server.capabilities().logging.is_some() => {
                return change_log_level(session, params).await;
            }
            _ => return Ok(None),
        };
        if self.server.notifier().is_none() || self.server.capabilities().resources.is_none() {
            return Ok(None);
        }
        let uri =
            params.as_ref().map_err(Clone::clone).and_then(|params| RequestParams::required_str(params.uri, "uri"));
        let outcome = match uri {
            Err(error) => Err(error.into()),
            Ok(uri) => {
                let altered = session.change(|session| match subscribes {
                    true if session.subscriptions.contains(uri.as_ref()) => Ok(false),
                    true if session.subscriptions.len() >= MOST_SUBSCRIPTIONS => Err(Refusal::invalid_params(format!(
                        "A session may subscribe to {MOST_SUBSCRIPTIONS} resources; unsubscribe from some first."
                    ))),
                    true if session.subscriptions.iter().map(String::len).sum::<usize>() + uri.len()
                        > MOST_URI_BYTES =>
                    {
                        Err(Refusal::invalid_params(format!(
                            "The URIs that a session subscribes to may take {MOST_URI_BYTES} bytes in all."
                        )))
                    }
                    true => Ok(session.subscriptions.insert(uri.clone().into_owned())),
                    false => Ok(session.subscriptions.remove(uri.as_ref())),
                });
                if altered.await.map_err(|refusal| refusal.with_id(&request.id))? {
                    session.store.append(&session.id, ALTERED, Bytes::new(), false).await.map_err(unavailable)?;
                }
                Ok(empty())
            }
        };
        let json = self.legacy.encode(session.session.revision, &request.id, outcome);
        Ok(Some(Body::json(StatusCode::OK, json)))
    }
}

async fn change_log_level(
    session: &InSession,
    params: &Result<RequestParams<'_>, ErrorObject>,
) -> Result<Option<Response<Body>>, Refusal> {
    let level = params.as_ref().ok().and_then(|params| RequestParams::required::<LogLevel>(params.level, "level").ok());
    // The usual way answers, and says so where the level is none.
    if level.is_some() {
        session.change(|session| Ok(std::mem::replace(&mut session.log_level, level) != level)).await?;
    }
    Ok(None)
}

impl InSession {
    /// Keeps what `change` makes of the session, whoever else changes it at the same time; whether that is anything.
    async fn change(&self, change: impl Fn(&mut Session) -> Result<bool, Refusal>) -> Result<bool, Refusal> {
        let mut session = self.session.clone();
        for _ in 0..ATTEMPTS {
            if !change(&mut session)? {
                return Ok(false);
            }
            if self.store.save(&self.id, session.next_version()).await.map_err(unavailable)? {
                return Ok(true);
            }
            let newest = self.store.load(&self.id, self.platform().now()).await.map_err(unavailable)?;
            session = newest.ok_or_else(Refusal::unknown_session)?;
        }
        Err(unavailable(SessionStoreError(format!("{ATTEMPTS} times another request changed the session first"))))
    }
}
