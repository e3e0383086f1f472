//! Asking the person (specification page `client/elicitation`).

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::Context;
use crate::{
    error::{Error, Result},
    protocol::{Action, ClientCapabilities, ElicitParams, ElicitResult, Elicitation, InputRequest, Revision},
    schema::{Schema, elicitation_schema},
};

impl Context {
    /// Asks the person to fill a form, whose fields are those of `T`.
    ///
    /// `T` is flat: text, numbers, booleans, enums without data, lists of such enums; an `Option` is a field that may
    /// stay empty. Never ask for secrets in a form: [`elicit_url`](Self::elicit_url) is for those. In revision
    /// 2026-07-28 the handler ends here and is run again from the top when the answer is there: see
    /// [`once`](Self::once). In a task nothing is run again: the `await` goes on in place, as it does for clients of
    /// older revisions.
    ///
    /// `key` names the question within the request, so that its answer is found again in the next run. Each question
    /// has its own: in a loop, put a number into it. An answer belongs to its question: where a run asks something
    /// else under the key (another message, another form), the old answer is dropped and the person is asked. So do
    /// not put into `message` what differs from run to run, such as the time, or keep it with `once`. An answer that
    /// does not fit `T` is dropped too; the person is asked three times at most.
    ///
    /// ```
    /// # use pmcp_core::prelude::*;
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Delivery {
    ///     /// Street and number.
    ///     street: String,
    ///     express: Option<bool>,
    /// }
    ///
    /// async fn order(cx: &Context) -> Result<String> {
    ///     Ok(match cx.elicit::<Delivery>("delivery", "Where shall it go?").await? {
    ///         Elicitation::Accept(delivery) => format!("It goes to {}.", delivery.street),
    ///         Elicitation::Decline | Elicitation::Cancel => "Nothing was ordered.".to_owned(),
    ///     })
    /// }
    /// ```
    ///
    /// What `schemars` attributes demand besides (`range`, `length`) is shown by the form, and checked by the handler.
    ///
    /// # Errors
    /// [`Error::MissingClientCapability`] when the client shows no forms, [`Error::CannotAsk`] when it cannot be asked
    /// at all, [`Error::Internal`] when `T` is no form or the handler has used `key` already, [`Error::Failed`] when
    /// the third answer does not fit either.
    pub async fn elicit<T: DeserializeOwned + JsonSchema>(&self, key: &str, message: &str) -> Result<Elicitation<T>> {
        let schema = elicitation_schema::<T>().map_err(|error| Error::Internal(error.to_string()))?;
        self.elicit_form(key, message, &schema, |content| serde_json::from_value(Value::Object(content))).await
    }

    /// Asks the person to fill a form whose schema is written by hand; the answer is as the client sent it, unchecked.
    ///
    /// # Errors
    /// As [`elicit`](Self::elicit).
    pub async fn elicit_schema(
        &self,
        key: &str,
        message: &str,
        schema: &Schema,
    ) -> Result<Elicitation<Map<String, Value>>> {
        self.elicit_form(key, message, schema, Ok).await
    }

    async fn elicit_form<T>(
        &self,
        key: &str,
        message: &str,
        schema: &Schema,
        read: impl Fn(Map<String, Value>) -> serde_json::Result<T>,
    ) -> Result<Elicitation<T>> {
        self.require_elicitation("form")?;
        let request = elicit_request(&ElicitParams::Form { message, requested_schema: schema });
        self.ask(key, request, |answer| {
            let answer = ElicitResult::deserialize(answer)?;
            Ok(match answer.action {
                Action::Accept => Elicitation::Accept(read(answer.content.unwrap_or_default())?),
                Action::Decline => Elicitation::Decline,
                Action::Cancel => Elicitation::Cancel,
            })
        })
        .await
    }

    /// Asks the person to open `url`: for secrets, payments and signing in, which never pass through the client.
    ///
    /// To accept is to consent to opening it, no more. Whoever opens it may be somebody else: the page must check who
    /// it is, and the handler must look up what came of it. The handler is run again, or goes on in place, as for
    /// [`elicit`](Self::elicit).
    ///
    /// # Errors
    /// As [`elicit`](Self::elicit), for clients that open no URLs.
    pub async fn elicit_url(&self, key: &str, message: &str, url: &str) -> Result<Elicitation<()>> {
        self.require_elicitation("url")?;
        let request = elicit_request(&ElicitParams::Url { message, url });
        self.ask(key, request, |answer| {
            Ok(match ElicitResult::deserialize(answer)?.action {
                Action::Accept => Elicitation::Accept(()),
                Action::Decline => Elicitation::Decline,
                Action::Cancel => Elicitation::Cancel,
            })
        })
        .await
    }

    /// Forms are there where `elicitation` is empty or has `form`; URLs only where it has `url`.
    fn require_elicitation(&self, mode: &str) -> Result<()> {
        self.require_session()?;
        let declared = self.client_capabilities().elicitation;
        let modes = declared.as_ref().and_then(Value::as_object);
        // Whatever a client declares: what was agreed on counts.
        let since = if mode == "url" { Revision::V2025_11_25 } else { Revision::V2025_06_18 };
        let is_known = self.revision() >= since;
        if is_known && modes.is_some_and(|modes| modes.contains_key(mode) || (mode == "form" && modes.is_empty())) {
            return Ok(());
        }
        let elicitation = Some(json!({ mode: {} }));
        Err(Error::MissingClientCapability(Box::new(ClientCapabilities { elicitation, ..Default::default() })))
    }
}

fn elicit_request(params: &ElicitParams<'_>) -> InputRequest {
    // Text and a schema, which is JSON already.
    InputRequest { method: "elicitation/create", params: serde_json::to_value(params).ok() }
}
