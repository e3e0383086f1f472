//! A server: what is registered, and how a request of a feature finds its handler.

mod apps;
mod at_work;
mod attributes;
mod beside;
mod build_error;
mod builder;
mod cancellation;
mod change_bus;
mod client_link;
mod completion;
mod context;
mod convert;
mod discover;
mod elicitation;
mod encode;
#[cfg(feature = "jsonschema")]
mod hand_written;
mod handler;
mod mrtr;
mod named;
mod notifier;
mod outbox;
mod pages;
mod progress;
mod prompts;
mod public_url;
mod register;
mod request_state;
mod resources;
mod sampling;
mod skills;
mod subscriptions;
mod tasks;
mod tools;

use std::sync::Arc;

use bytes::Bytes;

pub use apps::View;
pub use attributes::ToolAttributes;
pub use build_error::{BuildError, BuildErrors, IntoServer};
pub use builder::ServerBuilder;
pub use cancellation::Cancelled;
pub use change_bus::{BusError, Change, ChangeBus, Changes, LocalBus};
pub use completion::CompletionRequest;
pub use context::{Context, Principal};
pub use convert::{Contents, Image, IntoCompletion, IntoContents, IntoMessages, IntoToolResult, Json};
pub use handler::{Answer, Arguments, Outcome, Reply, StringArguments};
pub use notifier::Notifier;
pub use progress::{Amount, IntoTotal, IntoWords};
pub use public_url::PublicUrl;
pub use request_state::{InvalidStateKey, StateKey};
pub use skills::SkillError;
pub use tasks::{InMemoryTaskStore, TaskRecord, TaskStore, TaskStoreError};

pub(crate) use at_work::{Whose, at_work};
pub(crate) use beside::{beside, step};
pub(crate) use cancellation::{EndsRequest, cancelled_id};
pub(crate) use client_link::{ClientAnswer, ClientLink, Link};
pub(crate) use context::{RequestContext, deadline};
pub(crate) use discover::SUPPORTED_VERSIONS;
pub(crate) use encode::{End, encode_answer};
pub(crate) use handler::{AnswerBody, catch};
pub(crate) use mrtr::Memory;
pub(crate) use outbox::Outbox;
pub(crate) use pages::Pages;
pub(crate) use request_state::Sealer;
pub(crate) use skills::{Skills, has_method as is_of_skills};
pub(crate) use subscriptions::{LISTEN, honoured, listen};
pub(crate) use tasks::{ServesTasks, TaskSettings, Tasks, WatchesTasks};

use named::Named;

use crate::{
    error::Error,
    protocol::{Implementation, Prompt, RequestParams, Resource, ResourceTemplate, ServerCapabilities, Tool},
};

/// A server, ready to answer; cheap to clone.
///
/// Made by [`ServerBuilder`] or by the [`server`](crate::server) attribute, and run by an adapter.
#[derive(Clone)]
pub struct Server(Arc<Registry>);

/// All that is registered, in the order of registration, and the answers that are made once.
pub(crate) struct Registry {
    pub(crate) info: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) capabilities: ServerCapabilities,
    pub(crate) page_size: usize,
    pub(crate) tool_definitions: Vec<Tool>,
    pub(crate) resource_definitions: Vec<Resource>,
    pub(crate) template_definitions: Vec<ResourceTemplate>,
    pub(crate) prompt_definitions: Vec<Prompt>,
    tools: Named<tools::RegisteredTool>,
    any_header_params: bool,
    resources: resources::Resources,
    prompts: Named<prompts::RegisteredPrompt>,
    completers: completion::Completers,
    pub(crate) skills: skills::SkillFiles,
    /// Where any tool may run as one.
    pub(crate) tasks: Option<Arc<dyn ServesTasks>>,
    lists: pages::Lists,
    discover: Bytes,
    pub(crate) notifier: Option<Notifier>,
    /// Answers with a stream of changes, where there is anything to be told.
    pub(crate) listen: Option<subscriptions::Listen>,
    /// The member of `_meta` that names the server, encoded.
    pub(crate) server_info: Vec<u8>,
}

