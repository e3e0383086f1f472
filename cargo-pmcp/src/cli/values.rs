//! Values of options that are more than text: what is wrong with one is told before anything is looked for.

use std::time::Duration;

use serde_json::{Map, Value};

/// A number and one letter, as the AWS CLI has it.
pub(super) fn time(text: &str) -> Result<Duration, &'static str> {
    let parse = || {
        let unit = text.chars().last()?;
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        number.checked_mul(seconds).map(Duration::from_secs)
    };
    parse().ok_or("times look like this: 30s, 10m, 1h, 2d")
}

/// A JSON object.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, &'static str> {
    serde_json::from_str(text).map_err(|_| "it is no JSON object, such as '{\"name\":\"Ada\"}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_letter() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h", 3600), ("2d", 172_800)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1", "1w", "-1h", "1.5h", "1 h", "99999999999999999999d", "9999999999999999999d"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
