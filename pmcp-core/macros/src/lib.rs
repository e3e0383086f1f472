//! The [`server`] attribute of pmcp-core: plain functions become tools, resources and prompts.
//!
//! What it writes is the builder of pmcp-core, which can be written by hand as well.

mod attributes;
mod prompt;
mod resource;
mod server;
mod signature;
mod skills;
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
///   `read_only`, `destructive`, `idempotent`, `open_world`, each alone or `= false`; `task`, alone or `= required`, and
///   with it `asks_first`; `ui = "ui://…"` and `visibility = app` or `model`. [`tool`](macro@tool) says what they mean.
/// - `#[resource("docs://pages/{id}")]`: the variables of the URI template are the arguments. `name`, `title`,
///   `icon`, `mime_type`; `ttl_ms` and `public` say how long and by whom an answer may be kept.
/// - `#[prompt]`: the arguments are strings on the wire. `name`, `title`, `icon`.
///
/// On their arguments: `#[arg(description = "…", name = "…", header = "…", complete = method)]`, or a doc comment.
/// `header` asks clients to repeat a tool's argument in `Mcp-Param-…`; `complete` names a method of the block that
/// takes `&self`, what was typed, a `&str` or a `&CompletionRequest`, and `&Context` if it likes, may be `async`, and
/// returns proposals for a prompt's or template's argument. An `Option` is an optional argument. `&Context` may stand
/// anywhere.
///
/// A method that is not `async` runs on the thread that serves requests: move work that blocks to a thread of its own,
/// such as `tokio::task::spawn_blocking` (not on Cloudflare Workers, which have no threads: see `pmcp-workers`). A client
/// of revision 2026-07-28 that goes away drops an `async` handler at its next `.await`, so keep changes that belong
/// together free of them, or hand them to a task. Put `#[serde(deny_unknown_fields)]` on types of your own that are
/// arguments: without it, misspelt members are passed over.
///
/// A server may have tools besides those of its block: `MyServer.into_builder().tool(…)`.
#[proc_macro_attribute]
pub fn server(arguments: TokenStream, block: TokenStream) -> TokenStream {
    server::expand(arguments.into(), block.into()).into()
}

/// Makes a tool of a method of a block under [`server`](macro@server).
///
/// | setting | what it says |
/// |---|---|
/// | `name = "…"` | for programs; the method's name by default |
/// | `title = "…"`, `icon = "https://…"` | for people |
/// | `read_only` | it changes nothing |
/// | `destructive = false` | what it changes is not lost |
/// | `idempotent` | calling it twice is the same as once |
/// | `open_world = false` | it reaches only what it knows |
/// | `task` | it may run as a task, where the client knows tasks; `task = required` is as a task or not at all |
/// | `asks_first` | with `task`: it asks before it is one, until it says `cx.become_task()` |
/// | `ui = "ui://board/view"` | hosts show its result with this view, a resource of the server |
/// | `visibility = app` | views may call it and the model may not; `= model` is the other way round |
///
/// The doc comment is the description. Arguments are described by a doc comment or `#[arg(description = "…")]`.
#[proc_macro_attribute]
pub fn tool(_arguments: TokenStream, method: TokenStream) -> TokenStream {
    stray("tool", method)
}

/// Makes a resource, or resources at all URIs that match a template, of a method of a block under
/// [`server`](macro@server).
///
/// | setting | what it says |
/// |---|---|
/// | `"docs://pages/{id}"` | where it is; the variables are the arguments |
/// | `name = "…"` | for programs; the method's name by default |
/// | `title = "…"`, `icon = "https://…"` | for people |
/// | `mime_type = "text/csv"` | of what is read |
/// | `ttl_ms = 60_000` | how long a client may keep it |
/// | `public` | that everybody may see what is kept |
#[proc_macro_attribute]
pub fn resource(_arguments: TokenStream, method: TokenStream) -> TokenStream {
    stray("resource", method)
}

/// Makes a prompt of a method of a block under [`server`](macro@server). Settings: `name`, `title`, `icon`.
#[proc_macro_attribute]
pub fn prompt(_arguments: TokenStream, method: TokenStream) -> TokenStream {
    stray("prompt", method)
}

/// Embeds a folder of skills: `.skills(skills!("skills"))` on a `ServerBuilder` of pmcp-core.
///
/// The folder is named from that of the crate's Cargo.toml. Every folder in it that has a `SKILL.md`, at any depth, is
/// a skill; files whose names begin with a dot are left out. It comes to the path and the bytes of each file:
/// `[("refunds/SKILL.md", b"…"), …]`.
///
/// Cargo compiles anew when an embedded file changes. For files that are added it needs to be told, in `build.rs`:
/// `println!("cargo:rerun-if-changed=skills")`.
#[proc_macro]
pub fn skills(folder: TokenStream) -> TokenStream {
    skills::expand(folder.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// `server` takes its marks away before they are expanded, so a mark that is expanded stands somewhere else.
fn stray(mark: &str, method: TokenStream) -> TokenStream {
    let message =
        format!("#[{mark}] stands on a method of an impl block under #[server(name = \"…\", version = \"…\")]");
    let error = syn::Error::new(proc_macro2::Span::call_site(), message).into_compile_error();
    let method = proc_macro2::TokenStream::from(method);
    quote::quote!(#error #method).into()
}

#[cfg(test)]
mod tests {
    /// The lines of documentation above `signature` in this file.
    fn docs_of(signature: &str) -> String {
        let (before, _) = include_str!("lib.rs").split_once(signature).expect("the function");
        let lines: Vec<_> = before.lines().rev().skip(1).take_while(|line| line.starts_with("///")).collect();
        lines.join("\n")
    }

    #[test]
    fn the_documentation_names_every_setting() {
        let marks = [
            ("pub fn tool(", crate::tool::SETTINGS),
            ("pub fn resource(", crate::resource::SETTINGS),
            ("pub fn prompt(", crate::prompt::SETTINGS),
            ("pub fn server(", crate::tool::SETTINGS),
            ("pub fn server(", crate::resource::SETTINGS),
            ("pub fn server(", crate::prompt::SETTINGS),
            ("pub fn server(", crate::server::SETTINGS),
        ];
        for (signature, settings) in marks {
            let docs = docs_of(signature);
            for setting in settings.split(", ") {
                let is_named =
                    [format!("`{setting}`"), format!("`{setting} = ")].iter().any(|name| docs.contains(name));
                assert!(is_named, "{signature} does not name {setting}:\n{docs}");
            }
        }
    }
}