impl Server {
    /// Starts a server named `name`.
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> ServerBuilder {
        ServerBuilder::new(name, version)
    }

    /// Its name and version.
    pub fn info(&self) -> &Implementation {
        &self.0.info
    }

    /// What it can do.
    pub fn capabilities(&self) -> &ServerCapabilities {
        &self.0.capabilities
    }

    /// Its tools, in the order of registration.
    pub fn tools(&self) -> &[Tool] {
        &self.0.tool_definitions
    }

    /// How changes are told, where the server tells any.
    pub(crate) fn notifier(&self) -> Option<&Notifier> {
        self.0.notifier.as_ref()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0
    }

    /// Hands a request to the feature that serves its method.
    pub(crate) fn dispatch(&self, method: &str, params: &RequestParams<'_>, cx: Context) -> Reply {
        let registry = self.registry();
        match method {
            "tools/call" if registry.capabilities.tools.is_some() => tools::call(registry, params, cx),
            "resources/read" if registry.capabilities.resources.is_some() => resources::read(registry, params, cx),
            "prompts/get" if registry.capabilities.prompts.is_some() => prompts::get(registry, params, cx),
            "tasks/get" | "tasks/update" | "tasks/cancel" => match &registry.tasks {
                Some(tasks) => tasks.handle(method, params, cx),
                None => unknown(method),
            },
            "completion/complete" if registry.capabilities.completions.is_some() => {
                completion::complete(registry, params, cx)
            }
            LISTEN => match registry.listen {
                Some(listen) => listen(self, params, cx),
                None => unknown(method),
            },
            _ if skills::has_method(method) => match &registry.lists.skills {
                Some(skills) => Reply::Ready(skills.answer(method, params).map(Answer::prepared)),
                None => unknown(method),
            },
            "server/discover" => Reply::Ready(Ok(Answer::prepared(registry.discover.clone()))),
            _ => match registry.lists.of(method) {
                Some(pages) => Reply::Ready(pages.at(params).map(Answer::prepared)),
                None => unknown(method),
            },
        }
    }

    /// Whether any of its tools may run as a task.
    pub(crate) fn has_tasks(&self) -> bool {
        self.0.tasks.is_some()
    }

    /// Whether it has tools that run as tasks, and keeps these in its own memory: for platforms on which requests of one
    /// client reach processes that share nothing.
    pub fn keeps_tasks_in_memory(&self) -> bool {
        self.0.tasks.as_ref().is_some_and(|tasks| tasks.is_local())
    }

    /// Whether it tells of changes through a [`Notifier::local`], which reaches the clients of this process alone: for
    /// such platforms too.
    pub fn notifies_this_process_only(&self) -> bool {
        self.0.notifier.as_ref().is_some_and(|notifier| notifier.is_local)
    }

    /// Whether a request of this method can find a handler at all.
    pub(crate) fn serves(&self, method: &str) -> bool {
        let capabilities = &self.0.capabilities;
        match method {
            "server/discover" => true,
            LISTEN => self.0.listen.is_some(),
            "tools/call" | "tools/list" => capabilities.tools.is_some(),
            "resources/read" | "resources/list" | "resources/templates/list" => capabilities.resources.is_some(),
            "prompts/get" | "prompts/list" => capabilities.prompts.is_some(),
            "completion/complete" => capabilities.completions.is_some(),
            "tasks/get" | "tasks/update" | "tasks/cancel" => self.has_tasks(),
            _ => skills::has_method(method) && self.0.lists.skills.is_some(),
        }
    }

    /// The header parameters of the tool named `name`.
    pub(crate) fn header_params(&self, name: &str) -> &[crate::schema::HeaderParam] {
        if !self.0.any_header_params {
            return &[];
        }
        self.0.tools.get(name).map_or(&[], |tool| &tool.header_params)
    }
}

fn unknown(method: &str) -> Reply {
    Reply::Ready(Err(Error::MethodNotFound { method: method.to_owned() }))
}
