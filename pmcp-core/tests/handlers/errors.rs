//! How a handler fails, and what the client learns of it.

use std::fmt;

use pmcp_core::{
    jsonrpc::{ErrorCode, ErrorObject},
    prelude::*,
    protocol::{ClientCapabilities, Revision},
    serde_json::{Value, json},
};

use crate::{bare, clients};

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("The account {0} is closed.")]
    Closed(u64),
    #[error("The disk is full.")]
    Disk(#[source] std::io::Error),
}

/// Displays, and is no [`std::error::Error`], as `anyhow::Error` is none.
struct Whatever(Problem);

impl fmt::Display for Whatever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Whatever: {}", self.0)
    }
}

impl From<Problem> for Whatever {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

fn protocol_error() -> ErrorObject {
    ErrorObject::new(ErrorCode(-1), "Own.").with_data(json!([1]))
}

fn error_of(kind: &str) -> Error {
    match kind {
        "failed" => Error::failed("Failed."),
        "invalid_arguments" => Error::InvalidArguments("Arguments.".to_owned()),
        "invalid_params" => Error::InvalidParams("Params.".to_owned()),
        "not_found" => Error::ResourceNotFound { uri: "x:y".to_owned() },
        "capability" => {
            let sampling = Some(json!({}));
            Error::MissingClientCapability(Box::new(ClientCapabilities { sampling, ..Default::default() }))
        }
        "method" => Error::MethodNotFound { method: "x/y".to_owned() },
        "internal" => Error::Internal("Internal.".to_owned()),
        _ => protocol_error().into(),
    }
}

struct Failing;

#[server(name = "failing", version = "1.0.0")]
impl Failing {
    #[tool]
    fn of_an_enum(&self) -> Result<String, Problem> {
        Err(Problem::Closed(7))
    }
    #[tool]
    async fn with_a_source(&self) -> Result<Json<u8>, Problem> {
        Err(Problem::Disk(std::io::Error::other("hidden")))
    }
    #[tool]
    fn of_static_text(&self) -> Result<(), &'static str> {
        Err("Static.")
    }
    #[tool]
    async fn of_text(&self) -> Result<i64, String> {
        Err("Text.".to_owned())
    }
    #[tool]
    fn boxed(&self) -> Result<i64, Box<dyn std::error::Error>> {
        Err(Problem::Closed(8))?
    }
    #[tool]
    async fn boxed_to_be_sent(&self) -> Result<i64, Box<dyn std::error::Error + Send + Sync>> {
        "x".parse::<i64>()?;
        Ok(1)
    }
    #[tool]
    fn displayed(&self) -> Result<i64, Whatever> {
        Err(Problem::Closed(9))?
    }
    #[tool]
    async fn inner(&self) -> Result<Result<i64, String>, Problem> {
        Ok(Err("Inside.".to_owned()))
    }
    #[tool]
    fn tool(&self, kind: &str) -> Result<String> {
        Err(error_of(kind))
    }
    #[tool]
    async fn tool_in_time(&self, kind: String) -> Result<String> {
        std::future::ready(()).await;
        Err(error_of(&kind))
    }
    #[prompt]
    fn prompt(&self, kind: &str) -> Result<String> {
        Err(error_of(kind))
    }
    #[prompt]
    fn prompt_of_an_enum(&self) -> Result<String, Problem> {
        Err(Problem::Closed(7))
    }
    #[resource("failing://{kind}")]
    async fn resource(&self, kind: &str) -> Result<String> {
        Err(error_of(kind))
    }
    #[resource("failing:enum")]
    fn resource_of_an_enum(&self) -> Result<Option<String>, Problem> {
        Err(Problem::Closed(7))
    }
}

#[test]
fn any_displayed_error_of_a_tool_is_a_result_that_the_model_reads() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Failing) {
            for (tool, text) in [
                ("of_an_enum", "The account 7 is closed."),
                ("with_a_source", "The disk is full."),
                ("of_static_text", "Static."),
                ("of_text", "Text."),
                ("boxed", "The account 8 is closed."),
                ("boxed_to_be_sent", "invalid digit found in string"),
                ("displayed", "Whatever: The account 9 is closed."),
                ("inner", "Inside."),
            ] {
                let exchange = client.request("tools/call", json!({ "name": tool, "arguments": {} })).await;
                assert_eq!(exchange.status, 200, "{revision} {tool}");
                let result = bare(revision, exchange.result.expect(tool));
                let expected = json!({ "content": [{ "type": "text", "text": text }], "isError": true });
                assert_eq!(result, expected, "{revision} {tool}");
            }
        }
    });
}

