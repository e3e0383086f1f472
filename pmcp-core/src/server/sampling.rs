//! Asking the client's model, and for its roots (specification pages `client/sampling` and `client/roots`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use crate::{
    error::{Error, Result},
    protocol::{ClientCapabilities, CreateMessage, CreateMessageResult, InputRequest, ListRootsResult, Root},
};

impl Context {
    /// Asks the client's model. Deprecated by the protocol since 2026-07-28; call a model's API for new work.
    ///
    /// `key` names the question, and the handler is run again, or in a task goes on in place, as for
    /// [`elicit`](Self::elicit).
    ///
    /// # Errors
    /// [`Error::MissingClientCapability`] when the client has no model to ask, or none with tools;
    /// [`Error::CannotAsk`] when it cannot be asked at all.
    pub async fn sample(&self, key: &str, message: &CreateMessage) -> Result<CreateMessageResult> {
        let declared = self.declared(|capabilities| capabilities.sampling)?;
        let wants_tools = !message.tools.is_empty() || message.tool_choice.is_some();
        let has_tools = declared.as_ref().is_some_and(|sampling| sampling.get("tools").is_some());
        if declared.is_none() || (wants_tools && !has_tools) {
            let sampling = Some(if wants_tools { json!({ "tools": {} }) } else { json!({}) });
            let missing = ClientCapabilities { sampling, ..Default::default() };
            return Err(Error::MissingClientCapability(Box::new(missing)));
        }
        let params = serde_json::to_value(message)
            .map_err(|error| Error::Internal(format!("A message to the model cannot be written as JSON: {error}.")))?;
        let request = InputRequest { method: "sampling/createMessage", params: Some(params) };
        self.ask(key, request, |answer| CreateMessageResult::deserialize(answer)).await
    }

    /// Asks for the client's roots. Deprecated by the protocol since 2026-07-28. They are hints: check every path
    /// against what the server itself allows. The handler is run again, or in a task goes on in place, as for
    /// [`elicit`](Self::elicit).
    ///
    /// # Errors
    /// [`Error::MissingClientCapability`] when the client has none, [`Error::CannotAsk`] when it cannot be asked.
    pub async fn roots(&self, key: &str) -> Result<Vec<Root>> {
        if self.declared(|capabilities| capabilities.roots)?.is_none() {
            let missing = ClientCapabilities { roots: Some(json!({})), ..Default::default() };
            return Err(Error::MissingClientCapability(Box::new(missing)));
        }
        let request = InputRequest { method: "roots/list", params: None };
        self.ask(key, request, |answer| ListRootsResult::deserialize(answer).map(|result| result.roots)).await
    }

    fn declared(&self, capability: impl Fn(ClientCapabilities) -> Option<Value>) -> Result<Option<Value>> {
        self.require_session()?;
        Ok(capability(self.client_capabilities()))
    }
}
