//! The signature of a handler: its arguments, where its context stands, and whether it is async.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, FnArg, GenericArgument, Ident, ImplItemFn, LitStr, Pat, PathArguments, ReceiverKind, Result, ReturnType,
    Type, ext::IdentExt, spanned::Spanned,
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
    passed: Passed,
    pub(crate) description: Option<String>,
    pub(crate) header: Option<LitStr>,
    pub(crate) complete: Option<Ident>,
    pub(crate) span: Span,
}

/// Where the type stands that a method returns; its name where it returns nothing.
pub(crate) fn output_span(signature: &syn::Signature) -> Span {
    match &signature.output {
        ReturnType::Default => signature.ident.span(),
        ReturnType::Type(_, output) => output.span(),
    }
}

/// How a parsed argument is handed over.
enum Passed {
    AsIs,
    /// To a `&str`.
    ByReference,
    /// To an `Option<&str>`.
    AsDeref,
}

pub(crate) struct Signature {
    pub(crate) ident: Ident,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: TokenStream,
    output_span: Span,
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
        let parameters: Vec<_> = inputs
            .enumerate()
            .map(|(index, input)| match input {
                FnArg::Typed(typed) => Parameter::take(index, &mut typed.attrs, &typed.pat, &typed.ty),
                FnArg::Receiver(receiver) => Err(syn::Error::new(receiver.span(), "`self` stands first")),
            })
            .collect::<Result<_>>()?;
        let mut names = Vec::new();
        for parameter in &parameters {
            let Parameter::Argument(argument) = parameter else { continue };
            if names.contains(&&argument.name) {
                let message = format!("there is an argument `{}` already", argument.name);
                return Err(syn::Error::new(argument.ident.span(), message));
            }
            names.push(&argument.name);
        }
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
        Ok(Self {
            ident: signature.ident.clone(),
            parameters,
            output,
            output_span: output_span(signature),
            is_async: signature.asyncness.is_some(),
        })
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
                let ident = &argument.ident;
                match argument.passed {
                    Passed::AsIs => quote!(#ident),
                    Passed::ByReference => quote!(&#ident),
                    Passed::AsDeref => quote!(#ident.as_deref()),
                }
            }
        });
        // Where its type is no answer, the compiler points at the type.
        let call = quote_spanned!(self.output_span=> Self::#method(&this, #(#values),*));
        if self.is_async {
            let answer = answer(quote_spanned!(self.output_span=> #call.await));
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
    fn take(index: usize, attributes: &mut Vec<Attribute>, pattern: &Pat, kind: &Type) -> Result<Self> {
        if is_context(kind) {
            return Ok(Self::Context);
        }
        let Pat::Ident(pattern) = pattern else {
            return Err(syn::Error::new(pattern.span(), "give the argument a name: clients call it by that"));
        };
        let (parsed, passed) = parsed_type(kind)?;
        let mut argument = Argument {
            name: pattern.ident.unraw().to_string().trim_start_matches('_').to_owned(),
            // Its own name could be one that the generated code uses.
            ident: format_ident!("argument_{index}", span = pattern.ident.span()),
            parsed,
            passed,
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
        inside_option(&self.parsed)
    }
}

fn inside_option(kind: &Type) -> Option<&Type> {
    let Type::Path(path) = kind else {
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

fn is_context(kind: &Type) -> bool {
    matches!(kind, Type::Reference(reference) if reference.mutability.is_none() && names_context(&reference.elem))
}

fn names_context(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context"))
}

/// What to parse for a parameter of this type, and how it is handed over.
fn parsed_type(kind: &Type) -> Result<(Type, Passed)> {
    let refused = |message| Err(syn::Error::new_spanned(kind, message));
    if is_str(kind) {
        return Ok((syn::parse_quote!(::std::string::String), Passed::ByReference));
    }
    if inside_option(kind).is_some_and(is_str) {
        let parsed = syn::parse_quote!(::core::option::Option<::std::string::String>);
        return Ok((parsed, Passed::AsDeref));
    }
    match kind {
        Type::Reference(reference) if names_context(&reference.elem) => refused(BY_REFERENCE),
        Type::Path(_) if names_context(kind) => refused(BY_REFERENCE),
        Type::ImplTrait(_) => refused("name the argument's type: its schema is made from it"),
        _ if has_reference(kind) => refused("take the argument by value, or as `&str`: it comes from the client"),
        _ => Ok((kind.clone(), Passed::AsIs)),
    }
}

const BY_REFERENCE: &str = "take the context by reference: `cx: &Context`";

/// `&str`, for no longer than the call.
fn is_str(kind: &Type) -> bool {
    matches!(kind, Type::Reference(reference) if reference.lifetime.is_none() && reference.mutability.is_none()
        && matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str")))
}

/// Whether a reference is anywhere in the type.
fn has_reference(kind: &Type) -> bool {
    match kind {
        Type::Reference(_) => true,
        Type::Array(array) => has_reference(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().any(has_reference),
        Type::Path(path) => path.path.segments.iter().any(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => arguments
                .args
                .iter()
                .any(|argument| matches!(argument, GenericArgument::Type(inside) if has_reference(inside))),
            _ => false,
        }),
        _ => false,
    }
}
