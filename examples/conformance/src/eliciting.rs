//! The tools that ask while they run, which clients of older revisions can be asked where there are sessions.

use std::{fmt::Debug, time::Duration};

use pmcp_core::{
    prelude::*,
    protocol::Elicitation,
    serde_json::{Map, Value, json},
};

/// Asks persons, and lets a connection go.
pub(crate) struct Eliciting;

/// Who answers.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Contact {
    /// User's response
    username: String,
    /// User's email address
    email: String,
}

/// Fields that are filled in already.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Defaults {
    name: String,
    age: i64,
    score: f64,
    status: Status,
    verified: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { name: "John Doe".to_owned(), age: 30, score: 95.5, status: Status::Active, verified: true }
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

fn completed<T: Serialize + Debug>(answer: &Elicitation<T>) -> String {
    let (action, content) = match answer {
        Elicitation::Accept(content) => ("accept", json!(content)),
        Elicitation::Decline => ("decline", Value::Null),
        Elicitation::Cancel => ("cancel", Value::Null),
    };
    format!("Elicitation completed: action={action}, content={content}")
}

/// Every way to offer choices, titled and not, one and many.
fn choices() -> Map<String, Value> {
    let options = ["option1", "option2", "option3"];
    let titled = json!([
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]);
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
        "required": [],
    });
    schema.as_object().cloned().unwrap_or_default()
}

#[server(name = "eliciting", version = env!("CARGO_PKG_VERSION"))]
impl Eliciting {
    /// Asks who answers.
    #[tool]
    async fn test_elicitation(&self, message: String, cx: &Context) -> Result<String> {
        Ok(completed(&cx.elicit::<Contact>("contact", &message).await?))
    }

    /// Asks with fields that are filled in already.
    #[tool]
    async fn test_elicitation_sep1034_defaults(&self, cx: &Context) -> Result<String> {
        Ok(completed(&cx.elicit::<Defaults>("defaults", "Please review the defaults.").await?))
    }

    /// Asks with every kind of choice.
    #[tool]
    async fn test_elicitation_sep1330_enums(&self, cx: &Context) -> Result<String> {
        Ok(completed(&cx.elicit_schema("choices", "Please choose.", &choices()).await?))
    }

    /// Lets the connection go in the middle, for the client to come back for the answer.
    #[tool]
    async fn test_reconnection(&self, cx: &Context) -> &'static str {
        cx.disconnect(Duration::from_millis(500)).await;
        cx.sleep(Duration::from_millis(300)).await;
        "Reconnection test completed."
    }
}
