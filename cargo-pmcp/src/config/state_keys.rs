//! The keys that seal what clients carry between the rounds of a request, in the form that `pmcp_core::StateKey` reads.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// Their variable.
pub(crate) const STATE_KEYS: &str = "PMCP_STATE_KEYS";

/// The line that stores a value of this secret; of a key it makes one, too.
pub(crate) fn storing(secret: &str) -> String {
    let made = if secret == STATE_KEYS { "openssl rand -base64 32 | " } else { "" };
    format!("`{made}cargo pmcp deploy secrets set {secret}`")
}

/// Whether a server starts with these: 32 bytes each, in base64 or hexadecimal, by comma.
pub(crate) fn are_state_keys(text: &str) -> bool {
    let is_key = |key: &str| {
        let decoded = || [&BASE64_STANDARD, &BASE64_URL_SAFE_NO_PAD].into_iter().find_map(|form| form.decode(key).ok());
        match key.len() {
            64 => key.bytes().all(|digit| digit.is_ascii_hexdigit()),
            _ => decoded().is_some_and(|bytes| bytes.len() == 32),
        }
    };
    let mut keys = text.split(',').map(str::trim).filter(|key| !key.is_empty()).peekable();
    keys.peek().is_some() && keys.all(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_however_they_are_written() {
        let (padded, plain) = (format!("{}=", "A".repeat(43)), "_".repeat(42) + "8");
        let hex = "0a".repeat(32);
        for keys in [&padded, &plain, &hex, &format!(" {padded}, {hex},")] {
            assert!(are_state_keys(keys), "{keys}");
        }
        for keys in ["", ",", "garbage", "c2VjcmV0", &"g".repeat(64), &format!("{padded},x"), &"A".repeat(88)] {
            assert!(!are_state_keys(keys), "{keys}");
        }
    }
}
