//! The fixture server of the official MCP conformance suite: the tools, resources and prompts that its scenarios name,
//! with the texts that they expect.

mod asking;
mod contact;
mod eliciting;
mod tasks;

use std::time::Duration;

use pmcp_core::{
    prelude::*,
    protocol::{ClientCapabilities, ResourceContents},
    serde_json::json,
};

/// The server, ready for any adapter.
pub fn server() -> impl IntoServer {
    server_with(&Notifier::local())
}

/// The same, which tells of changes through `notifier`.
pub fn server_with(notifier: &Notifier) -> ServerBuilder {
    let keep = Cache::public(Duration::from_secs(300));
    let fixture = Fixture { notifier: notifier.clone() };
    let builder = fixture
        .into_builder()
        .cache(keep)
        .notifier(notifier)
        .merge(asking::Asking.into_builder())
        .merge(eliciting::Eliciting.into_builder())
        .skills(skills!("skills"))
        .tool(contact::tool(), contact::call);
    tasks::register(builder)
}

/// Answers each scenario of the suite; keeps no state.
struct Fixture {
    notifier: Notifier,
}

/// One red pixel.
const PIXEL: &[u8] = include_bytes!("../media/pixel.png");
/// 25 ms of the note A, in 8 bits at 8 kHz.
const TONE: &[u8] = include_bytes!("../media/tone.wav");

/// Between two messages of one tool, so that they can arrive one by one.
const STEP: Duration = Duration::from_millis(50);

/// What the template resource says of an id.
#[derive(Serialize)]
struct Record {
    id: String,
    #[serde(rename = "templateTest")]
    template_test: bool,
    data: String,
}

#[server(
    name = "conformance",
    title = "Conformance fixture",
    version = env!("CARGO_PKG_VERSION"),
    description = "What the official MCP conformance suite calls, reads and gets.",
    logging
)]
impl Fixture {
    // Some scenarios call the first tool of the list without arguments, so one that takes none stands first.

