//! Sessions as the endpoint sees them. Only [`StreamableHttp::sessions`] names what they are, so that a server without
//! sessions is linked without them.

use std::sync::Arc;

use http::{Response, StatusCode, request};

use super::{Body, Refusal, StreamableHttp, era, older::Incoming};
use crate::{
    jsonrpc::{Notification, RawJson, Response as Answer},
    platform::{BorrowingFuture, MaybeSend, MaybeSync, Platform},
    protocol::Revision,
    server::Principal,
};

type Outcome<'a, T> = BorrowingFuture<'a, Result<T, Refusal>>;

/// All sessions of an endpoint.
pub(super) trait Sessions: MaybeSend + MaybeSync {
    /// The session that the request names.
    fn named_by<'a>(
        &'a self,
        head: &'a request::Parts,
        platform: &'a Arc<dyn Platform>,
    ) -> Outcome<'a, Option<Box<dyn OneSession>>>;

    /// Begins a session for a handshake that was answered, and tells its id.
    fn begin<'a>(
        &'a self,
        response: Response<Body>,
        revision: Revision,
        params: Option<RawJson<'a>>,
        principal: Option<Principal>,
        platform: &'a Arc<dyn Platform>,
    ) -> Outcome<'a, Response<Body>>;
}

/// A session in use by one request.
pub(super) trait OneSession: MaybeSend + MaybeSync {
    fn revision(&self) -> Revision;

    /// Answers a request in its session.
    fn answer<'a>(self: Box<Self>, endpoint: &'a StreamableHttp, incoming: Incoming<'a>)
    -> Outcome<'a, Response<Body>>;

    /// `GET` takes up a stream again, `DELETE` ends the session.
    fn answer_verb<'a>(
        self: Box<Self>,
        endpoint: &'a StreamableHttp,
        head: &'a request::Parts,
    ) -> Outcome<'a, Response<Body>>;

    /// Takes a client's answer to a question of a handler.
    fn take_answer<'a>(&'a self, answer: Answer<'a>) -> Outcome<'a, ()>;

    /// Takes a client's wish to cancel a request; what is not under way (any more) is not worth an error.
    fn take_cancellation<'a>(&'a self, params: Option<RawJson<'a>>) -> Outcome<'a, ()>;
}

impl StreamableHttp {
    /// The session that the request names, where the server keeps sessions.
    pub(super) async fn session_of(
        &self,
        head: &request::Parts,
        platform: &Arc<dyn Platform>,
    ) -> Result<Option<Box<dyn OneSession>>, Refusal> {
        match &self.sessions {
            Some(sessions) => sessions.named_by(head, platform).await,
            None => Ok(None),
        }
    }

    /// Answers `GET` and `DELETE`.
    pub(super) async fn answer_in_session(
        &self,
        head: request::Parts,
        platform: &Arc<dyn Platform>,
    ) -> Result<Response<Body>, Refusal> {
        match self.session_of(&head, platform).await? {
            Some(session) => session.answer_verb(self, &head).await,
            None => {
                let instead = "send requests with POST. It is for sessions: name yours in the header Mcp-Session-Id.";
                Err(Refusal::method_not_allowed(&head.method, instead, "POST, OPTIONS"))
            }
        }
    }

    /// Takes a client's answer to a question of a handler.
    pub(super) async fn take_answer(
        &self,
        head: request::Parts,
        answer: Answer<'_>,
        platform: &Arc<dyn Platform>,
    ) -> Result<Response<Body>, Refusal> {
        let session = self.session_of(&head, platform).await?;
        self.take_answer_in(session.as_deref(), &head, answer).await?;
        Ok(Body::empty(StatusCode::ACCEPTED))
    }

    pub(super) async fn take_answer_in(
        &self,
        session: Option<&dyn OneSession>,
        head: &request::Parts,
        answer: Answer<'_>,
    ) -> Result<(), Refusal> {
        match session {
            Some(session) => session.take_answer(answer).await,
            None => era::decide_answer(&head.headers, &answer.id),
        }
    }

    /// Takes what a client of an older revision notifies of.
    pub(super) async fn take_notification(
        &self,
        head: request::Parts,
        notification: Notification<'_>,
        platform: &Arc<dyn Platform>,
    ) -> Result<Response<Body>, Refusal> {
        if let Some(session) = self.session_of(&head, platform).await?
            && notification.method == "notifications/cancelled"
        {
            session.take_cancellation(notification.params).await?;
        }
        Ok(Body::empty(StatusCode::ACCEPTED))
    }
}