/// The status, code, message and data of each kind.
fn expected(kind: &str, revision: Revision) -> (u16, i32, &'static str, Option<Value>) {
    let modern = |status| if revision.is_legacy() { 200 } else { status };
    let not_found = if revision.is_legacy() { -32002 } else { -32602 };
    let capability = "This needs a capability that the client has not declared; declare those in requiredCapabilities.";
    match kind {
        "invalid_params" => (200, -32602, "Params.", None),
        "not_found" => (200, not_found, "There is no resource at x:y.", Some(json!({ "uri": "x:y" }))),
        "capability" => (modern(400), -32021, capability, Some(json!({ "requiredCapabilities": { "sampling": {} } }))),
        "method" => (modern(404), -32601, "This server does not serve the method x/y.", None),
        "internal" => (200, -32603, "Internal.", None),
        "protocol" => (200, -1, "Own.", Some(json!([1]))),
        "failed" => (200, -32603, "Failed.", None),
        "invalid_arguments" => (200, -32602, "Arguments.", None),
        other => panic!("{other}"),
    }
}

#[test]
fn the_kinds_of_error_keep_their_codes() {
    const KINDS: [&str; 6] = ["invalid_params", "not_found", "capability", "method", "internal", "protocol"];
    pollster::block_on(async {
        for (revision, client) in clients(|| Failing) {
            for kind in KINDS {
                for (method, params) in [
                    ("tools/call", json!({ "name": "tool", "arguments": { "kind": kind } })),
                    ("tools/call", json!({ "name": "tool_in_time", "arguments": { "kind": kind } })),
                    ("prompts/get", json!({ "name": "prompt", "arguments": { "kind": kind } })),
                    ("resources/read", json!({ "uri": format!("failing://{kind}") })),
                ] {
                    let exchange = client.request(method, params).await;
                    let error = exchange.result.expect_err(kind);
                    assert_eq!(
                        (exchange.status, error.code.0, error.message.as_str(), error.data.map(|data| *data)),
                        expected(kind, revision),
                        "{revision} {method} {kind}"
                    );
                }
            }
        }
    });
}

#[test]
fn only_tools_have_results_that_are_errors() {
    pollster::block_on(async {
        for (revision, client) in clients(|| Failing) {
            for kind in ["failed", "invalid_arguments"] {
                let (_, _, text, _) = expected(kind, revision);
                let result = client.call_tool("tool", json!({ "kind": kind })).await.expect("a result");
                assert!(result.is_error && result.content == [ContentBlock::text(text)], "{revision} {kind}");
                for (method, params) in [
                    ("prompts/get", json!({ "name": "prompt", "arguments": { "kind": kind } })),
                    ("resources/read", json!({ "uri": format!("failing://{kind}") })),
                ] {
                    let exchange = client.request(method, params).await;
                    let error = exchange.result.expect_err(kind);
                    assert_eq!(
                        (exchange.status, error.code.0, error.message.as_str(), error.data.map(|data| *data)),
                        expected(kind, revision),
                        "{revision} {method} {kind}"
                    );
                }
            }
            for (method, params) in [
                ("prompts/get", json!({ "name": "prompt_of_an_enum" })),
                ("resources/read", json!({ "uri": "failing:enum" })),
            ] {
                let error = client.request(method, params).await.result.expect_err(method);
                assert_eq!((error.code.0, error.message.as_str()), (-32603, "The account 7 is closed."));
            }
        }
    });
}

#[test]
fn a_boxed_error_of_the_core_keeps_its_kind() {
    struct Boxing;

    #[server(name = "boxing", version = "1.0.0")]
    impl Boxing {
        #[tool]
        fn local(&self) -> Result<(), Box<dyn std::error::Error>> {
            Err(error_of("invalid_params"))?
        }
        #[tool]
        async fn sent(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            Err(error_of("invalid_params"))?
        }
    }

    pollster::block_on(async {
        for (revision, client) in clients(|| Boxing) {
            for tool in ["local", "sent"] {
                let error = client.call_tool(tool, json!({})).await.map(|result| result.content);
                let error = error.expect_err("a `?` must not change what an error means");
                assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{revision}");
            }
        }
    });
}
