//! Adapters never see each other, and the command line tool depends on nothing that runs a server.

use std::path::Path;

use super::workspace::{Finding, read};
use crate::failure::Failure;

/// A package and the packages of this workspace that it must not depend on.
const APART: [(&str, &[&str]); 6] = [
    ("pmcp-lambda", &["pmcp-workers", "pmcp-cloudrun", "pmcp-stdio"]),
    ("pmcp-workers", &["pmcp-lambda", "pmcp-cloudrun", "pmcp-stdio"]),
    ("pmcp-cloudrun", &["pmcp-lambda", "pmcp-workers", "pmcp-stdio"]),
    ("pmcp-stdio", &["pmcp-lambda", "pmcp-workers", "pmcp-cloudrun"]),
    ("pmcp-core", &["pmcp-lambda", "pmcp-workers", "pmcp-cloudrun", "pmcp-stdio"]),
    ("cargo-pmcp", &["pmcp-core", "pmcp-lambda", "pmcp-workers", "pmcp-cloudrun", "pmcp-stdio"]),
];

/// Reads the manifests of those packages that exist.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for (package, apart) in APART {
        let path = format!("{package}/Cargo.toml");
        if root.join(&path).exists() {
            for (line, name) in dependencies(&read(root, &path)?, apart) {
                let what = format!("{package} must not depend on {name}");
                findings.push(Finding::new(&path, line, what));
            }
        }
    }
    Ok(findings)
}

/// The lines that name one of these packages as a dependency, of whatever kind.
fn dependencies(manifest: &str, names: &[&'static str]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        let mut key = line.split(['=', '.']).next().unwrap_or(line).trim();
        if let Some(heading) = line.strip_prefix('[') {
            let heading = heading.trim_end_matches(']');
            inside = heading.ends_with("dependencies");
            // `[dependencies.name]` is a dependency by itself.
            key = match heading.rsplit_once("dependencies.") {
                Some((_, name)) => name,
                None => "",
            };
        } else if !inside {
            continue;
        }
        let renamed = |name: &str| line.contains(&format!("package = \"{name}\""));
        found.extend(
            names.iter().filter(|name| key.trim_matches('"') == **name || renamed(name)).map(|name| (index + 1, *name)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_found_in_each_form() {
        for bad in [
            "[dependencies]\npmcp-workers.workspace = true",
            "[dependencies]\npmcp-workers = { path = \"../pmcp-workers\" }",
            "[dev-dependencies]\n\"pmcp-workers\" = \"1\"",
            "[target.'cfg(unix)'.dependencies]\npmcp-workers = \"1\"",
            "[dependencies]\nother = { package = \"pmcp-workers\", version = \"1\" }",
            "[package]\n[dependencies.pmcp-workers]",
        ] {
            assert_eq!(dependencies(bad, &["pmcp-workers"]), [(2, "pmcp-workers")], "{bad}");
        }
    }

    #[test]
    fn other_mentions_are_let_be() {
        for good in [
            "[package]\nname = \"pmcp-workers\"\npmcp-workers = 1",
            "[dependencies]\n# pmcp-workers = \"1\"\npmcp-workers-more = \"1\"",
            "[dependencies]\npmcp-core.workspace = true\n[features]\npmcp-workers = []",
        ] {
            assert_eq!(dependencies(good, &["pmcp-workers"]), [], "{good}");
        }
    }
}
