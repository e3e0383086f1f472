//! What can be wrong with what was registered, and what turns into a server.

use std::fmt;

use super::{Server, ServerBuilder, SkillError};
use crate::{schema::SchemaError, uri_template::UriTemplateError};

/// What turns into a server: a [`Server`], a [`ServerBuilder`], the `Result` of building one, or a type with the
/// [`server`](crate::server) attribute.
pub trait IntoServer {
    /// The server.
    ///
    /// # Errors
    /// All that is wrong with what was registered.
    fn into_server(self) -> Result<Server, BuildErrors>;
}

impl IntoServer for Server {
    fn into_server(self) -> Result<Server, BuildErrors> {
        Ok(self)
    }
}

impl IntoServer for ServerBuilder {
    fn into_server(self) -> Result<Server, BuildErrors> {
        self.build()
    }
}

impl<T: IntoServer> IntoServer for Result<T, BuildErrors> {
    fn into_server(self) -> Result<Server, BuildErrors> {
        self?.into_server()
    }
}

/// What is wrong with one thing that was registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two of a kind have the same name or URI.
    #[error("{kind} `{name}` is registered twice; {}", tell_apart(kind))]
    Duplicate {
        /// Tool, resource, template, prompt or completer.
        kind: &'static str,
        /// The name or URI.
        name: String,
    },
    /// The name of a tool has characters that clients do not accept.
    #[error("tool name `{0}` must be 1 to 128 of A-Z a-z 0-9 _ - .")]
    ToolName(String),
    /// A prompt has no name.
    #[error("a prompt needs a name")]
    PromptName,
    /// The input or output schema of a tool is not one.
    #[error("tool `{tool}`: {error}")]
    Schema {
        /// Its name.
        tool: String,
        /// What is wrong.
        error: SchemaError,
    },
    /// The URI template of a resource cannot be matched.
    #[error("resource template `{template}`: {error}")]
    UriTemplate {
        /// As registered.
        template: String,
        /// What is wrong.
        error: UriTemplateError,
    },
    /// A resource's URI is not absolute.
    #[error("resource `{0}`: a URI needs a scheme, as in `docs://handbook`")]
    Uri(String),
    /// A completer is for something that is not there.
    #[error("completer: {target} has no argument `{argument}`")]
    Completer {
        /// The prompt or template.
        target: String,
        /// The argument.
        argument: String,
    },
    /// The view that a tool names is not there.
    #[error("tool `{tool}`: there is no view at `{uri}`; register a resource at a URI that begins with `ui://`")]
    ViewMissing {
        /// Its name.
        tool: String,
        /// Where the view should be.
        uri: String,
    },
    /// A view is declared as something else.
    #[error("resource `{0}`: what is under `ui://` has the MIME type `text/html;profile=mcp-app`; leave out its own")]
    ViewType(String),
    /// A tool may run as a task, and the server was not told to keep tasks.
    #[error(
        "tool `{0}` may run as a task, but the server keeps none: call `.tasks()` or `.task_store(…)` on its builder"
    )]
    TasksMissing(String),
    /// A file of a skill is not as it should be.
    #[error("skill file `{file}`: {error}")]
    Skill {
        /// Its path.
        file: String,
        /// What is wrong.
        error: SkillError,
    },
    /// A definition cannot be written as JSON.
    #[error("the definitions cannot be written as JSON: {0}")]
    Encoding(String),
}

/// What to do about two of a kind.
fn tell_apart(kind: &str) -> &'static str {
    match kind {
        "resource" => "give one of them another URI",
        "resource template" => "give one of them another URI template",
        "completer" => "leave one of them out",
        _ => "give one of them another name",
    }
}

/// Everything that is wrong with what was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildErrors(pub Vec<BuildError>);

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server cannot be built:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  - {error}"))
    }
}

impl std::error::Error for BuildErrors {}
