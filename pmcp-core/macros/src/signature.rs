//! The signature of a handler: its arguments, where its context stands, and whether it is async.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, FnArg, GenericArgument, Ident, ImplItemFn, LitStr, Pat, PathArguments, ReceiverKind, Result, ReturnType,
    Type, spanned::Spanned,
};

use crate::attributes::{Entries, doc_text};

/// One parameter after `self`.
pub(crate) enum Parameter {
    Context,
    Argument(Box<Argument>),
}

/// A parameter that the client fills.
pub(crate) struct Argument {
    /// In the code.
    pub(crate) ident: Ident,
    /// On the wire.
    pub(crate) name: String,
    /// What is parsed: `String` for a `&str`.
    pub(crate) parsed: Type,
    by_reference: bool,
    pub(crate) description: Option<String>,
    pub(crate) header: Option<LitStr>,
    pub(crate) complete: Option<Ident>,
    pub(crate) span: Span,
}

pub(crate) struct Signature {
    pub(crate) ident: Ident,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: TokenStream,
    is_async: bool,
}

impl Signature {
    /// Reads the signature of `method`, and takes the `arg` attributes and doc comments off its parameters.
    pub(crate) fn take(method: &mut ImplItemFn, kind: &str) -> Result<Self> {
        let signature = &mut method.sig;
        if let Some(parameter) = signature.generics.params.first() {
            let message = format!("a {kind} cannot be generic: its arguments are described to clients by name");
            return Err(syn::Error::new(parameter.span(), message));
        }
        let mut inputs = signature.inputs.iter_mut();
        match inputs.next() {
            Some(FnArg::Receiver(receiver)) if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
            other => {
                let span = other.map_or(signature.ident.span(), |input| input.span());
                let message = format!("a {kind} takes `&self` first: one server answers many requests at once");
                return Err(syn::Error::new(span, message));
            }
        }
        let parameters = inputs
            .map(|input| match input {
                FnArg::Typed(typed) => Parameter::take(&mut typed.attrs, &typed.pat, &typed.ty),
                FnArg::Receiver(receiver) => Err(syn::Error::new(receiver.span(), "`self` stands first")),
            })
            .collect::<Result<_>>()?;
        let output = match &signature.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, output) => {
                if let Type::ImplTrait(opaque) = &**output {
                    let message = format!("name the type that the {kind} returns: its schema is made from it");
                    return Err(syn::Error::new(opaque.span(), message));
                }
                quote!(#output)
            }
        };
        Ok(Self { ident: signature.ident.clone(), parameters, output, is_async: signature.asyncness.is_some() })
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument(argument) => Some(&**argument),
            Parameter::Context => None,
        })
    }

    /// Binds the arguments of a prompt or a resource, which are strings on the wire, from `arguments`.
    pub(crate) fn bind_strings(&self) -> TokenStream {
        let bindings = self.arguments().map(|argument| {
            let (ident, name, parsed) = (&argument.ident, &argument.name, &argument.parsed);
            let value = match argument.inside_option() {
                Some(inside) => {
                    quote_spanned!(argument.span=> arguments.optional::<#inside>(#name))
                }
                None => quote_spanned!(argument.span=> arguments.required::<#parsed>(#name)),
            };
            quote! {
                let #ident = match #value {
                    ::core::result::Result::Ok(value) => value,
                    ::core::result::Result::Err(error) => {
                        return ::pmcp_core::Reply::Ready(::core::result::Result::Err(error));
                    }
                };
            }
        });
        quote!(#(#bindings)*)
    }

    /// The reply of the handler, whose arguments, `this` and `cx` are in scope; `answer` wraps what it returns.
    pub(crate) fn reply(&self, answer: impl Fn(TokenStream) -> TokenStream) -> TokenStream {
        let method = &self.ident;
        let values = self.parameters.iter().map(|parameter| match parameter {
            Parameter::Context => quote!(&cx),
            Parameter::Argument(argument) => {
                let (ident, by_reference) = (&argument.ident, argument.by_reference.then(|| quote!(&)));
                quote!(#by_reference #ident)
            }
        });
        let call = quote!(Self::#method(&this, #(#values),*));
        if self.is_async {
            let answer = answer(quote!(#call.await));
            quote! {{
                let this = ::std::sync::Arc::clone(&this);
                ::pmcp_core::Reply::pending(async move { #answer })
            }}
        } else {
            let answer = answer(call);
            quote!(::pmcp_core::Reply::Ready(#answer))
        }
    }
}

impl Parameter {
    fn take(attributes: &mut Vec<Attribute>, pattern: &Pat, kind: &Type) -> Result<Self> {
        if is_context(kind) {
            return Ok(Self::Context);
        }
        let Pat::Ident(pattern) = pattern else {
            return Err(syn::Error::new(pattern.span(), "give the argument a name: clients call it by that"));
        };
        let (parsed, by_reference) = parsed_type(kind)?;
        let mut argument = Argument {
            name: pattern.ident.to_string().trim_start_matches("r#").trim_start_matches('_').to_owned(),
            ident: format_ident!("{}", pattern.ident),
            parsed,
            by_reference,
            description: doc_text(attributes),
            header: None,
            complete: None,
            span: kind.span(),
        };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("arg")) {
            argument.read(Entries::of(attribute)?)?;
        }
        attributes.retain(|attribute| !attribute.path().is_ident("arg") && !attribute.path().is_ident("doc"));
        Ok(Self::Argument(Box::new(argument)))
    }
}

impl Argument {
    fn read(&mut self, mut entries: Entries) -> Result<()> {
        if let Some(name) = entries.string("name")? {
            self.name = name.value();
        }
        if let Some(description) = entries.string("description")? {
            self.description = Some(description.value());
        }
        if let Some(header) = entries.string("header")? {
            self.header = Some(header);
        }
        if let Some(complete) = entries.value("complete") {
            let syn::Expr::Path(path) = &complete else {
                return Err(syn::Error::new(complete.span(), "`complete` takes the name of a method of this block"));
            };
            self.complete = Some(path.path.require_ident()?.clone());
        }
        entries.finish("name, description, header, complete")
    }

    /// The type inside an `Option`.
    pub(crate) fn inside_option(&self) -> Option<&Type> {
        let Type::Path(path) = &self.parsed else {
            return None;
        };
        let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        match arguments.args.first() {
            Some(GenericArgument::Type(inside)) => Some(inside),
            _ => None,
        }
    }
}

fn is_context(kind: &Type) -> bool {
    let Type::Reference(reference) = kind else {
        return false;
    };
    matches!(&*reference.elem, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context"))
}

/// What to parse for a parameter of this type, and whether it is handed over by reference.
fn parsed_type(kind: &Type) -> Result<(Type, bool)> {
    match kind {
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") && reference.mutability.is_none() => {
                Ok((syn::parse_quote!(::std::string::String), true))
            }
            _ => {
                Err(syn::Error::new(kind.span(), "take the argument by value, or as `&str`: it comes from the client"))
            }
        },
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context") => {
            Err(syn::Error::new(kind.span(), "take the context by reference: `cx: &Context`"))
        }
        Type::ImplTrait(_) => Err(syn::Error::new(kind.span(), "name the argument's type: its schema is made from it")),
        _ => Ok((kind.clone(), false)),
    }
}
