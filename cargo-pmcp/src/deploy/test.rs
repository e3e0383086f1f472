//! `cargo pmcp deploy test`: holds a conversation with the server that is deployed, and says how each step went.

use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::TestServer;
use crate::config::{is_address, is_safe_address};
use crate::exec::{Hidden, hide};
use crate::failure::{Failure, Result};
use crate::mcp::{self, Client, Refusal};
use crate::output::Output;

/// How the conversation went.
#[derive(Serialize)]
struct Report {
    url: String,
    passed: bool,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    step: String,
    outcome: Outcome,
    /// Of the whole step, its pages included.
    milliseconds: Option<f64>,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Ok,
    Skipped,
    Failed,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.url)?;
        // One line each, whatever the server calls its tools: none can look like two.
        let line = |text: &str| text.replace('\n', "\\n");
        let width = self.steps.iter().map(|step| line(&step.step).len()).max().unwrap_or_default();
        for Step { step, outcome, milliseconds, detail } in &self.steps {
            let (step, detail) = (line(step), line(detail));
            let outcome = match outcome {
                Outcome::Ok => "ok",
                Outcome::Skipped => "skipped",
                Outcome::Failed => "FAILED",
            };
            let time = milliseconds.map_or_else(String::new, |time| format!("{time:.0} ms"));
            write!(out, "\n{outcome:<7} {step:<width$} {time:>8}  {detail}")?;
        }
        Ok(())
    }
}

/// Talks to `url`; the result is printed however it went. `token_advice` says where to get one, where the platform wants one.
pub(super) fn run(url: String, token_advice: Option<&str>, options: &TestServer, output: Output) -> Result {
    if !is_address(&url) {
        return Err(Failure::usage(
            format!("`{url}` is no address of a server"),
            "they look like this: https://mcp.example.com/mcp",
        ));
    }
    let token = options.token_from_env.as_deref().map(token).transpose()?;
    if token.is_some() && !is_safe_address(&url) {
        return Err(Failure::usage(
            format!("{url} is not reached over TLS, and everybody on the way would see the token"),
            "name the server's https:// address, or leave out --token-from-env",
        ));
    }
    let told = token.as_ref().map(|Hidden(token)| Hidden(token.clone()));
    let client = Client::new(url, token, Duration::from_secs(options.timeout));
    let mut conversation = Conversation { client, steps: Vec::new() };
    // What went wrong stands in the steps.
    let refusal = conversation.hold(options.tool.as_deref(), options.arguments.clone()).err();
    let Conversation { client, mut steps } = conversation;
    // Gateways and debug pages repeat what they were sent.
    let hidden = |words: &str| told.as_ref().map_or_else(|| words.to_owned(), |token| hide(words, token));
    for Step { step, detail, .. } in &mut steps {
        (*step, *detail) = (hidden(step), hidden(detail));
    }
    let failed = steps.iter().find(|step| step.outcome == Outcome::Failed).map(|step| step.step.clone());
    let url = client.url().to_owned();
    output.result(&Report { url: url.clone(), passed: failed.is_none(), steps })?;
    match failed {
        None => Ok(()),
        Some(step) => {
            let advice = match (&refusal, token_advice) {
                (Some(Refusal::Http { status: 401 | 403, .. }), Some(advice)) => advice.to_owned(),
                _ => advice(refusal.as_ref(), options),
            };
            Err(Failure::failed(format!("{url} failed the test at {step}"), hidden(&advice)))
        }
    }
}

/// The token in a variable, held to what can stand in a header (RFC 6750, section 2.1).
fn token(variable: &str) -> Result<Hidden> {
    let token = env::var(variable).map_err(|_| {
        // Not by its name, which may be the token of somebody in a hurry.
        let what = "the variable that --token-from-env names is not set here, or is no text";
        Failure::usage(what, "export it, or leave out --token-from-env")
    })?;
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Hidden(token)),
        false => {
            let what = "what is in the variable that --token-from-env names is no token";
            Err(Failure::usage(what, "export it without spaces, and without the end of its line"))
        }
    }
}

