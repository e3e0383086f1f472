//! Tools whose schemas were written by hand are held to them (specification page `server/tools`, "Output Schema" and
//! "Error Handling").

use std::sync::Arc;

use super::{Answer, AnswerBody, Arguments, BuildError, Context, Outcome, Reply, ServerBuilder, tools};
use crate::{
    error::Error,
    protocol::{CallToolResult, Tool},
    schema::{Schema, Validator, Values},
};

/// The tools that have schemas of their own, and whether their results are checked.
#[derive(Default)]
pub(super) struct HandWritten {
    tools: Vec<Own>,
    check_output: Option<bool>,
}

/// Which schemas of a tool are its own.
struct Own {
    tool: String,
    input: bool,
    output: bool,
}

impl HandWritten {
    pub(super) fn merge(&mut self, part: Self) {
        self.tools.extend(part.tools);
    }
}

impl ServerBuilder {
    /// Whether results are held to output schemas that were written by hand. The default is to do so in debug builds.
    ///
    /// A result that does not fit is an internal error, and the log says where it does not. Failures (`isError`) are
    /// not held to the schema. A schema that comes from the handler's type is not checked: what is written by the type
    /// has its shape.
    ///
    /// ```
    /// use pmcp_core::{prelude::*, serde_json::{Value, from_value, json}};
    ///
    /// let area = Tool {
    ///     input_schema: from_value(json!({
    ///         "type": "object",
    ///         "properties": { "radius": { "type": "number", "exclusiveMinimum": 0 }, "side": { "type": "number" } },
    ///         "oneOf": [{ "required": ["radius"] }, { "required": ["side"] }],
    ///     }))?,
    ///     output_schema: Some(from_value(json!({ "type": "number", "minimum": 0 }))?),
    ///     ..Tool::new("area")
    /// };
    /// let server = Server::builder("shapes", "1.0.0").check_output(true).tool(area, |shape: Value, _| async move {
    ///     let (radius, side) = (shape["radius"].as_f64(), shape["side"].as_f64());
    ///     let area = radius.map_or(side.unwrap_or_default().powi(2), |radius| 3.14 * radius * radius);
    ///     CallToolResult::structured(&area)
    /// });
    /// # pollster::block_on(async {
    /// let client = pmcp_core::testing::Client::new(server)?;
    /// let refused = client.call_tool("area", json!({ "radius": "x" })).await?;
    /// assert_eq!(refused.to_text(), r#"Invalid arguments: radius: "x" is not of type "number"."#);
    /// let result = client.call_tool("area", json!({ "radius": 1 })).await?;
    /// assert_eq!(result.to_text(), "3.14");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn check_output(mut self, check: bool) -> Self {
        self.hand_written.check_output = Some(check);
        self
    }

    /// Notes which schemas `tool` has before its types add theirs.
    pub(super) fn note_own_schemas(mut self, tool: &Tool) -> Self {
        let own =
            Own { tool: tool.name.clone(), input: !tool.input_schema.is_empty(), output: tool.output_schema.is_some() };
        if own.input || own.output {
            self.hand_written.tools.push(own);
        }
        self
    }

    /// Puts the schemas that were written by hand in front of their handlers and behind them.
    pub(super) fn hold_to_schemas(&mut self) {
        let HandWritten { tools, check_output } = std::mem::take(&mut self.hand_written);
        let check_output = check_output.unwrap_or(cfg!(debug_assertions));
        for own in tools {
            // What registration refused may be too deep to be compiled.
            let refused = |error: &BuildError| matches!(error, BuildError::Schema { tool, .. } if *tool == own.tool);
            let mut definitions = self.registry.tool_definitions.iter();
            let Some(tool) = definitions.find(|tool| tool.name == own.tool) else { continue };
            if self.errors.iter().any(refused) {
                continue;
            }
            let errors = &mut self.errors;
            let mut compile = |schema: Option<&Schema>, name| {
                let compiled = Validator::compile(schema?, name);
                compiled.map_err(|error| errors.push(BuildError::Schema { tool: own.tool.clone(), error })).ok()
            };
            let input = compile(own.input.then_some(&tool.input_schema), "inputSchema");
            // Compiled in any case, so that what is wrong with it is told in every build.
            let output = compile(tool.output_schema.as_ref().filter(|_| own.output), "outputSchema");
            let output = output.filter(|_| check_output);
            let output = output.map(|validator| Arc::new(Output { tool: own.tool.clone(), validator }));
            self.registry.tools.change(&own.tool, |registered| {
                let handler = Box::new(Held { handler: registered.handler, input, output });
                tools::RegisteredTool { handler, ..registered }
            });
        }
    }
}

/// A handler between its schemas.
struct Held {
    handler: Box<dyn tools::ToolHandler>,
    input: Option<Validator>,
    output: Option<Arc<Output>>,
}

impl tools::ToolHandler for Held {
    fn call(&self, arguments: Arguments<'_>, cx: Context) -> Reply {
        let problems = self.input.as_ref().and_then(|input| input.problems(arguments.as_str(), Values::Shown));
        if let Some(problems) = problems {
            let error = Error::InvalidArguments(crate::jsonrpc::cut(format!("Invalid arguments: {problems}.")));
            return Reply::Ready(Answer::tool(Err::<CallToolResult, _>(error)));
        }
        let reply = self.handler.call(arguments, cx);
        let Some(output) = &self.output else { return reply };
        match reply {
            Reply::Ready(outcome) => Reply::Ready(output.hold(outcome)),
            Reply::Pending(future) => {
                let output = Arc::clone(output);
                Reply::pending(async move { output.hold(future.await) })
            }
        }
    }
}

/// What a tool promises to answer.
struct Output {
    tool: String,
    validator: Validator,
}

impl Output {
    fn hold(&self, outcome: Outcome) -> Outcome {
        let problems = match &outcome {
            Ok(Answer(AnswerBody::CallTool(result))) if !result.is_error => match &result.structured_content {
                // The log is no place for what tools answer.
                Some(content) => self.validator.problems(content.get(), Values::Hidden),
                None => Some("there is no structured content".to_owned()),
            },
            _ => None,
        };
        match problems {
            None => outcome,
            Some(problems) => {
                tracing::error!(tool = self.tool, %problems, "a result does not fit the output schema of its tool");
                Err(Error::logged(format!(
                    "The tool {} answered what does not fit its output schema; the server's log says where.",
                    self.tool
                )))
            }
        }
    }
}
