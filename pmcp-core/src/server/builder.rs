//! Building a server: everything that is registered is checked here, and every mistake is reported at once.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    BuildError, BuildErrors, End, Registry, Server, TaskSettings, apps, discover, pages::Lists, subscriptions,
};
use crate::protocol::{Cache, Icon, Implementation, SERVER_INFO, SKILLS, ServerCapabilities, TASKS, UI};

/// Collects tools, resources and prompts, and makes a [`Server`] of them.
///
/// ```
/// use pmcp_core::{prelude::*, schemars, serde::Deserialize};
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(crate = "pmcp_core::serde")]
/// #[schemars(crate = "pmcp_core::schemars")]
/// struct Add { a: i64, b: i64 }
///
/// let server = Server::builder("adder", "1.0.0")
///     .tool(Tool::new("add").with_description("Adds."), |Add { a, b }, _cx| async move { a + b })
///     .build()?;
/// assert_eq!(server.tools()[0].input_schema["required"], serde_json::json!(["a", "b"]));
/// # Ok::<(), pmcp_core::BuildErrors>(())
/// ```
pub struct ServerBuilder {
    pub(super) registry: Registry,
    cache: Cache,
    logging: bool,
    pub(crate) tasks: TaskSettings,
    pub(super) errors: Vec<BuildError>,
    /// Prompt or template, its name, and the argument: checked when all is registered.
    pub(super) completers: Vec<(&'static str, String, String)>,
    #[cfg(feature = "jsonschema")]
    pub(super) hand_written: super::hand_written::HandWritten,
}

impl ServerBuilder {
    /// Starts a server named `name`.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let info = Implementation { name: name.into(), version: version.into(), ..Implementation::default() };
        Self {
            registry: Registry {
                info,
                instructions: None,
                capabilities: ServerCapabilities::default(),
                page_size: usize::MAX,
                tool_definitions: Vec::new(),
                resource_definitions: Vec::new(),
                template_definitions: Vec::new(),
                prompt_definitions: Vec::new(),
                tools: Default::default(),
                any_header_params: false,
                resources: Default::default(),
                prompts: Default::default(),
                completers: Default::default(),
                tasks: None,
                skills: Default::default(),
                lists: Lists::default(),
                discover: Default::default(),
                notifier: None,
                listen: None,
                server_info: Vec::new(),
            },
            cache: Cache::default(),
            logging: false,
            tasks: TaskSettings::default(),
            errors: Vec::new(),
            completers: Vec::new(),
            #[cfg(feature = "jsonschema")]
            hand_written: Default::default(),
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.registry.info.title = Some(title.into());
        self
    }

    /// What it does.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.registry.info.description = Some(description.into());
        self
    }

    /// Where to read more.
    #[must_use]
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.registry.info.website_url = Some(url.into());
        self
    }

    /// One more picture for people.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.registry.info.icons.push(icon);
        self
    }

    /// How the model should use it.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.registry.instructions = Some(instructions.into());
        self
    }

    /// How long clients may keep the lists and the answer to `server/discover`. The default keeps nothing.
    #[must_use]
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }

    /// How many entries one page of a list has. The default is all, since not every client asks for a second page.
    #[must_use]
    pub fn page_size(mut self, entries: usize) -> Self {
        self.registry.page_size = entries.max(1);
        self
    }

    /// Declares that handlers [log to the client](crate::Context::log).
    #[must_use]
    pub fn logging(mut self) -> Self {
        self.logging = true;
        self
    }

    /// Makes the server.
    ///
    /// # Errors
    /// All that is wrong with what was registered, not only the first.
    pub fn build(mut self) -> Result<Server, BuildErrors> {
        self.check_completers();
        #[cfg(feature = "jsonschema")]
        self.hold_to_schemas();
        let registry = &mut self.registry;
        apps::check(registry, &mut self.errors);
        let declared = ServerCapabilities::declared;
        registry.capabilities = ServerCapabilities {
            completions: declared(!self.completers.is_empty()),
            logging: declared(self.logging),
            prompts: declared(!registry.prompt_definitions.is_empty()),
            resources: declared(!registry.resource_definitions.is_empty() || !registry.template_definitions.is_empty()),
            tools: declared(!registry.tool_definitions.is_empty()),
            extensions: extensions(registry),
            ..ServerCapabilities::default()
        };
        if registry.notifier.is_some() {
            subscriptions::declare(&mut registry.capabilities);
        }
        match (registry.tool_definitions.iter().find(|tool| tool.task.is_some()), self.tasks.install) {
            (None, _) => {}
            (Some(_), Some(install)) => install(self.tasks, registry),
            (Some(tool), None) => self.errors.push(BuildError::TasksMissing(tool.name.clone())),
        }
        // What is wrong may also be too deep to be written.
        if self.errors.is_empty()
            && let Err(error) = prepare(registry, self.cache)
        {
            self.errors.push(BuildError::Encoding(error.to_string()));
        }
        if self.errors.is_empty() { Ok(Server(Arc::new(self.registry))) } else { Err(BuildErrors(self.errors)) }
    }

    fn check_completers(&mut self) {
        for (kind, target, argument) in &self.completers {
            let known = if *kind == "prompt" {
                let mut prompts = self.registry.prompt_definitions.iter();
                prompts.any(|prompt| prompt.name == *target && prompt.arguments.iter().any(|a| a.name == *argument))
            } else {
                let mut templates = self.registry.resources.templates.iter();
                templates.any(|(template, _)| {
                    template.as_str() == target && template.variables().any(|variable| variable == argument)
                })
            };
            // Of a template that is broken, its own error says enough.
            let broken =
                |error: &BuildError| matches!(error, BuildError::UriTemplate { template, .. } if template == target);
            if !known && !self.errors.iter().any(broken) {
                let target = format!("{kind} `{target}`");
                self.errors.push(BuildError::Completer { target, argument: argument.clone() });
            }
        }
    }
}

/// The extensions that are needed for what is registered.
fn extensions(registry: &Registry) -> Option<Map<String, Value>> {
    let mut extensions = Map::new();
    if registry.tool_definitions.iter().any(|tool| tool.task.is_some()) {
        extensions.insert(TASKS.to_owned(), json!({}));
    }
    if apps::are_in(registry) {
        extensions.insert(UI.to_owned(), json!({}));
    }
    if !registry.skills.is_empty() {
        extensions.insert(SKILLS.to_owned(), json!({ "directoryRead": true }));
    }
    (!extensions.is_empty()).then_some(extensions)
}

/// Encodes the answers that are the same for every request.
fn prepare(registry: &mut Registry, cache: Cache) -> serde_json::Result<()> {
    registry.server_info = format!("\"{SERVER_INFO}\":{}", serde_json::to_string(&registry.info)?).into_bytes();
    registry.lists = Lists::encode(registry, cache)?;
    let end = End::Newest { cache: Some(cache), server_info: &registry.server_info };
    registry.discover = discover::encode(&registry.capabilities, registry.instructions.as_deref(), end)?;
    Ok(())
}
