//! What handlers may return: plain Rust values, and how they become results.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::Serialize;

use super::handler::into_error;
use crate::{
    error::{Error, Result},
    protocol::{
        CallToolResult, Completion, ContentBlock, GetPromptResult, PromptMessage, ReadResourceResult, ResourceContents,
    },
    schema::{Schema, output_schema},
};

/// Structured content: for a tool with an output schema, for a resource as `application/json`.
///
/// Clients of every revision are sent the same as text. Clients older than 2026-07-28 are sent structured content only
/// where `T` is an object: wrap a list in a struct for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A picture as a tool's result.
#[derive(Clone, Debug)]
pub struct Image {
    /// The encoded picture.
    pub bytes: Vec<u8>,
    /// For example `image/png`.
    pub mime_type: String,
}

/// What a tool may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a tool",
    label = "not a tool result",
    note = "return text, a number, a `bool`, `()`, `Json<T>`, a `ContentBlock`, a `Vec<ContentBlock>`, a \
            `CallToolResult`, or a `Result` of one of them",
    note = "for structured content wrap your type in `Json`, and derive `Serialize` and `JsonSchema` for it"
)]
pub trait IntoToolResult {
    /// The schema of its structured content, if it has any.
    fn output_schema() -> Option<Schema> {
        None
    }

    /// The result.
    ///
    /// # Errors
    /// What the handler failed with.
    fn into_tool_result(self) -> Result<CallToolResult>;
}

macro_rules! displayed {
    ($($kind:ty),*) => {$(
        impl IntoToolResult for $kind {
            fn into_tool_result(self) -> Result<CallToolResult> {
                Ok(CallToolResult::text(self.to_string()))
            }
        }
    )*};
}
displayed!(bool, char, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64, &str);

impl IntoToolResult for String {
    fn into_tool_result(self) -> Result<CallToolResult> {
        Ok(CallToolResult::text(self))
    }
}

impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<CallToolResult> {
        Ok(CallToolResult::default())
    }
}

impl IntoToolResult for CallToolResult {
    fn into_tool_result(self) -> Result<CallToolResult> {
        Ok(self)
    }
}

impl IntoToolResult for ContentBlock {
    fn into_tool_result(self) -> Result<CallToolResult> {
        vec![self].into_tool_result()
    }
}

impl IntoToolResult for Vec<ContentBlock> {
    fn into_tool_result(self) -> Result<CallToolResult> {
        Ok(CallToolResult { content: self, ..CallToolResult::default() })
    }
}

impl IntoToolResult for Image {
    fn into_tool_result(self) -> Result<CallToolResult> {
        ContentBlock::image(self.bytes, self.mime_type).into_tool_result()
    }
}

impl<T: Serialize + JsonSchema> IntoToolResult for Json<T> {
    fn output_schema() -> Option<Schema> {
        Some(output_schema::<T>())
    }

    fn into_tool_result(self) -> Result<CallToolResult> {
        CallToolResult::structured(&self.0).map_err(unwritable)
    }
}

impl<T: IntoToolResult, E: fmt::Display + 'static> IntoToolResult for Result<T, E> {
    fn output_schema() -> Option<Schema> {
        T::output_schema()
    }

    fn into_tool_result(self) -> Result<CallToolResult> {
        self.map_err(into_error)?.into_tool_result()
    }
}

/// The contents of a resource as a handler returns them: where it is and its MIME type are filled in.
#[derive(Clone, Debug, Default)]
pub struct Contents(pub Vec<ResourceContents>);

/// What a resource's handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the contents of a resource",
    label = "not contents of a resource",
    note = "return text, `Vec<u8>`, `Json<T>`, a `ResourceContents`, a `Vec<ResourceContents>`, an `Option` \
            (`None`: there is no such resource), or a `Result` of one of them"
)]
pub trait IntoContents {
    /// The contents, or `None` where there is no such resource.
    ///
    /// # Errors
    /// What the handler failed with.
    fn into_contents(self) -> Result<Option<Contents>>;
}

impl IntoContents for String {
    fn into_contents(self) -> Result<Option<Contents>> {
        ResourceContents { text: Some(self), ..ResourceContents::default() }.into_contents()
    }
}

