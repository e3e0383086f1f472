//! A client in the same process, for the author's own tests: no socket, no runtime of its own.
//!
//! Every request goes through the same code as on a real platform, headers and JSON included.
//!
//! ```
//! use pmcp_core::{prelude::*, testing::Client};
//!
//! struct Shop;
//!
//! #[server(name = "shop", version = "1.0.0")]
//! impl Shop {
//!     #[tool]
//!     async fn pack(&self, items: Vec<String>, cx: &Context) -> String {
//!         for (done, item) in items.iter().enumerate() {
//!             cx.progress(done + 1, items.len(), format!("packed {item}")).await;
//!         }
//!         format!("{} items", items.len())
//!     }
//! }
//!
//! # pollster::block_on(async {
//! let client = Client::new(Shop)?;
//! let result = client.call_tool("pack", serde_json::json!({ "items": ["tea", "cups"] })).await?;
//! assert_eq!(result.to_text(), "2 items");
//!
//! // The whole exchange, with what was said before the result.
//! let params = serde_json::json!({ "name": "pack", "arguments": { "items": ["tea", "cups"] } });
//! assert_eq!(client.request("tools/call", params).await.progress(), [1.0, 2.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod listen;
mod platform;
mod request;
mod tasks;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
};

use http::{Response, header};
use http_body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    jsonrpc::{ErrorCode, ErrorObject},
    platform::{MaybeSend, MaybeSync, Platform},
    protocol::{
        CallToolResult, ClientCapabilities, Completion, GetPromptResult, Prompt, ReadResourceResult, Resource,
        ResourceTemplate, Revision, Tool,
    },
    server::{BuildErrors, IntoServer, Principal},
    streamable_http::{Body, StreamableHttp},
};
pub use listen::Listening;
pub use platform::TestPlatform;

/// What a request came to, and what the server said before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The HTTP status.
    pub status: u16,
    /// The notifications, whole, in order.
    pub notifications: Vec<Value>,
    /// The result, or the error.
    pub result: Result<Value, ErrorObject>,
}

impl Exchange {
    /// How far the handler said it was, in order.
    pub fn progress(&self) -> Vec<f64> {
        let progress = self.params_of("notifications/progress");
        progress.filter_map(|params| params.get("progress").and_then(Value::as_f64)).collect()
    }

    /// What the handler logged, in order: the `data` of each message.
    pub fn logs(&self) -> Vec<&Value> {
        self.params_of("notifications/message").filter_map(|params| params.get("data")).collect()
    }

    fn params_of(&self, method: &'static str) -> impl Iterator<Item = &Value> {
        let of_method = move |message: &&Value| message.get("method").is_some_and(|name| name == method);
        self.notifications.iter().filter(of_method).filter_map(|message| message.get("params"))
    }
}

/// A client of the newest revision, unless told otherwise.
pub struct Client {
    endpoint: StreamableHttp,
    platform: Arc<dyn Platform>,
    revision: Revision,
    next_id: AtomicI64,
    capabilities: ClientCapabilities,
    principal: Option<Principal>,
    answer: Option<Box<dyn AnswerQuestion>>,
}

/// Answers the questions of handlers.
trait AnswerQuestion: MaybeSend + MaybeSync {
    fn answer(&self, key: &str, request: &Value) -> Value;
}

impl<F: Fn(&str, &Value) -> Value + MaybeSend + MaybeSync> AnswerQuestion for F {
    fn answer(&self, key: &str, request: &Value) -> Value {
        self(key, request)
    }
}

/// More rounds than any sensible handler asks for.
const MOST_ROUNDS: usize = 32;

impl Client {
    /// A client of `server`.
    ///
    /// # Errors
    /// All that is wrong with what was registered.
    pub fn new(server: impl IntoServer) -> Result<Self, BuildErrors> {
        StreamableHttp::new(server).map(Self::from_endpoint)
    }

    /// A client of an endpoint with limits and rules of its own.
    pub fn from_endpoint(endpoint: StreamableHttp) -> Self {
        Self {
            endpoint,
            platform: Arc::new(TestPlatform::default()),
            revision: Revision::LATEST,
            next_id: AtomicI64::new(1),
            capabilities: ClientCapabilities::default(),
            principal: None,
            answer: None,
        }
    }

    /// The same client, speaking `revision`.
    #[must_use]
    pub fn with_revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// The same client, on `platform`.
    #[must_use]
    pub fn with_platform(mut self, platform: Arc<dyn Platform>) -> Self {
        self.platform = platform;
        self
    }

    /// The same client, declaring `capabilities`.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: ClientCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The same client, whose requests are made for `principal`.
    #[must_use]
    pub fn with_principal(mut self, principal: &str) -> Self {
        self.principal = Some(Principal(principal.into()));
        self
    }

    /// The same client, answering what handlers ask: `answer` gets the key and the request of a question, and gives
    /// the result as the client would send it, such as `{"action": "accept", "content": {…}}`.
    #[must_use]
    pub fn answering(mut self, answer: impl Fn(&str, &Value) -> Value + MaybeSend + MaybeSync + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// All tools, page by page.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn list_tools(&self) -> Result<Vec<Tool>, ErrorObject> {
        self.list("tools/list", "tools").await
    }

