//! Tools (specification page `server/tools`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{ContentBlock, Icon, Meta, TaskSupport};

/// A tool as `tools/list` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// 1 to 128 of `A-Z a-z 0-9 _ - .`.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema of its arguments, an object at its root.
    pub input_schema: Map<String, Value>,
    /// The JSON Schema of its structured content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Map<String, Value>>,
    /// What it does to the world, as a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ToolAnnotations>,
    /// Pictures for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
    /// What programs may want to know besides.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
    /// How it runs as a task, if it may. Clients of this revision are not told before they call it.
    #[serde(skip)]
    pub task: Option<TaskSupport>,
}

impl Tool {
    /// A tool named `name`. Its schemas come from its handler's types unless they are set here.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same tool with a title for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The same tool with hints on what it does to the world.
    #[must_use]
    pub fn with_annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// The same tool with a description for the model.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The same tool, which may run as a task: of a server that was told to keep
    /// [`tasks`](crate::ServerBuilder::tasks).
    #[must_use]
    pub fn with_task(mut self, support: TaskSupport) -> Self {
        self.task = Some(support);
        self
    }
}

impl From<&str> for Tool {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// What a tool does to the world; hints, not promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ToolAnnotations {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// It changes nothing. Taken as `false` when absent.
    #[serde(rename = "readOnlyHint", skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// What it changes may be lost. Taken as `true` when absent.
    #[serde(rename = "destructiveHint", skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Calling it twice is the same as once. Taken as `false` when absent.
    #[serde(rename = "idempotentHint", skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// It reaches out to a world that it does not know. Taken as `true` when absent.
    #[serde(rename = "openWorldHint", skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

/// What a tool answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallToolResult {
    /// For the model and the person.
    pub content: Vec<ContentBlock>,
    /// For programs: any JSON value, `null` too, which is not the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub structured_content: Option<Box<RawValue>>,
    /// Whether it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// What programs may want to know besides.
    #[serde(rename = "_meta", default, skip_serializing)]
    pub meta: Option<Meta>,
}

/// A `null` that is there is a value, not none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    <Box<RawValue>>::deserialize(deserializer).map(Some)
}

impl CallToolResult {
    /// One block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![ContentBlock::text(text)], ..Self::default() }
    }

    /// All its text, a line for each block.
    pub fn to_text(&self) -> String {
        self.content.iter().filter_map(ContentBlock::as_text).collect::<Vec<_>>().join("\n")
    }

    /// The structured content as `T`: what tests of a tool look at.
    ///
    /// # Errors
    /// When there is none, or it is no `T`.
    pub fn structured_as<T: serde::de::DeserializeOwned>(&self) -> serde_json::Result<T> {
        match &self.structured_content {
            Some(content) => serde_json::from_str(content.get()),
            None => Err(serde::de::Error::custom("the result has no structured content")),
        }
    }

    /// A failure, in words that help the model to do better.
    pub fn error(text: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::text(text) }
    }

    /// Structured content, and the same as text for clients that do not read it.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON, such as a map whose keys are no strings.
    pub fn structured(value: &impl Serialize) -> serde_json::Result<Self> {
        let json = serde_json::value::to_raw_value(value)?;
        let text = Self::text(json.get());
        Ok(Self { structured_content: Some(json), ..text })
    }
}
