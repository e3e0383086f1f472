//! `#[tool]`

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, ImplItemFn, Result, ext::IdentExt, spanned::Spanned};

use crate::{
    attributes::{Entries, doc_text, optional},
    signature::Signature,
};

/// All that it takes.
pub(crate) const SETTINGS: &str =
    "name, title, icon, read_only, destructive, idempotent, open_world, task, asks_first, ui, visibility";

/// Registers the tool on `builder`, with `this` in scope.
pub(crate) fn expand(method: &mut ImplItemFn, attribute: &Attribute) -> Result<TokenStream> {
    let mut entries = Entries::of(attribute)?;
    let signature = Signature::take(method, "tool")?;
    let name = match entries.string("name")? {
        Some(name) => name.value(),
        None => signature.ident.unraw().to_string(),
    };
    let title = optional(entries.string("title")?);
    let icon = optional(entries.string("icon")?);
    let description = optional(doc_text(&method.attrs));
    let hints = hints(&mut entries)?;
    let task = task(&mut entries)?;
    let keeps_tasks = task.as_ref().map(|_| quote!(.tasks()));
    let task = task.unwrap_or_else(|| quote!(::core::option::Option::None));
    let ui = ui(&mut entries)?;
    entries.finish(SETTINGS)?;

    let fields = fields(&signature)?;
    let idents: Vec<_> = signature.arguments().map(|argument| &argument.ident).collect();
    let pattern = idents.iter().enumerate().map(|(index, ident)| {
        let field = format_ident!("argument_{index}");
        quote!(#field: #ident)
    });
    let reply = signature.reply(|result| quote!(::pmcp_core::Answer::tool(#result)));
    let output = &signature.output;
    Ok(quote! {
        let builder = {
            #[derive(::pmcp_core::serde::Deserialize, ::pmcp_core::schemars::JsonSchema)]
            #[serde(crate = "::pmcp_core::serde", deny_unknown_fields)]
            #[schemars(crate = "::pmcp_core::schemars")]
            struct __Arguments { #fields }

            let this = ::std::sync::Arc::clone(&this);
            builder #keeps_tasks .attributed_tool(
                &::pmcp_core::ToolAttributes {
                    name: #name,
                    title: #title,
                    description: #description,
                    icon: #icon,
                    hints: [#hints],
                    task: #task,
                },
                || (
                    ::pmcp_core::schema::input_schema::<__Arguments>(),
                    <#output as ::pmcp_core::IntoToolResult>::output_schema(),
                ),
                |tool| tool #ui,
                #[allow(unused_variables)]
                move |arguments, cx| match arguments.parse::<__Arguments>() {
                    ::core::result::Result::Ok(__Arguments { #(#pattern),* }) => #reply,
                    ::core::result::Result::Err(error) => {
                        ::pmcp_core::Reply::Ready(::pmcp_core::Answer::tool(
                            ::core::result::Result::<(), ::pmcp_core::Error>::Err(error),
                        ))
                    }
                },
            )
        };
    })
}

/// The fields of the struct that the arguments are parsed into. Their names are the macro's own, so that an argument
/// may be called anything.
fn fields(signature: &Signature) -> Result<TokenStream> {
    let mut fields = TokenStream::new();
    for (index, argument) in signature.arguments().enumerate() {
        if let Some(complete) = &argument.complete {
            return Err(syn::Error::new(complete.span(), "only arguments of prompts and resources are completed"));
        }
        let field = format_ident!("argument_{index}");
        let (name, parsed) = (&argument.name, &argument.parsed);
        let description = argument.description.as_ref().map(|text| quote!(#[schemars(description = #text)]));
        let header = argument.header.as_ref().map(|header| quote!(#[schemars(extend("x-mcp-header" = #header))]));
        fields.extend(quote_spanned! {argument.span=>
            #[serde(rename = #name)]
            #description
            #header
            #field: #parsed,
        });
    }
    Ok(fields)
}

/// `task` or `task = required`, and with either `asks_first`.
fn task(entries: &mut Entries) -> Result<Option<TokenStream>> {
    let asks_first = entries.flag_with_span("asks_first")?;
    let required = match entries.value("task") {
        None => match entries.flag("task")? {
            Some(true) => false,
            _ => {
                return match asks_first {
                    Some((true, span)) => Err(syn::Error::new(span, "`asks_first` says when a `task` begins: add it")),
                    _ => Ok(None),
                };
            }
        },
        Some(Expr::Path(path)) if path.path.is_ident("required") => true,
        Some(other) => return Err(syn::Error::new(other.span(), "`task` stands alone, or is `task = required`")),
    };
    let asks_first = matches!(asks_first, Some((true, _)));
    Ok(Some(quote! {
        ::core::option::Option::Some(::pmcp_core::protocol::TaskSupport { required: #required, asks_first: #asks_first })
    }))
}

/// `ui = "ui://…"` and `visibility = app` or `model`: calls on the tool that take them up.
fn ui(entries: &mut Entries) -> Result<TokenStream> {
    let mut calls = TokenStream::new();
    if let Some(uri) = entries.string("ui")? {
        calls.extend(quote!(.with_ui(#uri)));
    }
    match entries.value("visibility") {
        None => {}
        Some(Expr::Path(path)) if path.path.is_ident("app") => {
            calls.extend(quote!(.with_visibility(::pmcp_core::protocol::Visibility::App)));
        }
        Some(Expr::Path(path)) if path.path.is_ident("model") => {
            calls.extend(quote!(.with_visibility(::pmcp_core::protocol::Visibility::Model)));
        }
        Some(other) => return Err(syn::Error::new(other.span(), "`visibility` is `app` or `model`")),
    }
    Ok(calls)
}

/// `read_only`, `destructive`, `idempotent` and `open_world`, each where it is said.
fn hints(entries: &mut Entries) -> Result<TokenStream> {
    let mut hints = TokenStream::new();
    for hint in ["read_only", "destructive", "idempotent", "open_world"] {
        let value = optional(entries.flag(hint)?);
        hints.extend(quote!(#value,));
    }
    Ok(hints)
}
