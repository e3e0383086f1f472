//! Registering tools, resources, prompts and completers: each is checked when it comes in.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{
    Answer, Arguments, BuildError, CompletionRequest, Context, IntoCompletion, IntoContents, IntoMessages,
    IntoToolResult, Reply, ServerBuilder, StringArguments,
    completion::{CompletionHandler, key},
    prompts::{self, StringHandler},
    tools::{self, ToolHandler},
};
use crate::{
    platform::{MaybeSend, MaybeSync},
    protocol::{Cache, Prompt, Resource, ResourceTemplate, Tool},
    schema::{self, input_schema},
    uri_template::UriTemplate,
};

impl ServerBuilder {
    /// Registers a tool. Its schemas come from `A` and `R` unless `tool` has its own.
    ///
    /// A schema of its own is told to clients. With the feature `jsonschema` it is checked too: arguments that do not fit
    /// are answered as a result with `isError` before they are parsed as `A`, and results are held to the output schema
    /// (see `ServerBuilder::check_output`). Without the feature, what `A` takes is all that is checked.
    ///
    /// Put `#[serde(deny_unknown_fields)]` on `A`, as `#[tool]` does: without it, misspelt arguments are passed over. What
    /// `schemars` attributes demand besides (`range`, `length`, `regex`) is told to clients, and checked by the handler.
    #[must_use]
    pub fn tool<A, F, Fut, R>(self, tool: impl Into<Tool>, handler: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        F: Fn(A, Context) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = R> + MaybeSend + 'static,
        R: IntoToolResult,
    {
        let mut tool = tool.into();
        let builder = self;
        #[cfg(feature = "jsonschema")]
        let builder = builder.note_own_schemas(&tool);
        if tool.input_schema.is_empty() {
            tool.input_schema = input_schema::<A>();
        }
        if tool.output_schema.is_none() {
            tool.output_schema = R::output_schema();
        }
        builder.typed_tool_handler(tool, move |arguments, cx| match arguments.parse::<A>() {
            Ok(arguments) => {
                let future = handler(arguments, cx);
                Reply::pending(async move { Answer::tool(future.await) })
            }
            Err(error) => Reply::Ready(Answer::tool(Err::<(), _>(error))),
        })
    }

    /// Registers a tool whose handler parses its own arguments.
    ///
    /// With the feature `jsonschema` it is called with arguments that fit the input schema, and what it answers is held
    /// to the output schema. Without the feature the handler must check them: nobody else does.
    #[must_use]
    pub fn tool_handler(
        self,
        tool: Tool,
        handler: impl Fn(Arguments<'_>, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        let builder = self;
        #[cfg(feature = "jsonschema")]
        let builder = builder.note_own_schemas(&tool);
        builder.typed_tool_handler(tool, handler)
    }

    /// As [`tool_handler`](Self::tool_handler), with schemas that come from the types which `handler` parses and answers:
    /// what [`tool`](Self::tool) and the macros are made of. Nothing is checked that the types check.
    #[must_use]
    pub fn typed_tool_handler(
        self,
        tool: Tool,
        handler: impl Fn(Arguments<'_>, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.add_tool(tool, Box::new(handler))
    }

    /// What is the same for all handlers, here and below, so that it is compiled once.
    pub(super) fn add_tool(mut self, tool: Tool, handler: Box<dyn ToolHandler>) -> Self {
        let name = tool.name.clone();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
            self.errors.push(BuildError::ToolName(name.clone()));
        }
        let header_params = schema::check_input(&tool.input_schema).unwrap_or_else(|error| {
            self.errors.push(BuildError::Schema { tool: name.clone(), error });
            Vec::new()
        });
        if let Some(Err(error)) = tool.output_schema.as_ref().map(schema::check) {
            self.errors.push(BuildError::Schema { tool: name.clone(), error });
        }
        self.registry.any_header_params |= !header_params.is_empty();
        let registered = tools::RegisteredTool { handler, header_params, task: tool.task };
        let replaced = self.registry.tools.insert(name.clone(), registered);
        self.refuse_duplicate(replaced, "tool", name);
        self.registry.tool_definitions.push(tool);
        self
    }

    /// Registers a resource at one URI.
    #[must_use]
    pub fn resource<F, Fut, R>(self, resource: Resource, handler: F) -> Self
    where
        F: Fn(StringArguments, Context) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = R> + MaybeSend + 'static,
        R: IntoContents,
    {
        let handler = reading(resource.mime_type.clone(), Cache::default(), handler);
        self.resource_handler(resource, handler)
    }

    /// Registers a resource whose handler makes its own outcome.
    #[must_use]
    pub fn resource_handler(
        self,
        resource: Resource,
        handler: impl Fn(StringArguments, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.add_resource(resource, Box::new(handler))
    }

    fn add_resource(mut self, resource: Resource, handler: Box<dyn StringHandler>) -> Self {
        let uri = resource.uri.clone();
        if !has_scheme(&uri) {
            self.errors.push(BuildError::Uri(uri.clone()));
        }
        let replaced = self.registry.resources.fixed.insert(uri.clone(), handler);
        self.refuse_duplicate(replaced, "resource", uri);
        self.registry.resource_definitions.push(resource);
        self
    }

    /// Registers resources at all URIs that match a template; the handler finds the variables in its arguments.
    #[must_use]
    pub fn resource_template<F, Fut, R>(self, template: ResourceTemplate, handler: F) -> Self
    where
        F: Fn(StringArguments, Context) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = R> + MaybeSend + 'static,
        R: IntoContents,
    {
        let handler = reading(template.mime_type.clone(), Cache::default(), handler);
        self.resource_template_handler(template, handler)
    }

    /// Registers a resource template whose handler makes its own outcome.
    #[must_use]
    pub fn resource_template_handler(
        self,
        template: ResourceTemplate,
        handler: impl Fn(StringArguments, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.add_template(template, Box::new(handler))
    }

    fn add_template(mut self, template: ResourceTemplate, handler: Box<dyn StringHandler>) -> Self {
        let text = template.uri_template.clone();
        let templates = &mut self.registry.resources.templates;
        let duplicate = templates.iter().any(|(known, _)| known.as_str() == text);
        match UriTemplate::parse(&text) {
            Ok(parsed) => templates.push((parsed, handler)),
            Err(error) => self.errors.push(BuildError::UriTemplate { template: text.clone(), error }),
        }
        self.refuse_duplicate(duplicate, "resource template", text);
        self.registry.template_definitions.push(template);
        self
    }

    /// Registers a prompt.
    #[must_use]
    pub fn prompt<F, Fut, R>(self, prompt: Prompt, handler: F) -> Self
    where
        F: Fn(StringArguments, Context) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = R> + MaybeSend + 'static,
        R: IntoMessages,
    {
        self.prompt_handler(prompt, move |arguments, cx| {
            let future = handler(arguments, cx);
            Reply::pending(async move { Answer::prompt(future.await) })
        })
    }

    /// Registers a prompt whose handler makes its own outcome.
    #[must_use]
    pub fn prompt_handler(
        self,
        prompt: Prompt,
        handler: impl Fn(StringArguments, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.add_prompt(prompt, Box::new(handler))
    }

    fn add_prompt(mut self, prompt: Prompt, handler: Box<dyn StringHandler>) -> Self {
        let name = prompt.name.clone();
        // The specification leaves the names of prompts free.
        if name.is_empty() {
            self.errors.push(BuildError::PromptName);
        }
        let required = prompt.arguments.iter().filter(|argument| argument.required);
        let required = required.map(|argument| argument.name.clone()).collect();
        let registered = prompts::RegisteredPrompt { handler, required };
        let replaced = self.registry.prompts.insert(name.clone(), registered);
        self.refuse_duplicate(replaced, "prompt", name);
        self.registry.prompt_definitions.push(prompt);
        self
    }

    /// Completes `argument` of the prompt named `prompt`.
    #[must_use]
    pub fn complete_prompt<F, Fut, R>(self, prompt: &str, argument: &str, handler: F) -> Self
    where
        F: Fn(CompletionRequest, Context) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = R> + MaybeSend + 'static,
        R: IntoCompletion,
    {
        self.completer("prompt", prompt, argument, completing(handler))
    }

    /// Completes the variable `argument` of the resource template `template`.
    #[must_use]
    pub fn complete_resource<F, Fut, R>(self, template: &str, argument: &str, handler: F) -> Self
    where
        F: Fn(CompletionRequest, Context) -> Fut + MaybeSend + MaybeSync + 'static,
        Fut: Future<Output = R> + MaybeSend + 'static,
        R: IntoCompletion,
    {
        self.completer("resource template", template, argument, completing(handler))
    }

    /// Registers a completer whose handler makes its own outcome; `kind` is `prompt` or `resource template`.
    #[doc(hidden)]
    #[must_use]
    pub fn completer(
        self,
        kind: &'static str,
        target: &str,
        argument: &str,
        handler: impl Fn(CompletionRequest, Context) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        self.add_completer(kind, target, argument, Box::new(handler))
    }

    fn add_completer(
        mut self,
        kind: &'static str,
        target: &str,
        argument: &str,
        handler: Box<dyn CompletionHandler>,
    ) -> Self {
        let completers = &mut self.registry.completers;
        let of_kind = if kind == "prompt" { &mut completers.prompts } else { &mut completers.templates };
        let replaced = of_kind.insert(key(target, argument), handler);
        self.refuse_duplicate(replaced, "completer", format!("{target} {argument}"));
        self.completers.push((kind, target.to_owned(), argument.to_owned()));
        self
    }

    /// Registers all that `part` has: a server may be written in parts, each a type of its own. Its name, instructions
    /// and the like are those of `self`.
    #[must_use]
    pub fn merge(mut self, part: ServerBuilder) -> Self {
        let (registry, added) = (&mut self.registry, part.registry);
        let mut duplicates = Vec::new();
        for (name, tool) in added.tools {
            if registry.tools.insert(name.clone(), tool) {
                duplicates.push(("tool", name));
            }
        }
        for (uri, handler) in added.resources.fixed {
            if registry.resources.fixed.insert(uri.clone(), handler) {
                duplicates.push(("resource", uri));
            }
        }
        for (template, handler) in added.resources.templates {
            if registry.resources.templates.iter().any(|(known, _)| *known == template) {
                duplicates.push(("resource template", template.as_str().to_owned()));
            }
            registry.resources.templates.push((template, handler));
        }
        for (name, prompt) in added.prompts {
            if registry.prompts.insert(name.clone(), prompt) {
                duplicates.push(("prompt", name));
            }
        }
        for (key, completer) in added.completers.prompts {
            registry.completers.prompts.insert(key, completer);
        }
        for (key, completer) in added.completers.templates {
            registry.completers.templates.insert(key, completer);
        }
        registry.skills.extend(added.skills);
        self.tasks.install = self.tasks.install.or(part.tasks.install);
        registry.any_header_params |= added.any_header_params;
        registry.tool_definitions.extend(added.tool_definitions);
        registry.resource_definitions.extend(added.resource_definitions);
        registry.template_definitions.extend(added.template_definitions);
        registry.prompt_definitions.extend(added.prompt_definitions);
        self.completers.extend(part.completers);
        #[cfg(feature = "jsonschema")]
        self.hand_written.merge(part.hand_written);
        self.errors.extend(part.errors);
        for (kind, name) in duplicates {
            self.refuse_duplicate(true, kind, name);
        }
        self
    }

    fn refuse_duplicate(&mut self, duplicate: bool, kind: &'static str, name: String) {
        if duplicate {
            self.errors.push(BuildError::Duplicate { kind, name });
        }
    }
}

/// Whether `uri` starts with a scheme (RFC 3986, section 3.1).
fn has_scheme(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// A handler that makes an outcome of what `handler` reads.
fn reading<F, Fut, R>(
    mime_type: Option<String>,
    cache: Cache,
    handler: F,
) -> impl Fn(StringArguments, Context) -> Reply + MaybeSend + MaybeSync + 'static
where
    F: Fn(StringArguments, Context) -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output = R> + MaybeSend + 'static,
    R: IntoContents,
{
    move |arguments, cx| {
        let (uri, mime_type) = (arguments.uri().to_owned(), mime_type.clone());
        let future = handler(arguments, cx);
        Reply::pending(async move { Answer::resource(future.await, &uri, mime_type.as_deref(), cache) })
    }
}

/// A handler that makes an outcome of what `handler` proposes.
fn completing<F, Fut, R>(handler: F) -> impl Fn(CompletionRequest, Context) -> Reply + MaybeSend + MaybeSync + 'static
where
    F: Fn(CompletionRequest, Context) -> Fut + MaybeSend + MaybeSync + 'static,
    Fut: Future<Output = R> + MaybeSend + 'static,
    R: IntoCompletion,
{
    move |request, cx| {
        let future = handler(request, cx);
        Reply::pending(async move { Answer::completion(future.await) })
    }
}