    /// Answers with text.
    #[tool]
    fn test_simple_text(&self) -> &'static str {
        "This is a simple text response for testing."
    }

    /// Answers with a picture.
    #[tool]
    fn test_image_content(&self) -> ContentBlock {
        pixel()
    }

    /// Answers with sound.
    #[tool]
    fn test_audio_content(&self) -> ContentBlock {
        ContentBlock::audio(TONE, "audio/wav")
    }

    /// Answers with a resource and its contents.
    #[tool]
    fn test_embedded_resource(&self) -> ContentBlock {
        embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    }

    /// Answers with text, a picture and a resource at once.
    #[tool]
    fn test_multiple_content_types(&self) -> Vec<ContentBlock> {
        let data = json!({ "test": "data", "value": 123 }).to_string();
        vec![
            ContentBlock::text("Multiple content types test:"),
            pixel(),
            embedded("test://mixed-content-resource", "application/json", &data),
        ]
    }

    /// Logs three messages while it works.
    #[tool]
    async fn test_tool_with_logging(&self, cx: &Context) -> &'static str {
        cx.log(LogLevel::Info, "Tool execution started").await;
        cx.sleep(STEP).await;
        cx.log(LogLevel::Info, "Tool processing data").await;
        cx.sleep(STEP).await;
        cx.log(LogLevel::Info, "Tool execution completed").await;
        "Tool with logging executed successfully"
    }

    /// Reports progress three times while it works.
    #[tool]
    async fn test_tool_with_progress(&self, cx: &Context) -> &'static str {
        cx.progress(0, 100.0, "Started").await;
        cx.sleep(STEP).await;
        cx.progress(50, 100.0, "Halfway").await;
        cx.sleep(STEP).await;
        cx.progress(100, 100.0, "Done").await;
        "Tool with progress executed successfully"
    }

    /// Always fails.
    #[tool]
    fn test_error_handling(&self) -> Result<String, &'static str> {
        Err("This tool intentionally returns an error for testing")
    }

    /// Repeats an argument that the client must also send as a header.
    #[tool]
    fn test_custom_header(
        &self,
        #[arg(header = "Region", description = "Also in the header Mcp-Param-Region.")] region: &str,
    ) -> String {
        format!("The header and the argument agree on {region}")
    }

    /// Needs a client that can sample.
    #[tool]
    fn test_missing_capability(&self, cx: &Context) -> Result<&'static str> {
        cx.require(ClientCapabilities { sampling: Some(json!({})), ..ClientCapabilities::default() })?;
        Ok("The client can sample")
    }

    /// Sends what it has to say on the stream of its own answer.
    #[tool]
    async fn test_streaming_elicitation(&self, cx: &Context) -> &'static str {
        cx.progress(50, 100.0, "Streaming").await;
        "Streaming complete"
    }

    /// Logs a message, if the request asks for messages.
    #[tool]
    async fn test_logging_tool(&self, cx: &Context) -> &'static str {
        cx.log(LogLevel::Info, "Only for requests with a log level").await;
        "Logging evaluated"
    }

    /// Tells those who listen that the tools changed.
    #[tool]
    async fn test_trigger_tool_change(&self) -> Result<&'static str> {
        self.notifier.tools_changed().await?;
        Ok("Told")
    }

    /// Tells those who listen that the prompts changed.
    #[tool]
    async fn test_trigger_prompt_change(&self) -> Result<&'static str> {
        self.notifier.prompts_changed().await?;
        Ok("Told")
    }

    /// Text that never changes.
    #[resource("test://static-text", mime_type = "text/plain", ttl_ms = 300_000, public)]
    fn static_text(&self) -> &'static str {
        "This is the content of the static text resource."
    }

    /// A picture that never changes.
    #[resource("test://static-binary", mime_type = "image/png", ttl_ms = 300_000, public)]
    fn static_binary(&self) -> Vec<u8> {
        PIXEL.to_vec()
    }

    /// A record for any id.
    #[resource("test://template/{id}/data", mime_type = "application/json")]
    fn template(&self, id: String) -> Json<Record> {
        let data = format!("Data for ID: {id}");
        Json(Record { id, template_test: true, data })
    }

    /// A prompt without arguments.
    #[prompt]
    fn test_simple_prompt(&self) -> &'static str {
        "This is a simple prompt for testing."
    }

    /// A prompt that repeats its arguments.
    #[prompt]
    fn test_prompt_with_arguments(
        &self,
        #[arg(description = "First test argument", complete = words)] arg1: &str,
        #[arg(description = "Second test argument")] arg2: &str,
    ) -> String {
        format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
    }

    fn words(&self, typed: &str) -> Completion {
        Completion::starting_with(typed, ["paris", "park", "party", "test", "testing"])
    }

    /// A prompt that shows a resource.
    #[prompt]
    fn test_prompt_with_embedded_resource(
        &self,
        #[arg(name = "resourceUri", description = "URI of the resource to embed")] resource_uri: &str,
    ) -> Vec<PromptMessage> {
        vec![
            PromptMessage::user(embedded(resource_uri, "text/plain", "Embedded resource content for testing.")),
            PromptMessage::user("Please process the embedded resource above."),
        ]
    }

    /// A prompt that shows a picture.
    #[prompt]
    fn test_prompt_with_image(&self) -> Vec<PromptMessage> {
        vec![PromptMessage::user(pixel()), PromptMessage::user("Please analyze the image above.")]
    }
}

fn pixel() -> ContentBlock {
    ContentBlock::image(PIXEL, "image/png")
}

fn embedded(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(uri, text).with_mime_type(mime_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registration_is_valid() {
        let server = server().into_server().unwrap_or_else(|errors| panic!("{errors}"));
        let tools = server.tools();
        assert!(tools.iter().all(|tool| tool.description.is_some()));
        assert!(tools[0].input_schema.get("required").is_none(), "{:?}", tools[0].input_schema);
    }
}
