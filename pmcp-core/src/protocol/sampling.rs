//! Asking the client's model (specification page `client/sampling`; deprecated since 2026-07-28).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ContentBlock, Role, Tool};

/// The `params` of `sampling/createMessage`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateMessage {
    /// The conversation so far.
    pub messages: Vec<SamplingMessage>,
    /// The most tokens that the answer may have.
    pub max_tokens: u32,
    /// What the model should know first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// How freely it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Where it stops.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// Which model would suit: hints, and priorities from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_preferences: Option<Value>,
    /// Tools that it may use; only for clients that declared `sampling.tools`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it must: an object with `mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Value>,
    /// For the provider of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl CreateMessage {
    /// Asks for an answer of at most `max_tokens` tokens to `text`, said by the user.
    pub fn new(max_tokens: u32, text: impl Into<String>) -> Self {
        let content = vec![SamplingContent::Block(ContentBlock::text(text))];
        Self { messages: vec![SamplingMessage { role: Role::User, content }], max_tokens, ..Self::default() }
    }
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingMessage {
    /// Who says it.
    pub role: Role,
    /// What is said: one block or several.
    #[serde(with = "one_or_many")]
    pub content: Vec<SamplingContent>,
}

/// What the model answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateMessageResult {
    /// Who says it: the assistant.
    pub role: Role,
    /// What is said.
    #[serde(with = "one_or_many")]
    pub content: Vec<SamplingContent>,
    /// Which model it was.
    pub model: String,
    /// Why it stopped: `endTurn`, `stopSequence`, `maxTokens`, `toolUse` or another word.
    #[serde(default)]
    pub stop_reason: Option<String>,
}

impl CreateMessageResult {
    /// All its text, one block after the other.
    pub fn text(&self) -> String {
        let blocks = self.content.iter().filter_map(|content| match content {
            SamplingContent::Block(ContentBlock::Text { text, .. }) => Some(text.as_str()),
            _ => None,
        });
        blocks.collect()
    }
}

/// A block of a message, or what the model wants of a tool, or what the tool answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SamplingContent {
    /// The use of a tool, or its result.
    Tool(ToolContent),
    /// Text, a picture or sound.
    Block(ContentBlock),
}

/// What the model wants of a tool, or what the tool answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolContent {
    /// The model wants a tool to be called.
    ToolUse {
        /// To be named by the result.
        id: String,
        /// Of the tool.
        name: String,
        /// Its arguments.
        input: Map<String, Value>,
    },
    /// What the tool answered.
    #[serde(rename_all = "camelCase")]
    ToolResult {
        /// Of the use.
        tool_use_id: String,
        /// The answer.
        content: Vec<ContentBlock>,
        /// The answer for programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        structured_content: Option<Value>,
        /// Whether it failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

/// A single block stands alone, as revisions before 2025-11-25 want it.
mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::SamplingContent;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<SamplingContent>),
        One(Box<SamplingContent>),
    }

    pub(super) fn serialize<S: Serializer>(content: &[SamplingContent], serializer: S) -> Result<S::Ok, S::Error> {
        match content {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SamplingContent>, D::Error> {
        Ok(match OneOrMany::deserialize(deserializer)? {
            OneOrMany::Many(many) => many,
            OneOrMany::One(one) => vec![*one],
        })
    }
}
