//! Invariant 4: no unsafe code anywhere, and nothing in the core that panics on input.

use std::path::Path;

use super::workspace::{Finding, RustFile, read};
use crate::failure::Failure;

const CORE: &str = "pmcp-core/src/lib.rs";

/// The clippy lints that the core denies outside its tests.
const PANICS: [&str; 3] = ["clippy::unwrap_used", "clippy::expect_used", "clippy::indexing_slicing"];

/// Checks the manifests of all members and the attributes of the core.
pub(super) fn check(root: &Path, files: &[RustFile]) -> Result<Vec<Finding>, Failure> {
    const MANIFEST: &str = "Cargo.toml";
    let workspace = read(root, MANIFEST)?;
    let mut findings = Vec::new();
    if !forbids_unsafe(&workspace) {
        let what = "must have unsafe_code = \"forbid\" in [workspace.lints.rust]";
        findings.push(Finding::new(MANIFEST, 0, what));
    }
    for member in members(&workspace) {
        let path = format!("{member}/Cargo.toml");
        if !inherits_lints(&read(root, &path)?) {
            let what = "must have [lints] with workspace = true";
            findings.push(Finding::new(&path, 0, what));
        }
    }
    let core = files.iter().find(|file| file.path == CORE);
    for lint in allowed(core.map_or("", |file| &file.production)) {
        let what = format!("must have #![cfg_attr(not(test), deny({lint}))]");
        findings.push(Finding::new(CORE, 0, what));
    }
    Ok(findings)
}

/// The folders in the `members` list of a workspace.
pub(super) fn members(workspace: &str) -> Vec<&str> {
    let Some((_, rest)) = workspace.split_once("\nmembers = [") else {
        return Vec::new();
    };
    let list = rest.split(']').next().unwrap_or(rest);
    list.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

fn forbids_unsafe(workspace: &str) -> bool {
    table(workspace, "[workspace.lints.rust]").any(|line| {
        line.starts_with("unsafe_code = \"forbid\"")
            || (line.starts_with("unsafe_code") && line.contains("level = \"forbid\""))
    })
}

fn inherits_lints(manifest: &str) -> bool {
    table(manifest, "[lints]").any(|line| line == "workspace = true")
        || manifest.lines().any(|line| line == "lints.workspace = true")
}

/// The lines between a table's heading and the next.
pub(super) fn table<'a>(manifest: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

/// The lints that no inner attribute denies.
fn allowed(code: &str) -> Vec<&'static str> {
    let denying: Vec<String> = code
        .split("#![")
        .skip(1)
        .filter_map(|rest| rest.split(")]").next())
        .filter(|attribute| attribute.contains("deny(") || attribute.contains("forbid("))
        .map(|attribute| attribute.split_whitespace().collect())
        .collect();
    PANICS.into_iter().filter(|lint| !denying.iter().any(|attribute| attribute.contains(lint))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read() {
        let workspace = "[workspace]\nmembers = [\n    \"a\",\n    # \"b\",\n    \"c/d\",\n]\n";
        assert_eq!(members(workspace), ["a", "c/d"]);
        assert_eq!(members("[workspace]\nmembers = [\"a\", \"b\"]\n"), ["a", "b"]);
        assert_eq!(members("[package]\n"), [""; 0]);
    }

    #[test]
    fn a_workspace_that_allows_unsafe_code_is_found() {
        assert!(forbids_unsafe("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
        for bad in [
            "[workspace.lints.rust]\nunsafe_code = \"deny\"\n",
            "[workspace.lints.rust]\n# unsafe_code = \"forbid\"\n",
            "[workspace.lints.rust]\n[other]\nunsafe_code = \"forbid\"\n",
            "",
        ] {
            assert!(!forbids_unsafe(bad), "{bad}");
        }
    }

    #[test]
    fn a_member_without_the_lints_is_found() {
        assert!(inherits_lints("[package]\n\n[lints]\nworkspace = true\n"));
        assert!(inherits_lints("[package]\nlints.workspace = true\n"));
        assert!(!inherits_lints("[package]\nedition.workspace = true\n"));
        assert!(!inherits_lints("[lints]\n[other]\nworkspace = true\n"));
    }

    #[test]
    fn a_core_that_may_panic_is_found() {
        let whole = "#![cfg_attr(\n    not(test),\n    deny(\n        clippy::unwrap_used,\n        clippy::expect_used,\n        clippy::indexing_slicing\n    )\n)]\nmod a;";
        assert_eq!(allowed(whole), [""; 0]);
        let parts =
            "#![deny(clippy::unwrap_used)]\n#![forbid(clippy::expect_used)]\n#![warn(clippy::indexing_slicing)]";
        assert_eq!(allowed(parts), ["clippy::indexing_slicing"]);
        assert_eq!(allowed(""), PANICS);
    }
}
