//! `#[server]` on an `impl` block: every marked method is registered on one builder.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, FnArg, Generics, Ident, ImplItem, ImplItemFn, Item, ItemImpl, ReceiverKind, Result, Type,
    spanned::Spanned,
};

use crate::{
    attributes::Entries,
    prompt, resource,
    signature::{Signature, output_span},
    tool,
};

/// All that it takes.
pub(crate) const SETTINGS: &str = "name, version, title, description, website_url, icon, instructions, logging";

pub(crate) fn expand(arguments: TokenStream, block: TokenStream) -> TokenStream {
    let mut block: ItemImpl = match syn::parse2(block.clone()) {
        Ok(block) => block,
        Err(_) => {
            let message = "#[server] stands on an `impl` block of your type";
            let error = syn::Error::new(Span::call_site(), message).into_compile_error();
            let stand_in = match syn::parse2(block.clone()) {
                Ok(Item::Struct(item)) => stand_in(&item.generics, &item.ident),
                Ok(Item::Enum(item)) => stand_in(&item.generics, &item.ident),
                _ => TokenStream::new(),
            };
            return quote!(#error #block #stand_in);
        }
    };
    match register(arguments, &mut block) {
        Ok(registered) => quote!(#block #registered),
        Err(error) => {
            // The block still stands, so that the author sees this error and not its consequences.
            strip(&mut block);
            let error = error.into_compile_error();
            let (generics, this, clause) = (&block.generics, &block.self_ty, &block.generics.where_clause);
            let stand_in = implement(quote!(#generics), quote!(#this), quote!(#clause), never());
            quote!(#block #error #stand_in)
        }
    }
}

/// What uses the type as a server is not wrong, even where it is none yet.
fn stand_in(generics: &Generics, ident: &Ident) -> TokenStream {
    let (generics, arguments, clause) = generics.split_for_impl();
    implement(quote!(#generics), quote!(#ident #arguments), quote!(#clause), never())
}

/// The body of a function that is not compiled to its end, since the error beside it stands in the way.
fn never() -> TokenStream {
    quote!(::core::unreachable!())
}

fn register(arguments: TokenStream, block: &mut ItemImpl) -> Result<TokenStream> {
    if let Some((path, _)) = &block.trait_ {
        return Err(syn::Error::new(
            path.span(),
            "#[server] stands on an `impl` block of the type itself, not of a trait",
        ));
    }
    let builder = builder(arguments)?;
    let completers = Completers::of(block);
    let mut registrations = TokenStream::new();
    let mut errors: Option<syn::Error> = None;
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        match handler(method, &completers) {
            Ok(registration) => registrations.extend(registration),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let (generics, this, clause) = (&block.generics, &block.self_ty, &block.generics.where_clause);
    let body = quote! {
        let this = ::std::sync::Arc::new(self);
        let builder = #builder;
        #registrations
        builder
    };
    Ok(implement(quote!(#generics), quote!(#this), quote!(#clause), body))
}

/// What makes a server of the type `this`.
fn implement(generics: TokenStream, this: TokenStream, clause: TokenStream, body: TokenStream) -> TokenStream {
    quote! {
        impl #generics #this #clause {
            /// Everything that this block registers, to be added to or built.
            pub fn into_builder(self) -> ::pmcp_core::ServerBuilder {
                #body
            }
        }

        impl #generics ::pmcp_core::IntoServer for #this #clause {
            fn into_server(self) -> ::core::result::Result<::pmcp_core::Server, ::pmcp_core::BuildErrors> {
                self.into_builder().build()
            }
        }
    }
}

fn builder(arguments: TokenStream) -> Result<TokenStream> {
    let mut entries = Entries::parse(arguments, Span::call_site())?;
    let missing = |key: &str| {
        let message = format!("a server has a {key}: #[server(name = \"crm\", version = \"1.0.0\")]");
        syn::Error::new(Span::call_site(), message)
    };
    let name = entries.value("name").ok_or_else(|| missing("name"))?;
    let version = entries.value("version").ok_or_else(|| missing("version"))?;
    let mut builder = quote!(::pmcp_core::ServerBuilder::new(#name, #version));
    for key in ["title", "description", "website_url", "instructions"] {
        if let Some(value) = entries.value(key) {
            let key = Ident::new(key, Span::call_site());
            builder.extend(quote!(.#key(#value)));
        }
    }
    if let Some(icon) = entries.string("icon")? {
        builder.extend(quote!(.icon(::pmcp_core::protocol::Icon::new(#icon))));
    }
    if entries.flag("logging")?.unwrap_or(false) {
        builder.extend(quote!(.logging()));
    }
    entries.finish(SETTINGS)?;
    Ok(builder)
}

/// What registers `method`; nothing where it is not marked.
fn handler(method: &mut ImplItemFn, completers: &Completers) -> Result<TokenStream> {
    let (marks, others): (Vec<_>, Vec<_>) = std::mem::take(&mut method.attrs).into_iter().partition(is_mark);
    method.attrs = others;
    let registration = match marks.as_slice() {
        [] => return Ok(TokenStream::new()),
        [mark] if mark.path().is_ident("tool") => tool::expand(method, mark)?,
        [mark] if mark.path().is_ident("resource") => resource::expand(method, mark, completers)?,
        [mark] => prompt::expand(method, mark, completers)?,
        [_, second, ..] => {
            return Err(syn::Error::new_spanned(second, "a method is a tool, a resource or a prompt, and that once"));
        }
    };
    // What is compiled away is not registered.
    let conditions = method.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(quote! {
        #(#conditions)*
        let builder = {
            #registration
            builder
        };
    })
}

fn is_mark(attribute: &Attribute) -> bool {
    ["tool", "resource", "prompt"].iter().any(|mark| attribute.path().is_ident(mark))
}

/// Takes off what only this macro understands.
fn strip(block: &mut ItemImpl) {
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            method.attrs.retain(|attribute| !is_mark(attribute));
            for input in &mut method.sig.inputs {
                if let FnArg::Typed(typed) = input {
                    typed
                        .attrs
                        .retain(|attribute| !attribute.path().is_ident("arg") && !attribute.path().is_ident("doc"));
                }
            }
        }
    }
}

/// The methods of the block that may complete an argument: their names, and how they are called.
pub(crate) struct Completers(Vec<Completer>);

struct Completer {
    ident: Ident,
    is_async: bool,
    takes_self: bool,
    output_span: Span,
    inputs: Vec<Type>,
}

impl Completers {
    fn of(block: &ItemImpl) -> Self {
        let methods = block.items.iter().filter_map(|item| match item {
            ImplItem::Fn(method) => Some(&method.sig),
            _ => None,
        });
        Self(
            methods
                .map(|signature| Completer {
                    ident: signature.ident.clone(),
                    is_async: signature.asyncness.is_some(),
                    output_span: output_span(signature),
                    takes_self: matches!(signature.inputs.first(), Some(FnArg::Receiver(receiver))
                        if matches!(receiver.kind, ReceiverKind::Reference(_, _, None))),
                    inputs: signature
                        .inputs
                        .iter()
                        .filter_map(|input| match input {
                            FnArg::Typed(typed) => Some((*typed.ty).clone()),
                            FnArg::Receiver(_) => None,
                        })
                        .collect(),
                })
                .collect(),
        )
    }

    /// Registers the completers of a handler's arguments.
    pub(crate) fn expand(&self, handler: &Signature, kind: TokenStream, target: &TokenStream) -> Result<TokenStream> {
        let mut registrations = TokenStream::new();
        for argument in handler.arguments() {
            let Some(ident) = &argument.complete else {
                continue;
            };
            let Some(completer) = self.0.iter().find(|completer| completer.ident == *ident) else {
                let message = format!("this block has no method `{ident}` to complete with");
                return Err(syn::Error::new(ident.span(), message));
            };
            let call = completer.call(ident.span())?;
            let name = &argument.name;
            registrations.extend(quote! {
                let builder = {
                    let this = ::std::sync::Arc::clone(&this);
                    builder.completer(
                        #kind, #target, #name,
                        #[allow(unused_variables)]
                        move |request, cx| #call,
                    )
                };
            });
        }
        Ok(registrations)
    }
}

impl Completer {
    fn call(&self, span: Span) -> Result<TokenStream> {
        if !self.takes_self {
            return Err(wrong_completer(span));
        }
        let values = self.inputs.iter().map(|kind| match kind {
            Type::Reference(reference) => match &*reference.elem {
                Type::Path(path) => match path.path.segments.last() {
                    Some(last) if last.ident == "str" => Ok(quote!(request.value.as_str())),
                    Some(last) if last.ident == "CompletionRequest" => Ok(quote!(&request)),
                    Some(last) if last.ident == "Context" => Ok(quote!(&cx)),
                    _ => Err(wrong_completer(span)),
                },
                _ => Err(wrong_completer(span)),
            },
            _ => Err(wrong_completer(span)),
        });
        let (method, values) = (&self.ident, values.collect::<Result<Vec<_>>>()?);
        let call = quote_spanned!(self.output_span=> Self::#method(&this, #(#values),*));
        Ok(if self.is_async {
            let awaited = quote_spanned!(self.output_span=> #call.await);
            quote! {{
                let this = ::std::sync::Arc::clone(&this);
                ::pmcp_core::Reply::pending(async move { ::pmcp_core::Answer::completion(#awaited) })
            }}
        } else {
            quote!(::pmcp_core::Reply::Ready(::pmcp_core::Answer::completion(#call)))
        })
    }
}

fn wrong_completer(span: Span) -> syn::Error {
    syn::Error::new(span, "a completer takes `&self` and `&str` or `&CompletionRequest`, and `&Context` if it likes")
}
