//! The [`server`] attribute of pmcp-core: plain functions become tools, resources and prompts.
//!
//! What it writes is the builder of pmcp-core, which can be written by hand as well.

mod attributes;
mod prompt;
mod resource;
mod server;
mod signature;
mod tool;

use proc_macro::TokenStream;

/// Makes a server of an `impl` block.
///
/// On the block: `name` and `version` are required (a version can be `env!("CARGO_PKG_VERSION")`); `title`,
/// `description`, `website_url`, `icon`, `instructions` and `logging` may follow. The type gets `into_builder()` and
/// implements `IntoServer`.
///
/// On its methods, which may be `async` or not:
///
/// - `#[tool]`: the arguments become the schema, the doc comment the description. `name`, `title`, `icon`;
///   `read_only`, `destructive`, `idempotent`, `open_world`, each alone or `= false`.
/// - `#[resource("docs://pages/{id}")]`: the variables of the URI template are the arguments. `name`, `title`,
///   `icon`, `mime_type`; `ttl_ms` and `public` say how long and by whom an answer may be kept.
/// - `#[prompt]`: the arguments are strings on the wire. `name`, `title`, `icon`.
///
/// On their arguments: `#[arg(description = "…", name = "…", header = "…", complete = method)]`, or a doc comment.
/// `header` asks clients to repeat a tool's argument in `Mcp-Param-…`; `complete` names a method of the block that
/// takes `&self` and what was typed, a `&str` or a `&CompletionRequest`, and returns proposals for a prompt's or
/// template's argument. An `Option` is an optional argument. `&Context` may stand anywhere.
#[proc_macro_attribute]
pub fn server(arguments: TokenStream, block: TokenStream) -> TokenStream {
    server::expand(arguments.into(), block.into()).into()
}
