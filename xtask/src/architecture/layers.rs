//! Direction: inside the core a module imports from its own layer or from one below, never from above.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Named, paths};
use super::workspace::{Finding, RustFile};

const CORE: &str = "pmcp-core/src/";

/// The core's modules from the ground up. A new module is added here and in ARCHITECTURE.md.
/// lib.rs stands above all of them and only passes their items on; what it passes on counts as
/// imported from the module that it comes from. The macros are a crate of their own.
const LAYERS: [&[&str]; 6] = [
    &["jsonrpc", "platform", "protocol", "schema", "uri_template"],
    &["auth", "error"],
    &["observe", "server"],
    &["legacy"],
    &["stdio", "streamable_http"],
    &["prelude", "testing"],
];

/// Finds imports that point upwards, modules without a layer, and circles within a layer.
pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    let core: Vec<&RustFile> =
        files.iter().filter(|file| file.path.starts_with(CORE) && !file.production.is_empty()).collect();
    let passed_on = core
        .iter()
        .find(|file| file.path == "pmcp-core/src/lib.rs")
        .map(|lib| passed_on(&lib.production))
        .unwrap_or_default();
    let mut findings = Vec::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in core {
        let place = module(&file.path);
        let Some(own) = place.first() else {
            continue;
        };
        let Some(own_layer) = layer(own) else {
            let what = format!("module {own} has no layer; give it one in layers.rs of xtask");
            findings.push(Finding::new(&file.path, 0, what));
            continue;
        };
        for named in paths(&file.production) {
            let Some(target) = top_module(&named, &place) else {
                continue;
            };
            let target = passed_on.get(&target).cloned().unwrap_or(target);
            match layer(&target) {
                None => findings.push(Finding::new(
                    &file.path,
                    named.line,
                    format!("{} names no module that has a layer (see layers.rs in xtask)", named.path),
                )),
                Some(its_layer) if its_layer > own_layer => findings.push(Finding::new(
                    &file.path,
                    named.line,
                    format!("{own} is below {target} and must not import from it"),
                )),
                Some(_) if target != *own => {
                    edges.entry((*own).to_owned()).or_default().insert(target);
                }
                Some(_) => {}
            }
        }
    }
    findings.extend(circles(&edges).into_iter().map(|circle| {
        let what = format!("these modules import each other in a circle: {circle}");
        Finding::new(CORE, 0, what)
    }));
    findings
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// A file's module path: `["server", "tools"]` for server/tools.rs, nothing for lib.rs.
fn module(path: &str) -> Vec<&str> {
    let inside = path.trim_start_matches(CORE).trim_end_matches(".rs");
    let mut parts: Vec<&str> = inside.split('/').collect();
    if let Some(&("mod" | "lib")) = parts.last() {
        parts.pop();
    }
    parts
}

/// The first name behind `crate::`, or behind as many `super::` as lead out to the root.
fn top_module(named: &Named, place: &[&str]) -> Option<String> {
    let parts: Vec<&str> = named.path.split("::").collect();
    let ups = parts.iter().take_while(|part| **part == "super").count();
    let top = match *parts.first()? {
        "crate" => parts.get(1),
        "super" if ups >= place.len() => parts.get(ups),
        _ => None,
    }?;
    // `crate::*` and `crate::{self}` say nothing about a module.
    (*top != "*" && !top.is_empty()).then(|| (*top).to_owned())
}

/// The names at the root that lib.rs passes on, each with the module it comes from.
fn passed_on(lib: &str) -> BTreeMap<String, String> {
    paths(lib)
        .into_iter()
        .filter_map(|named| {
            let path = named.path.trim_start_matches("crate::");
            let path = path.trim_start_matches("self::");
            let (first, rest) = path.split_once("::")?;
            let name = named.alias.clone().or_else(|| {
                let last = rest.rsplit("::").next()?;
                Some(last.to_owned())
            })?;
            Some((name, first.to_owned()))
        })
        .filter(|(name, first)| layer(first).is_some() && layer(name).is_none())
        .collect()
}

/// Modules that reach themselves; arrows between layers cannot close a circle.
fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let reached_from = |start: &String| {
        let mut reached: BTreeSet<&String> = BTreeSet::new();
        let mut open: Vec<&String> = edges.get(start).into_iter().flatten().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(edges.get(next).into_iter().flatten());
            }
        }
        reached
    };
    let mut found = BTreeSet::new();
    for start in edges.keys() {
        let circle: Vec<&str> = reached_from(start)
            .into_iter()
            .filter(|other| reached_from(other).contains(start))
            .map(String::as_str)
            .collect();
        if !circle.is_empty() {
            found.insert(circle.join(", "));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<RustFile> =
            files.iter().map(|(path, text)| RustFile::new(&format!("{CORE}{path}"), text)).collect();
        check(&files).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn an_import_from_above_is_found() {
        let upwards = "error is below server and must not import from it";
        for (path, text) in [
            ("error.rs", "use crate::server::Context;"),
            ("error.rs", "use crate::{jsonrpc::Id, server};"),
            ("error.rs", "fn a() { crate::server::run() }"),
            ("error.rs", "use super::server::Context;"),
            ("error/kind.rs", "use super::super::server::Context;"),
        ] {
            assert_eq!(found(&[(path, text)]), [upwards], "{path}: {text}");
        }
    }

    #[test]
    fn imports_from_below_and_beside_are_let_be() {
        for (path, text) in [
            ("server/tools.rs", "use crate::protocol::tools::Tool;"),
            ("server/tools.rs", "use super::legacy;\nuse super::context::Context;"),
            ("server/mod.rs", "use crate::observe::trace;"),
            ("error.rs", "#[cfg(test)]\nmod tests { use crate::server::A; }"),
            ("error.rs", "use std::fmt;\nuse http::StatusCode;"),
        ] {
            assert_eq!(found(&[(path, text)]), [""; 0], "{path}: {text}");
        }
    }

    #[test]
    fn what_lib_passes_on_belongs_to_its_module() {
        let lib = ("lib.rs", "pub use server::{Context, Server as Served};");
        let bad = ("error.rs", "use crate::Served;");
        assert_eq!(found(&[lib, bad]), ["error is below server and must not import from it"]);
        let good = ("legacy/mod.rs", "use crate::Context;");
        assert_eq!(found(&[lib, good]), [""; 0]);
    }

    #[test]
    fn modules_without_a_layer_are_found() {
        assert!(found(&[("misc.rs", "fn a() {}")])[0].contains("misc has no layer"));
        let unknown = found(&[("error.rs", "use crate::Unknown;")]);
        assert_eq!(unknown, ["crate::Unknown names no module that has a layer (see layers.rs in xtask)"]);
    }

    #[test]
    fn a_circle_within_a_layer_is_found() {
        let circle = [
            ("protocol/mod.rs", "use crate::schema::A;"),
            ("schema.rs", "use crate::jsonrpc::B;"),
            ("jsonrpc/id.rs", "use crate::protocol::C;"),
        ];
        let found_circles = found(&circle);
        assert_eq!(found_circles, ["these modules import each other in a circle: jsonrpc, protocol, schema"]);
        assert_eq!(found(&circle[..2]), [""; 0]);
    }
}
