//! The way back to a client of an older revision, where there is one: a session or a connection leads requests to it
//! and its answers to the handler that waits.

use std::sync::Arc;

use serde_json::Value;

use super::Outbox;
use crate::{
    error::Result,
    jsonrpc::ErrorObject,
    platform::{BoxFuture, MaybeSend, MaybeSync},
    protocol::{ClientCapabilities, Implementation},
};

/// What a client answered: a result, or an error of its own.
pub(crate) type ClientAnswer = Result<Value, ErrorObject>;

/// A client that can be asked while its request is answered.
pub(crate) trait ClientLink: MaybeSend + MaybeSync {
    /// What it declared when the session began.
    fn capabilities(&self) -> &ClientCapabilities;

    /// Who it said it is.
    fn info(&self) -> Option<&Implementation>;

    /// Whether it can let go of its stream and come back for the rest.
    fn can_come_back(&self) -> bool {
        false
    }

    /// The parameters of the question `id` in the words of the client's revision.
    fn question(&self, id: &str, params: Value) -> Value;

    /// Makes ready for an answer; gives the id that the request is to carry.
    fn expect(&self) -> BoxFuture<Result<String>>;

    /// The answer to the request `id`, when it comes.
    fn answer(&self, id: String) -> BoxFuture<Result<ClientAnswer>>;
}

/// A question that is sent and not answered: when it is dropped before it is closed, since its handler is, the client
/// is told that no answer is wanted any more.
pub(crate) struct OpenQuestion<'a> {
    outbox: &'a Outbox,
    withdrawal: Option<Vec<u8>>,
}

impl<'a> OpenQuestion<'a> {
    /// With the notification that withdraws it.
    pub(crate) fn new(outbox: &'a Outbox, withdrawal: Vec<u8>) -> Self {
        Self { outbox, withdrawal: Some(withdrawal) }
    }

    /// It was answered, or nobody is left to answer it.
    pub(crate) fn close(mut self) {
        self.withdrawal = None;
    }
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        self.withdrawal.take().into_iter().for_each(|withdrawal| self.outbox.push(withdrawal));
    }
}

/// A link, where there is one.
pub(crate) type Link = Option<Arc<dyn ClientLink>>;
