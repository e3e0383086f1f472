//! Part of invariant 3: what differs between processors is decided in platform.rs and nowhere else.

use super::paths::paths;
use super::workspace::{Finding, RustFile};

/// Finds `target_arch` in the core outside platform.rs.
pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.path.starts_with("pmcp-core/src/"))
        .filter(|file| file.path != "pmcp-core/src/platform.rs")
        .flat_map(|file| {
            paths(&file.production).into_iter().filter(|named| named.path == "target_arch").map(|named| {
                let what = "only platform.rs may look at target_arch; use what it offers";
                Finding::new(&file.path, named.line, what)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_platform_may_ask() {
        let text = "// why\n#[cfg(not(target_arch = \"wasm32\"))]\nfn a() {}\n";
        let found = |path| check(&[RustFile::new(path, text)]);
        let bad = found("pmcp-core/src/server/mod.rs");
        assert_eq!(bad.len(), 1);
        assert_eq!(bad[0].line, 2);
        assert_eq!(found("pmcp-core/src/platform.rs"), []);
        assert_eq!(found("pmcp-workers/src/lib.rs"), []);
    }
}