    /// All resources, page by page.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn list_resources(&self) -> Result<Vec<Resource>, ErrorObject> {
        self.list("resources/list", "resources").await
    }

    /// All resource templates, page by page.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn list_resource_templates(&self) -> Result<Vec<ResourceTemplate>, ErrorObject> {
        self.list("resources/templates/list", "resourceTemplates").await
    }

    /// All prompts, page by page.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn list_prompts(&self) -> Result<Vec<Prompt>, ErrorObject> {
        self.list("prompts/list", "prompts").await
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// What the server answered instead. A tool's own failure is a result with `is_error`.
    pub async fn call_tool(&self, name: &str, arguments: Value) -> Result<CallToolResult, ErrorObject> {
        self.typed("tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn read_resource(&self, uri: &str) -> Result<ReadResourceResult, ErrorObject> {
        self.typed("resources/read", json!({ "uri": uri })).await
    }

    /// Fills a prompt.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn get_prompt(&self, name: &str, arguments: Value) -> Result<GetPromptResult, ErrorObject> {
        self.typed("prompts/get", json!({ "name": name, "arguments": arguments })).await
    }

    /// Completes the argument `name` from `value`; `reference` is as on the wire, with `type` and `name` or `uri`.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn complete(&self, reference: Value, name: &str, value: &str) -> Result<Completion, ErrorObject> {
        let params = json!({ "ref": reference, "argument": { "name": name, "value": value } });
        let result: Value = self.typed("completion/complete", params).await?;
        read(result.get("completion").cloned().unwrap_or_default())
    }

    /// Completes the argument `argument` of the prompt `name` from what was typed.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn complete_prompt(&self, name: &str, argument: &str, typed: &str) -> Result<Completion, ErrorObject> {
        self.complete(json!({ "type": "ref/prompt", "name": name }), argument, typed).await
    }

    /// Completes the variable `argument` of a resource template from what was typed.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn complete_resource(
        &self,
        template: &str,
        argument: &str,
        typed: &str,
    ) -> Result<Completion, ErrorObject> {
        self.complete(json!({ "type": "ref/resource", "uri": template }), argument, typed).await
    }

    /// Sends any request, with a progress token and the wish for every log message.
    pub async fn request(&self, method: &str, params: Value) -> Exchange {
        yield_once().await;
        let response = self.respond(method, params).await;
        let status = response.status().as_u16();
        let mut notifications = messages(response).await;
        let result = match notifications.pop() {
            Some(mut last) => match (last.get_mut("result").map(Value::take), last.get_mut("error").map(Value::take)) {
                (Some(result), _) => Ok(result),
                (None, Some(error)) => Err(read(error).unwrap_or_else(|unreadable| unreadable)),
                (None, None) => Err(unreadable(&last)),
            },
            None => Err(unreadable("an empty body")),
        };
        Exchange { status, notifications, result }
    }

    async fn respond(&self, method: &str, params: Value) -> Response<Body> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut request =
            request::encode(self.endpoint.server(), self.revision, &self.capabilities, id, method, params);
        if let Some(principal) = &self.principal {
            request.extensions_mut().insert(principal.clone());
        }
        self.endpoint.respond(request, &self.platform).await
    }

    async fn typed<T: DeserializeOwned>(&self, method: &str, mut params: Value) -> Result<T, ErrorObject> {
        let mut keys = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let mut result = self.request(method, params.clone()).await.result?;
            if result.get("resultType").is_some_and(|kind| kind == "task") {
                return read(self.follow(result).await?);
            }
            if result.get("resultType").is_none_or(|kind| kind != "input_required") {
                return read(result);
            }
            let Some(answer) = &self.answer else {
                return Err(unreadable("the handler asks the client, which needs Client::answering"));
            };
            let questions = result.get_mut("inputRequests").map(Value::take).unwrap_or_default();
            let questions: Map<String, Value> = read(questions)?;
            keys = questions.keys().cloned().collect();
            let answers: Map<_, _> =
                questions.into_iter().map(|(key, question)| (key.clone(), answer.answer(&key, &question))).collect();
            if let Value::Object(params) = &mut params {
                params.insert("inputResponses".to_owned(), Value::Object(answers));
                params.insert("requestState".to_owned(), result.get_mut("requestState").map(Value::take).into());
            }
        }
        Err(unreadable(format!("the handler still asks after {MOST_ROUNDS} rounds, the last time {keys:?}")))
    }

    async fn list<T: DeserializeOwned>(&self, method: &str, member: &str) -> Result<Vec<T>, ErrorObject> {
        let mut entries = Vec::new();
        let mut params = json!({});
        loop {
            let mut page = self.request(method, params).await.result?;
            let part: Vec<T> = read(page.get_mut(member).map(Value::take).unwrap_or_default())?;
            entries.extend(part);
            match page.get_mut("nextCursor").map(Value::take) {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(entries),
            }
        }
    }
}

/// Lets what runs beside the client go on first.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|task| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The messages of a response: one, or those of a stream.
async fn messages(response: Response<Body>) -> Vec<Value> {
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {
        bytes.extend(frame.into_data().unwrap_or_default());
    }
    messages_of(&bytes, content_type.is_some_and(|kind| kind == "text/event-stream"))
}

fn messages_of(bytes: &[u8], are_events: bool) -> Vec<Value> {
    if are_events {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|json| serde_json::from_str(json).ok()).collect()
    } else {
        serde_json::from_slice(bytes).into_iter().collect()
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, ErrorObject> {
    serde_json::from_value(value).map_err(unreadable)
}

fn unreadable(what: impl std::fmt::Display) -> ErrorObject {
    ErrorObject::new(ErrorCode::INTERNAL_ERROR, format!("The answer cannot be read: {what}."))
}
