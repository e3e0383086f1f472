//! The forms in which programs and services repeat a text, beside the text itself.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Less than this many letters of base64 may stand in any text.
const SHORTEST: usize = 8;

/// One part of a path, a query or a form.
pub(crate) fn encode_part(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A text as JSON, URLs, forms and base64 have it.
pub(super) fn forms(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = &json[1..json.len() - 1];
    let part = encode_part(text);
    // As Python writes JSON, and with it gcloud and the AWS CLI.
    let mut forms = vec![json.chars().map(ascii).collect(), json.to_owned(), part.replace("%20", "+"), part];
    forms.extend((0..3).flat_map(|before| in_base64(text, before)));
    forms
}

/// The letters of base64 that this text alone decides, behind so many other bytes: a name may stand before a password.
fn in_base64(text: &str, before: usize) -> impl Iterator<Item = String> {
    let bytes = [&[0; 2][..before], text.as_bytes()].concat();
    let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
    let encoded = [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)];
    let letters = encoded.into_iter().filter_map(move |all| all.get(own.clone()).map(str::to_owned));
    letters.filter(|letters| letters.len() >= SHORTEST)
}

/// A letter as JSON has it that is ASCII alone.
fn ascii(letter: char) -> String {
    match letter.is_ascii() {
        true => letter.to_string(),
        false => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn base64_of_a_text_is_found_behind_any_other() {
        let secret = "ya29.GOOGLE-TOKEN?>";
        for before in ["", "a", "ab", "abc", "oauth2accesstoken:"] {
            for after in ["", "c", "cd", "\n"] {
                let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
                let hidden = forms(secret).iter().fold(encoded.clone(), |all, form| all.replace(form, "*"));
                let rest: usize = hidden.split('*').map(str::len).sum();
                let most = (before.len() + after.len()) * 4 / 3 + 6;
                assert!(hidden.contains('*') && rest <= most, "{encoded}: {hidden}");
            }
        }
        // Of what is short any text may have the letters.
        assert_eq!(in_base64("abcde", 0).count(), 0);
    }

    #[test]
    fn what_stands_in_a_url_is_encoded() {
        let forms = forms("a b&c-d");
        for form in ["a%20b%26c-d", "a+b%26c-d"] {
            assert!(forms.iter().any(|found| found == form), "{forms:?}");
        }
    }
}
