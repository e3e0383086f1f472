//! Invariant 8: a file has at most 400 lines without its tests; a longer one is two ideas.

use super::workspace::{Finding, RustFile};

const LIMIT: usize = 400;

/// Finds the files that are too long.
pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    files
        .iter()
        .filter_map(|file| {
            let lines = file.lines;
            let what = format!("has {lines} lines without its tests; at most {LIMIT}, so divide it");
            (lines > LIMIT).then(|| Finding::new(&file.path, 0, what))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, before: usize, tests: usize, after: usize) -> RustFile {
        let text = [
            "// a line\n".repeat(before / 2),
            "a();\n".repeat(before - before / 2),
            format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n    b();\n".repeat(tests / 2)),
            "c();\n".repeat(after),
        ];
        RustFile::new(path, &text.concat())
    }

    #[test]
    fn a_line_too_many_is_found() {
        assert_eq!(check(&[file("a.rs", 400, 900, 0)]), []);
        let found = check(&[file("a.rs", 401, 0, 0)]);
        assert!(found[0].what.contains("401 lines"), "{found:?}");
    }

    #[test]
    fn lines_after_the_tests_count() {
        assert_eq!(file("a.rs", 10, 50, 20).lines, 30);
        assert_eq!(check(&[file("a.rs", 300, 10, 200)]).len(), 1);
    }

    #[test]
    fn files_of_tests_may_be_long() {
        assert_eq!(check(&[file("tests/wrong_requests.rs", 900, 0, 0)]), []);
    }
}
