//! `#[prompt]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, ImplItemFn, Result, ext::IdentExt};

use crate::{
    attributes::{Entries, doc_text, icons, optional_string},
    server::Completers,
    signature::Signature,
};

/// All that it takes.
pub(crate) const SETTINGS: &str = "name, title, icon";

/// Registers the prompt on `builder`, with `this` in scope.
pub(crate) fn expand(method: &mut ImplItemFn, attribute: &Attribute, completers: &Completers) -> Result<TokenStream> {
    let mut entries = Entries::of(attribute)?;
    let signature = Signature::take(method, "prompt")?;
    let name = match entries.string("name")? {
        Some(name) => name.value(),
        None => signature.ident.unraw().to_string(),
    };
    let title = optional_string(entries.string("title")?);
    let icons = icons(entries.string("icon")?);
    let description = optional_string(doc_text(&method.attrs));
    entries.finish(SETTINGS)?;

    let mut arguments = TokenStream::new();
    for argument in signature.arguments() {
        if let Some(header) = &argument.header {
            return Err(syn::Error::new(header.span(), "only arguments of tools can be repeated in a header"));
        }
        let name = &argument.name;
        let description = optional_string(argument.description.as_ref());
        let required = argument.inside_option().is_none();
        arguments.extend(quote! {
            ::pmcp_core::protocol::PromptArgument {
                description: #description,
                required: #required,
                ..::pmcp_core::protocol::PromptArgument::new(#name)
            },
        });
    }
    let bindings = signature.bind_strings();
    let reply = signature.reply(|messages| quote!(::pmcp_core::Answer::prompt(#messages)));
    let completers = completers.expand(&signature, quote!("prompt"), &quote!(#name))?;
    Ok(quote! {
        let builder = {
            let this = ::std::sync::Arc::clone(&this);
            builder.prompt_handler(
                ::pmcp_core::protocol::Prompt {
                    title: #title,
                    description: #description,
                    arguments: ::std::vec![#arguments],
                    icons: #icons,
                    ..::pmcp_core::protocol::Prompt::new(#name)
                },
                #[allow(unused_variables)]
                move |arguments, cx| { #bindings #reply },
            )
        };
        #completers
    })
}
