//! What the sessions of older revisions and their streams are called in a store.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{jsonrpc::RequestId, platform::Platform};

/// How many random bytes the name of a request's stream is; those of others are none.
pub(super) const STREAM_ID: usize = 12;
/// The same of a question to the client.
pub(super) const QUESTION_ID: usize = 12;

/// The longest name of a stream, in bytes. What keeps it may have to put it into a key or an address.
const MOST_NAME: usize = 256;

/// Where the client's answer to the question `id` arrives.
pub(super) fn answer_stream(id: &str) -> String {
    format!("answer {id}")
}

/// Where the client's wish to cancel the request `id` arrives.
pub(super) fn cancel_stream(id: &RequestId) -> String {
    // The same digits as a string and as a number are two ids.
    let name = format!("cancel {id:?}");
    if name.len() <= MOST_NAME {
        return name;
    }
    // A client that makes up two long ids with one digest has its own requests cancelled, and nobody else's. Between two
    // compilers it may differ: while instances are replaced by those of another, such a wish may get lost.
    let mut digest = DefaultHasher::new();
    id.hash(&mut digest);
    format!("cancel {:016x}", digest.finish())
}

/// Unguessable, and fit for a header.
pub(super) fn random_id<const BYTES: usize>(platform: &dyn Platform) -> String {
    let mut bytes = [0; BYTES];
    platform.random(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether `text` may be such an id.
pub(super) fn is_random_id<const BYTES: usize>(text: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == BYTES)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_request_has_a_name_of_its_own_that_any_store_keeps() {
        // As long as an id may be; each of these characters is written with six.
        let longest = "\u{7f}".repeat(1_024);
        let texts = ["1", "", "\"", &longest, &longest[1..], &"x".repeat(300), &"x".repeat(301)];
        let ids = texts.map(RequestId::from).into_iter().chain([1, -1, i64::MIN].map(RequestId::from));
        let names: Vec<_> = ids.map(|id| cancel_stream(&id)).collect();
        assert!(names.iter().all(|name| name.len() <= MOST_NAME), "{names:?}");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
    }
}