fn advice(refusal: Option<&Refusal>, options: &TestServer) -> String {
    let advice = match refusal {
        Some(Refusal::Unasked { suggested, .. }) => return format!("give them: {}", option(suggested)),
        Some(Refusal::Tool { why: Some(_), suggested }) if takes_nothing(suggested) => "mend what it says",
        Some(Refusal::Tool { why: Some(_), suggested }) => {
            return format!("mend what it says, or give other arguments: {}", option(suggested));
        }
        Some(Refusal::Asks(_)) => "call it from a client with a person, or name another tool",
        Some(Refusal::NoTool { known }) if known.is_empty() => "leave out --tool: the server has no tools",
        Some(Refusal::NoTool { known }) => return format!("choose from {}", known.join(", ").replace('\n', "\\n")),
        Some(Refusal::Unreachable(_)) if options.url.is_some() => {
            "see that the network is up, and that a server listens at this address"
        }
        Some(Refusal::Unreachable(_)) => "see that the network is up, and what `cargo pmcp deploy status` says",
        Some(Refusal::Http { status: 401 | 403, .. }) => {
            "it wants a token: put one into a variable, and name that with --token-from-env"
        }
        Some(Refusal::Malformed(_)) => {
            "see that the URL is that of a server of MCP: if it is, it breaks the rules there"
        }
        Some(Refusal::Http { status: 404 | 405, .. }) => "see that the URL is the server's: its path ends with /mcp",
        _ if options.url.is_some() => "see what the server logs there",
        _ => "see what the server says: `cargo pmcp deploy logs --since 5m`",
    };
    advice.to_owned()
}

/// Arguments as a shell takes them.
fn option(arguments: &Value) -> String {
    format!("--arguments '{}'", arguments.to_string().replace('\'', r"'\''"))
}

fn takes_nothing(suggested: &Value) -> bool {
    suggested.as_object().is_none_or(Map::is_empty)
}

const METHOD_NOT_FOUND: i64 = -32601;

struct Conversation {
    client: Client,
    steps: Vec<Step>,
}

/// Ends the conversation; the step has been noted.
type Held<T = ()> = std::result::Result<T, Refusal>;

impl Conversation {
    /// Runs one step and notes how it went.
    fn step<T>(
        &mut self,
        step: &str,
        run: impl FnOnce(&mut Client) -> Held<T>,
        detail: impl FnOnce(&Client, &T) -> String,
    ) -> Held<T> {
        let begin = Instant::now();
        let result = run(&mut self.client);
        let milliseconds = Some(begin.elapsed().as_secs_f64() * 1000.0);
        let (outcome, detail) = match &result {
            Ok(value) => (Outcome::Ok, detail(&self.client, value)),
            Err(refusal) => (Outcome::Failed, refusal.to_string()),
        };
        self.steps.push(Step { step: step.into(), outcome, milliseconds, detail });
        result
    }

    fn skip(&mut self, step: &str, why: impl Into<String>) {
        self.steps.push(Step { step: step.into(), outcome: Outcome::Skipped, milliseconds: None, detail: why.into() });
    }

    fn hold(&mut self, tool: Option<&str>, given: Option<Map<String, Value>>) -> Held {
        let capabilities = self.open()?["capabilities"].take();
        let mut tools = Vec::new();
        for (capability, method, member, noun) in [
            ("tools", "tools/list", "tools", "tool"),
            ("resources", "resources/list", "resources", "resource"),
            ("resources", "resources/templates/list", "resourceTemplates", "template"),
            ("prompts", "prompts/list", "prompts", "prompt"),
        ] {
            if !capabilities[capability].is_object() {
                self.skip(method, format!("the server declares no {capability}"));
                continue;
            }
            let found = self.step(
                method,
                |client| match mcp::list(client, method, member) {
                    // Who has no templates need not know the method.
                    Err(Refusal::Error { code: METHOD_NOT_FOUND, .. }) if noun == "template" => Ok(Vec::new()),
                    found => found,
                },
                |_, found| plural(found.len(), noun),
            )?;
            if capability == "tools" {
                tools = found;
            }
        }
        self.call(&tools, tool, given)
    }

    /// The newest revision, else the handshake of those before.
    fn open(&mut self) -> Held<Value> {
        let begin = Instant::now();
        let discovered = self.client.discover();
        let milliseconds = Some(begin.elapsed().as_secs_f64() * 1000.0);
        let mut note = |outcome, detail| {
            self.steps.push(Step { step: "server/discover".into(), outcome, milliseconds, detail });
        };
        match discovered {
            Ok(result) => {
                let server = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
                note(Outcome::Ok, opened(server, self.client.version()));
                Ok(result)
            }
            // A server of an older revision says so in one of many ways.
            Err(refusal @ (Refusal::Error { .. } | Refusal::Http { status: 400 | 404 | 405 | 406, .. })) => {
                note(Outcome::Skipped, format!("not known there ({refusal})"));
                self.step("initialize", Client::initialize, |client, result| {
                    opened(&result["serverInfo"], client.version())
                })
            }
            Err(refusal) => {
                note(Outcome::Failed, refusal.to_string());
                Err(refusal)
            }
        }
    }

