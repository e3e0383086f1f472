//! `skills!`

use std::{env, fs, io, path::Path};

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{LitStr, Result};

/// The path and the bytes of every file in the folder.
#[expect(clippy::disallowed_methods, reason = "this runs in the compiler; what it writes reads nothing")]
pub(crate) fn expand(folder: TokenStream) -> Result<TokenStream> {
    let literal: LitStr = syn::parse2(folder).map_err(|_| {
        syn::Error::new(Span::call_site(), "name the folder of the skills in quotes: skills!(\"skills\")")
    })?;
    let folder = literal.value();
    let refuse = |what: String| syn::Error::new(literal.span(), what);
    let root = env::var("CARGO_MANIFEST_DIR").map_err(|_| refuse("only Cargo says where the folder is".to_owned()))?;
    let mut paths = Vec::new();
    walk(&Path::new(&root).join(&folder), "", &mut paths)
        .map_err(|error| refuse(format!("the folder `{folder}` beside Cargo.toml cannot be read: {error}")))?;
    paths.sort();
    if !paths.iter().any(|path| path.ends_with("/SKILL.md")) {
        return Err(refuse(format!("no folder in `{folder}` has a SKILL.md, so there is no skill")));
    }
    let files = paths.iter().map(|path| {
        let place = format!("/{folder}/{path}");
        quote!((#path, ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #place)).as_slice()))
    });
    Ok(quote!([#(#files),*]))
}

/// Collects the files in `folder`, which is at `path` within the folder of all skills.
fn walk(folder: &Path, path: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| io::Error::other(format!("{} is no UTF-8", name.display())))?;
        if name.starts_with('.') {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if fs::metadata(entry.path())?.is_dir() {
            walk(&entry.path(), &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
