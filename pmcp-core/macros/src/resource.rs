//! `#[resource]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, ImplItemFn, Result, ext::IdentExt};

use crate::{
    attributes::{Entries, doc_text, icons, optional_string},
    server::Completers,
    signature::Signature,
};

/// All that it takes.
pub(crate) const SETTINGS: &str = "name, title, icon, mime_type, ttl_ms, public";

/// Registers the resource, or the template where its URI has variables, on `builder`, with `this` in scope.
pub(crate) fn expand(method: &mut ImplItemFn, attribute: &Attribute, completers: &Completers) -> Result<TokenStream> {
    let mut entries = Entries::of(attribute)?;
    let signature = Signature::take(method, "resource")?;
    let uri = entries.literal().ok_or_else(|| {
        syn::Error::new(entries.span(), "say where the resource is: `#[resource(\"docs://pages/{id}\")]`")
    })?;
    let name = match entries.string("name")? {
        Some(name) => name.value(),
        None => signature.ident.unraw().to_string(),
    };
    let title = optional_string(entries.string("title")?);
    let icons = icons(entries.string("icon")?);
    let description = optional_string(doc_text(&method.attrs));
    let mime_type = entries.string("mime_type")?;
    let cache = cache(&mut entries)?;
    entries.finish(SETTINGS)?;

    let template = uri.value();
    if let Some(open) = unclosed(&template) {
        return Err(syn::Error::new(uri.span(), format!("`{open}` is not closed: a variable ends with `}}`")));
    }
    for argument in signature.arguments() {
        if let Some(header) = &argument.header {
            return Err(syn::Error::new(header.span(), "only arguments of tools can be repeated in a header"));
        }
        if !names_variable(&template, &argument.name) {
            let message = format!("the URI has no variable `{{{}}}` for this argument", argument.name);
            return Err(syn::Error::new(argument.ident.span(), message));
        }
    }
    let is_template = template.contains('{');
    let bindings = signature.bind_strings();
    let mime = match &mime_type {
        Some(mime_type) => quote!(::core::option::Option::Some(#mime_type)),
        None => quote!(::core::option::Option::None),
    };
    let declared_mime = optional_string(mime_type);
    let reply =
        signature.reply(|contents| quote!(::pmcp_core::Answer::resource(#contents, arguments.uri(), #mime, #cache)));
    let (register, definition) = if is_template {
        (quote!(resource_template_handler), quote!(::pmcp_core::protocol::ResourceTemplate))
    } else {
        (quote!(resource_handler), quote!(::pmcp_core::protocol::Resource))
    };
    let completers = completers.expand(&signature, quote!("resource template"), &quote!(#uri))?;
    Ok(quote! {
        let builder = {
            let this = ::std::sync::Arc::clone(&this);
            builder.#register(
                #definition {
                    title: #title,
                    description: #description,
                    mime_type: #declared_mime,
                    icons: #icons,
                    ..#definition::new(#uri, #name)
                },
                #[allow(unused_variables)]
                move |arguments, cx| { #bindings #reply },
            )
        };
        #completers
    })
}

/// Whether an expression of the template names the variable.
fn names_variable(template: &str, name: &str) -> bool {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).any(|(expression, _)| {
        expression
            .trim_start_matches(['+', '#', '.', '/', ';', '?', '&'])
            .split(',')
            .any(|variable| variable.trim_end_matches('*').split(':').next() == Some(name))
    })
}

fn cache(entries: &mut Entries) -> Result<TokenStream> {
    let ttl = entries.value("ttl_ms");
    let public = entries.flag("public")?.unwrap_or(false);
    let scope = if public { quote!(public) } else { quote!(private) };
    Ok(match ttl {
        Some(ttl) => {
            quote!(::pmcp_core::protocol::Cache::#scope(::core::time::Duration::from_millis(#ttl)))
        }
        None if public => {
            return Err(syn::Error::new(entries.span(), "`public` needs `ttl_ms`: for how long it may be kept"));
        }
        None => quote!(::core::default::Default::default()),
    })
}

/// From a brace on that nothing closes.
fn unclosed(template: &str) -> Option<&str> {
    let mut rest = template;
    while let Some((_, open)) = rest.split_once('{') {
        match open.split_once('}') {
            Some((variable, after)) if !variable.contains('{') => rest = after,
            _ => return template.get(template.len() - open.len() - 1..),
        }
    }
    None
}
