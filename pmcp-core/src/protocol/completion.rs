//! Completion of an argument's value (specification page `server/utilities/completion`).

use serde::{Deserialize, Serialize};

/// The most values that one answer may hold.
const MOST: usize = 100;

/// Proposals for an argument's value, the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// At most 100.
    pub values: Vec<String>,
    /// How many there are in all, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Whether there are more than `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

impl Completion {
    /// The first 100 of `values`, and how many there are.
    pub fn new(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut values: Vec<String> = values.into_iter().map(Into::into).collect();
        let total = values.len();
        values.truncate(MOST);
        Self { has_more: Some(total > values.len()), total: Some(total as u64), values }
    }

    /// Those of `candidates` that start with `partial`, letters compared without case.
    pub fn starting_with<S: AsRef<str>>(partial: &str, candidates: impl IntoIterator<Item = S>) -> Self {
        let starts = |candidate: &str| {
            let mut letters = candidate.chars().flat_map(char::to_lowercase);
            partial.chars().flat_map(char::to_lowercase).all(|letter| letters.next() == Some(letter))
        };
        let candidates = candidates.into_iter().filter(|candidate| starts(candidate.as_ref()));
        Self::new(candidates.map(|candidate| candidate.as_ref().to_owned()))
    }
}

/// What `completion/complete` answers.
#[derive(Debug, Serialize)]
pub(crate) struct CompleteResult {
    pub(crate) completion: Completion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_a_hundred_values_and_says_of_how_many() {
        let completion = Completion::new((0..250).map(|n| n.to_string()));
        assert_eq!((completion.values.len(), completion.total, completion.has_more), (100, Some(250), Some(true)));
    }

    #[test]
    fn compares_without_case() {
        assert_eq!(Completion::starting_with("Pa", ["paris", "Parma", "rome"]).values, ["paris", "Parma"]);
    }
}
