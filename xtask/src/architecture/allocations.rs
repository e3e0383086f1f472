//! Invariant 6: a test counts what is allocated per request; it runs with the other tests.

use super::workspace::{Finding, RustFile};

const TEST: &str = "pmcp-core/tests/allocations.rs";

/// Checks that the test is there and tests something.
pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    let what = match files.iter().find(|file| file.path == TEST) {
        None => "is missing; it counts the allocations of a tools/call",
        Some(file) if !file.code.contains("#[test]") => "has no #[test]",
        Some(_) => return Vec::new(),
    };
    vec![Finding::new(TEST, 0, what)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_test_is_found() {
        assert_eq!(check(&[]).len(), 1);
        assert_eq!(check(&[RustFile::new(TEST, "// #[test]\n")]).len(), 1);
        let good = RustFile::new(TEST, "#[test]\nfn a() {}\n");
        assert_eq!(check(&[good]), []);
    }
}
