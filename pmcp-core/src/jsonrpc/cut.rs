//! What a client or a handler made up, as messages and logs repeat it: as far as anybody reads.

use std::borrow::Cow;

/// How much is told of a text, in bytes.
const MOST_TOLD: usize = 2_000;
/// How much is told of a name.
const MOST_OF_A_NAME: usize = 200;

/// The beginning of `text`, of 2,000 bytes at the most, and where it was longer, that it was cut.
pub fn cut(mut text: String) -> String {
    truncate(&mut text, MOST_TOLD);
    text
}

/// The same of a name, of which 200 bytes are enough.
pub(crate) fn short(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.len() <= MOST_OF_A_NAME {
        return name;
    }
    let mut name = name.into_owned();
    truncate(&mut name, MOST_OF_A_NAME);
    name.into()
}

fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(" … (cut)");
    }
}
