//! The numbers that `cargo test` prints, added up.

use std::fmt;
use std::ops::Add;

/// How many tests did what.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Totals {
    /// Reads a line such as `test result: ok. 4 passed; 0 failed; 1 ignored; …`; None for any other.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut totals = Self::default();
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let number = words.next().and_then(|word| word.parse().ok());
            match (number, words.next()) {
                (Some(number), Some("passed")) => totals.passed = number,
                (Some(number), Some("failed")) => totals.failed = number,
                (Some(number), Some("ignored")) => totals.skipped = number,
                _ => {}
            }
        }
        Some(totals)
    }

    /// Counts tests that returned early: cargo test takes a test that skips for one that passes.
    pub(crate) fn with_skipped(self, count: u64) -> Self {
        Self { passed: self.passed.saturating_sub(count), skipped: self.skipped + count, ..self }
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(out, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let lines = [
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.12s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
        ];
        let totals = lines.into_iter().filter_map(Totals::parse).fold(Totals::default(), Add::add);
        assert_eq!(totals.to_string(), "6 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn other_lines_say_nothing() {
        for line in ["running 5 tests", "test jsonrpc::id ... ok", "my test result: ok. 9 passed; 9 failed"] {
            assert_eq!(Totals::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_test_that_skipped_did_not_pass() {
        let totals = Totals { passed: 3, failed: 0, skipped: 1 };
        assert_eq!(totals.with_skipped(2).to_string(), "1 passed, 0 failed, 3 skipped");
    }
}
