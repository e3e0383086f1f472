//! Version numbers as programs print them.

/// A version's numbers, most significant first; what follows a number is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// Reads the first version in a text such as `v24.9.0`, `Python 3.11.7` or `cargo-deny 0.20.2`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut numbers = word.trim_start_matches('v').split('.').map(leading_number);
            let major = numbers.next()??;
            let minor = numbers.next()??;
            let patch = numbers.next().flatten().unwrap_or(0);
            Some(Self(major, minor, patch))
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        for (text, expected) in [
            ("v24.9.0\n", Some(Version(24, 9, 0))),
            ("Python 3.11.7", Some(Version(3, 11, 7))),
            ("Python 3.14.0rc2", Some(Version(3, 14, 0))),
            ("cargo-deny 0.20.2", Some(Version(0, 20, 2))),
            ("22.19", Some(Version(22, 19, 0))),
            ("v22.0.0-pre", Some(Version(22, 0, 0))),
            ("command not found", None),
            ("", None),
            ("7", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn versions_compare_by_number_and_not_by_letter() {
        assert!(Version(22, 9, 0) < Version(22, 19, 0));
        assert!(Version(3, 9, 18) < Version(3, 10, 0));
    }
}