impl IntoContents for &str {
    fn into_contents(self) -> Result<Option<Contents>> {
        self.to_owned().into_contents()
    }
}

impl IntoContents for Vec<u8> {
    fn into_contents(self) -> Result<Option<Contents>> {
        let blob = Some(BASE64_STANDARD.encode(self));
        ResourceContents { blob, ..ResourceContents::default() }.into_contents()
    }
}

impl<T: Serialize> IntoContents for Json<T> {
    fn into_contents(self) -> Result<Option<Contents>> {
        let text = Some(serde_json::to_string(&self.0).map_err(unwritable)?);
        let mime_type = Some("application/json".to_owned());
        ResourceContents { text, mime_type, ..ResourceContents::default() }.into_contents()
    }
}

impl IntoContents for ResourceContents {
    fn into_contents(self) -> Result<Option<Contents>> {
        vec![self].into_contents()
    }
}

impl IntoContents for Vec<ResourceContents> {
    fn into_contents(self) -> Result<Option<Contents>> {
        Ok(Some(Contents(self)))
    }
}

impl<T: IntoContents> IntoContents for Option<T> {
    fn into_contents(self) -> Result<Option<Contents>> {
        self.map_or(Ok(None), T::into_contents)
    }
}

impl<T: IntoContents, E: fmt::Display + 'static> IntoContents for Result<T, E> {
    fn into_contents(self) -> Result<Option<Contents>> {
        self.map_err(into_error)?.into_contents()
    }
}

impl From<Contents> for ReadResourceResult {
    fn from(contents: Contents) -> Self {
        Self { contents: contents.0, ..Self::default() }
    }
}

/// What a prompt's handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the messages of a prompt",
    label = "not messages of a prompt",
    note = "return text (said by the user), a `PromptMessage`, a `Vec<PromptMessage>`, a `GetPromptResult`, or a \
            `Result` of one of them"
)]
pub trait IntoMessages {
    /// The messages.
    ///
    /// # Errors
    /// What the handler failed with.
    fn into_messages(self) -> Result<GetPromptResult>;
}

impl IntoMessages for String {
    fn into_messages(self) -> Result<GetPromptResult> {
        PromptMessage::user(self).into_messages()
    }
}

impl IntoMessages for &str {
    fn into_messages(self) -> Result<GetPromptResult> {
        PromptMessage::user(self).into_messages()
    }
}

impl IntoMessages for PromptMessage {
    fn into_messages(self) -> Result<GetPromptResult> {
        vec![self].into_messages()
    }
}

impl IntoMessages for Vec<PromptMessage> {
    fn into_messages(self) -> Result<GetPromptResult> {
        Ok(GetPromptResult { messages: self, ..GetPromptResult::default() })
    }
}

impl IntoMessages for GetPromptResult {
    fn into_messages(self) -> Result<GetPromptResult> {
        Ok(self)
    }
}

impl<T: IntoMessages, E: fmt::Display + 'static> IntoMessages for Result<T, E> {
    fn into_messages(self) -> Result<GetPromptResult> {
        self.map_err(into_error)?.into_messages()
    }
}

/// What a completion's handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a completion",
    label = "not a completion",
    note = "return a `Vec` of text, a `Completion`, or a `Result` of one of them"
)]
pub trait IntoCompletion {
    /// The completion.
    ///
    /// # Errors
    /// What the handler failed with.
    fn into_completion(self) -> Result<Completion>;
}

impl<S: Into<String>> IntoCompletion for Vec<S> {
    fn into_completion(self) -> Result<Completion> {
        Ok(Completion::new(self))
    }
}

impl IntoCompletion for Completion {
    fn into_completion(self) -> Result<Completion> {
        // Built by hand it may hold more than one answer may.
        let Self { values, total, has_more } = self;
        let bounded = Self::new(values);
        Ok(Self { total: total.or(bounded.total), has_more: has_more.or(bounded.has_more), ..bounded })
    }
}

impl<T: IntoCompletion, E: fmt::Display + 'static> IntoCompletion for Result<T, E> {
    fn into_completion(self) -> Result<Completion> {
        self.map_err(into_error)?.into_completion()
    }
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::Internal(format!("The result cannot be written as JSON: {error}."))
}