    /// Calls the tool that was named, or one that says it only reads.
    fn call(&mut self, tools: &[Map<String, Value>], named: Option<&str>, given: Option<Map<String, Value>>) -> Held {
        let name = |tool: &Map<String, Value>| tool["name"].as_str().unwrap_or_default().to_owned();
        let tool = match named {
            Some(wanted) => tools.iter().find(|tool| name(tool) == wanted),
            None => {
                let may = |tool: &&Map<String, Value>| {
                    only_reads(tool) && part(tool, "execution", "taskSupport") != Some(&json!("required"))
                };
                let mut readers: Vec<_> = tools.iter().filter(may).collect();
                // Best one that needs nothing made up.
                readers.sort_by_key(|tool| mcp::are_required(tool));
                readers.first().copied()
            }
        };
        let Some(tool) = tool else {
            match named {
                Some(wanted) => {
                    let missing = Refusal::NoTool { known: tools.iter().map(name).collect() };
                    return self.step(&format!("tools/call {wanted}"), |_| Err(missing), |_, ()| String::new());
                }
                None => self.skip("tools/call", "no tool is declared read-only; name one with --tool"),
            }
            return Ok(());
        };
        let schema = tool.get("inputSchema").cloned().unwrap_or_default();
        let is_made_up = given.is_none() && mcp::are_required(tool);
        let suggested = mcp::suggested(&schema);
        if is_made_up && !only_reads(tool) {
            let why = "it does not say that it only reads, and its arguments would be made up";
            return self.step(
                &format!("tools/call {}", name(tool)),
                |_| Err(Refusal::Unasked { why, suggested }),
                |_, ()| String::new(),
            );
        }
        let arguments = given.map_or_else(|| mcp::made_up(&schema), Value::Object);
        let name = name(tool);
        let params = json!({ "name": name, "arguments": arguments });
        let call = |client: &mut Client| {
            let result = client.call(params, mcp::mirrored(&schema, &arguments))?;
            match result["isError"] == true && !is_made_up {
                true => Err(Refusal::Tool { why: first_text(&result), suggested }),
                false => Ok(result),
            }
        };
        // What a tool answers may be nobody's business who reads the log of a build; why it failed is.
        let detail = |_: &Client, result: &Value| match (&result["resultType"], &result["content"]) {
            (Value::String(kind), _) if kind != "complete" => format!("answered with {kind:?}"),
            _ if result["isError"] == true => "answered that arguments which were made up do not suit it".into(),
            (_, Value::Array(blocks)) => format!("answered with {} of content", plural(blocks.len(), "block")),
            _ => "answered".into(),
        };
        let step = format!("tools/call {name}");
        match self.step(&step, call, detail) {
            // Nobody has said that this one can be called by a program.
            Err(refusal @ Refusal::Asks(_)) if named.is_none() => {
                self.steps.pop();
                self.skip(&step, refusal.to_string());
                Ok(())
            }
            called => called.map(drop),
        }
    }
}

fn part<'a>(tool: &'a Map<String, Value>, member: &str, key: &str) -> Option<&'a Value> {
    tool.get(member)?.get(key)
}

/// Whether a tool says so.
fn only_reads(tool: &Map<String, Value>) -> bool {
    part(tool, "annotations", "readOnlyHint") == Some(&json!(true))
}

/// The beginning of the first text that a tool answered with.
fn first_text(result: &Value) -> Option<String> {
    const SHOWN_LETTERS: usize = 500;
    let text = result["content"].as_array()?.iter().find_map(|block| block["text"].as_str())?.trim();
    (!text.is_empty()).then(|| text.chars().take(SHOWN_LETTERS).collect())
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn opened(server: &Value, version: &str) -> String {
    let text = |member: &str| server[member].as_str().unwrap_or("?").to_owned();
    format!("{} {}, speaks {version}", text("name"), text("version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_of_any_name_has_one_line() {
        let step = Step {
            step: "tools/call a\nok      tools/call".into(),
            outcome: Outcome::Failed,
            milliseconds: Some(1.0),
            detail: "no\nok".into(),
        };
        let report = Report { url: "https://u/mcp".into(), passed: false, steps: vec![step] };
        assert_eq!(report.to_string(), "https://u/mcp\nFAILED  tools/call a\\nok      tools/call     1 ms  no\\nok");
    }
}
