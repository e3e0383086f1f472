//! The `params` of every request that the server knows, read in one pass and left unparsed one level down.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::RequestMeta;
use crate::jsonrpc::{ErrorCode, ErrorObject};

/// All members that any method's `params` may have; absent and `null` are the same.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequestParams<'a> {
    #[serde(borrow, rename = "_meta")]
    pub(crate) raw_meta: Option<&'a RawValue>,
    #[serde(skip)]
    pub(crate) meta: RequestMeta<'a>,
    #[serde(borrow)]
    pub(crate) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) uri: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) cursor: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "ref")]
    pub(crate) reference: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) argument: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) level: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputResponses")]
    pub(crate) input_responses: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestState")]
    pub(crate) request_state: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) notifications: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) task: Option<&'a RawValue>,
    #[serde(borrow, rename = "taskId")]
    pub(crate) task_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "protocolVersion")]
    pub(crate) protocol_version: Option<&'a RawValue>,
}

impl<'a> RequestParams<'a> {
    /// Parses `params`; no params are the same as `{}`, and so is `null`, which some clients send instead.
    pub(crate) fn parse(params: Option<&'a RawValue>) -> Result<Self, ErrorObject> {
        let Some(params) = params.filter(|params| params.get() != "null") else {
            return Ok(Self::default());
        };
        if !params.get().starts_with('{') {
            return Err(invalid("params must be an object."));
        }
        let mut parsed: Self =
            serde_json::from_str(params.get()).map_err(|error| invalid(format!("params cannot be read: {error}.")))?;
        if let Some(meta) = parsed.raw_meta {
            if !meta.get().starts_with('{') {
                return Err(invalid("params._meta must be an object."));
            }
            parsed.meta = serde_json::from_str(meta.get())
                .map_err(|error| invalid(format!("params._meta cannot be read: {error}.")))?;
        }
        Ok(parsed)
    }

    /// The string under `member`, which the method requires.
    pub(crate) fn required_str(raw: Option<&'a RawValue>, member: &str) -> Result<Cow<'a, str>, ErrorObject> {
        Self::optional_str(raw, member)?.ok_or_else(|| invalid(format!("params.{member} is missing.")))
    }

    /// The string under `member`, if there is one.
    pub(crate) fn optional_str(raw: Option<&'a RawValue>, member: &str) -> Result<Option<Cow<'a, str>>, ErrorObject> {
        #[derive(Deserialize)]
        struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
        raw.map(|raw| serde_json::from_str::<Borrowed<'a>>(raw.get()).map(|string| string.0))
            .transpose()
            .map_err(|_| invalid(format!("params.{member} must be a string.")))
    }

    /// The value under `member`, which the method requires.
    pub(crate) fn required<T: DeserializeOwned>(raw: Option<&'a RawValue>, member: &str) -> Result<T, ErrorObject> {
        Self::optional(raw, member)?.ok_or_else(|| invalid(format!("params.{member} is missing.")))
    }

    /// The value under `member`, if there is one.
    pub(crate) fn optional<T: DeserializeOwned>(
        raw: Option<&'a RawValue>,
        member: &str,
    ) -> Result<Option<T>, ErrorObject> {
        raw.map(|raw| serde_json::from_str(raw.get()))
            .transpose()
            .map_err(|error| invalid(format!("params.{member} cannot be read: {error}.")))
    }
}

fn invalid(message: impl Into<String>) -> ErrorObject {
    ErrorObject::new(ErrorCode::INVALID_PARAMS, message)
}
