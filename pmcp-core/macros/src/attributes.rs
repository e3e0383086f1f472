//! The attributes as typed: each key once, and a clear word for what is none.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, Ident, Lit, LitStr, Meta, Result, Token,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

/// `key`, `key = value`, or a bare string.
pub(crate) enum Entry {
    Literal(LitStr),
    Flag(Ident),
    Value(Ident, Expr),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Literal);
        }
        let key: Ident = input.parse()?;
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            return Ok(Self::Value(key, input.parse()?));
        }
        Ok(Self::Flag(key))
    }
}

/// The entries of one attribute.
pub(crate) struct Entries {
    span: Span,
    entries: Vec<Entry>,
}

impl Entries {
    pub(crate) fn parse(tokens: TokenStream, span: Span) -> Result<Self> {
        let parser = Punctuated::<Entry, Token![,]>::parse_terminated;
        let entries: Vec<_> = syn::parse::Parser::parse2(parser, tokens)?.into_iter().collect();
        let mut seen: Vec<&Ident> = Vec::new();
        for entry in &entries {
            if let Entry::Flag(key) | Entry::Value(key, _) = entry {
                if seen.contains(&key) {
                    return Err(syn::Error::new(key.span(), format!("`{key}` is there twice")));
                }
                seen.push(key);
            }
        }
        Ok(Self { span, entries })
    }

    pub(crate) fn of(attribute: &Attribute) -> Result<Self> {
        match &attribute.meta {
            Meta::Path(_) => Ok(Self { span: attribute.span(), entries: Vec::new() }),
            Meta::List(list) => Self::parse(list.tokens.clone(), attribute.span()),
            Meta::NameValue(pair) => Err(syn::Error::new(pair.span(), "write the settings in parentheses")),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    fn take(&mut self, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let index = self.entries.iter().position(wanted)?;
        Some(self.entries.remove(index))
    }

    /// The bare string, if there is one.
    pub(crate) fn literal(&mut self) -> Option<LitStr> {
        match self.take(|entry| matches!(entry, Entry::Literal(_))) {
            Some(Entry::Literal(literal)) => Some(literal),
            _ => None,
        }
    }

    /// The value of `key`, if it has one.
    pub(crate) fn value(&mut self, key: &str) -> Option<Expr> {
        match self.take(|entry| matches!(entry, Entry::Value(name, _) if name == key)) {
            Some(Entry::Value(_, value)) => Some(value),
            _ => None,
        }
    }

    /// The value of `key`, which must be a string in quotes.
    pub(crate) fn string(&mut self, key: &str) -> Result<Option<LitStr>> {
        match self.value(key) {
            None => Ok(None),
            Some(Expr::Lit(literal)) => match literal.lit {
                Lit::Str(string) => Ok(Some(string)),
                other => Err(syn::Error::new(other.span(), format!("`{key}` takes a string in quotes"))),
            },
            Some(other) => Err(syn::Error::new(other.span(), format!("`{key}` takes a string in quotes"))),
        }
    }

    /// `Some(true)` for `key`, and the value of `key = true` or `key = false`.
    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        if self.take(|entry| matches!(entry, Entry::Flag(name) if name == key)).is_some() {
            return Ok(Some(true));
        }
        match self.value(key) {
            None => Ok(None),
            Some(Expr::Lit(syn::ExprLit { lit: Lit::Bool(boolean), .. })) => Ok(Some(boolean.value)),
            Some(other) => Err(syn::Error::new(other.span(), format!("`{key}` takes true or false, or stands alone"))),
        }
    }

    /// As [`flag`](Self::flag), and where it stands.
    pub(crate) fn flag_with_span(&mut self, key: &str) -> Result<Option<(bool, Span)>> {
        let span = self.entries.iter().find_map(|entry| match entry {
            Entry::Flag(name) | Entry::Value(name, _) if name == key => Some(name.span()),
            _ => None,
        });
        Ok(self.flag(key)?.zip(span))
    }

    /// Refuses what nobody asked for; `known` is named in the error.
    pub(crate) fn finish(self, known: &str) -> Result<()> {
        match self.entries.first() {
            None => Ok(()),
            Some(Entry::Value(key, _)) if key == "description" => Err(syn::Error::new(
                key.span(),
                "the description is the doc comment: write it above the method, after `///`",
            )),
            Some(Entry::Flag(key) | Entry::Value(key, _)) => Err(syn::Error::new(
                key.span(),
                format!("`{key}` is no setting here, or lacks its value; there are: {known}"),
            )),
            Some(Entry::Literal(literal)) => {
                Err(syn::Error::new(literal.span(), format!("a bare string says nothing here; there are: {known}")))
            }
        }
    }
}

/// The text of the doc comments among `attributes`.
pub(crate) fn doc_text(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: Lit::Str(line), .. }) => {
                let line = line.value();
                Some(line.strip_prefix(' ').map(str::to_owned).unwrap_or(line))
            }
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// `Some(…)` or `None`.
pub(crate) fn optional(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// `Some("…".to_owned())` or `None`.
pub(crate) fn optional_string(text: Option<impl ToTokens>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(::std::string::String::from(#text))),
        None => quote!(::core::option::Option::None),
    }
}

/// The `icons` of a definition.
pub(crate) fn icons(src: Option<LitStr>) -> TokenStream {
    match src {
        Some(src) => quote!(::std::vec![::pmcp_core::protocol::Icon::new(#src)]),
        None => quote!(::std::vec::Vec::new()),
    }
}
