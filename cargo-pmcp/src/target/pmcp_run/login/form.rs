//! `application/x-www-form-urlencoded`: what OAuth sends, and what comes back in the query of a redirect.

use percent_encoding::percent_decode_str;

use super::LIMIT;
use crate::exec::{Request, encode_part};

pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode_part(name), encode_part(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What posts it, and wants JSON for an answer.
pub(super) fn request(url: &str, pairs: &[(&str, &str)]) -> Request {
    let request = Request::new("POST", url, LIMIT).header("accept", "application/json");
    request.content("application/x-www-form-urlencoded", encode(pairs))
}

/// The value of the only parameter of this name; of several none is believed.
pub(super) fn parse(query: &str, name: &str) -> Option<String> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (decode(key) == name).then(|| decode(value))
    });
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_parsed_and_of_two_none_is_believed() {
        let query = encode(&[("code", "a/b+c d&=ü"), ("state", "x-._~")]);
        assert_eq!(query, "code=a%2Fb%2Bc%20d%26%3D%C3%BC&state=x-._~");
        assert_eq!(parse(&query, "code").as_deref(), Some("a/b+c d&=ü"));
        assert_eq!(parse("a=1+2&b=", "a").as_deref(), Some("1 2"));
        assert_eq!(parse("a=1&a=2", "a"), None);
        assert_eq!(parse("ab", "ab"), None);
    }
}
