//! Values that an error must not repeat, wherever it is shown: of secrets, of the environment, and of keys that nobody
//! knows.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The section of values that are never even talked of.
pub(super) const SECRETS: &str = "secrets";

/// The sections whose values are never shown.
const SECTIONS: [&str; 2] = [SECRETS, "environment"];

/// The section of those that has a value in this line, however the line looks.
pub(super) fn section(text: &str, line: &Range<usize>) -> Option<&'static str> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let is_in =
        |name: &&&str| document.get_ref().get(**name).is_some_and(|value| is_met(value.get_ref(), &value.span(), line));
    let found = SECTIONS.iter().find(is_in).copied();
    // Where the parser was lost, nothing after the first word of a section is known not to be in it.
    found.or_else(|| mention(text, line).filter(|_| !errors.is_empty()).map(|(_, name)| name))
}

/// Whether a value, or one in it, has a part of the line. Sections do not count: they have none but their values.
fn is_met(value: &DeValue<'_>, span: &Range<usize>, line: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => table.values().any(|value| is_met(value.get_ref(), &value.span(), line)),
        _ => span.start < line.end && line.start < span.end,
    }
}

/// Where the first word up to the end of the line is that names such a section, and which. Comments name none.
fn mention(text: &str, line: &Range<usize>) -> Option<(usize, &'static str)> {
    let mut begin = 0;
    for part in text.get(..line.end).unwrap_or(text).split_inclusive('\n') {
        if let Some(name) = SECTIONS.into_iter().find(|name| part.contains(name))
            && !part.trim_start().starts_with('#')
        {
            return Some((begin, name));
        }
        begin += part.len();
    }
    None
}

/// Whether the line may be within a text of several lines, where what looks like a key is none.
pub(super) fn is_in_text(text: &str, line: &Range<usize>) -> bool {
    let before = mention(text, line).and_then(|(begin, _)| text.get(begin..line.start)).unwrap_or_default();
    ["\"\"\"", "'''"].into_iter().any(|quote| before.matches(quote).count() % 2 == 1)
}

/// The key that a line gives a value to, where it is one by its look.
pub(super) fn key(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    // The end of what is encoded in base64 looks like the beginning of a value.
    let is_value = !value.starts_with('=') && !value.trim().is_empty();
    (is_value && key.len() <= 128 && key.starts_with(|first: char| !first.is_ascii_digit()) && key.chars().all(fits))
        .then_some(key)
        .filter(|key| !key.is_empty())
}

/// Whether what a line says is nobody's business, whatever section it is in.
pub(super) fn is_private(line: &str) -> bool {
    match key(line) {
        // Keys of sections are in small letters, variables usually are not.
        Some(key) => {
            SECTIONS.contains(&key.split('.').next().unwrap_or_default())
                || key.chars().any(|letter| letter.is_ascii_uppercase())
        }
        // The rest of a list, or a section; else it is something that was pasted.
        None => {
            let begins = line.trim_start();
            let is_keyed = line.split_once('=').is_some_and(|(key, _)| key.trim_end().ends_with(['"', '\'']));
            !(begins.is_empty() || is_header(line) || (begins.starts_with(['"', ']']) && !is_keyed))
        }
    }
}

/// The line without what it says, and how many characters of it are as they are in the file. A section can only be told
/// from a list where no list is expected.
pub(super) fn without_value(line: &str, may_be_header: bool) -> (String, usize) {
    let indent = &line[..line.len() - line.trim_start().len()];
    match key(line) {
        Some(key) => (format!("{indent}{key} = …"), indent.chars().count() + key.len()),
        None if may_be_header && is_header(line) => (line.to_owned(), line.chars().count()),
        None => ("…".to_owned(), 0),
    }
}

/// At which character of the line begins what is left out where only so many are as they are.
pub(super) fn hidden_at(line: &str, same: usize) -> usize {
    let indent = line.len() - line.trim_start().len();
    match line.split_once('=').filter(|_| same > 0) {
        Some((key, value)) => {
            key.chars().count() + 1 + value.chars().take_while(|letter| letter.is_whitespace()).count()
        }
        None => line[..indent].chars().count(),
    }
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[') && !line.contains('=')
}

/// What the parser says, without what it found.
pub(super) fn without_found(message: &str) -> String {
    let found =
        ["invalid type: ", "invalid value: "].into_iter().find_map(|kind| Some((kind, message.strip_prefix(kind)?)));
    match (found, message.rsplit_once(", expected ")) {
        (Some((kind, found)), Some((_, expected))) => {
            let noun = found.split([' ', ',']).next().unwrap_or_default();
            format!("{kind}{noun}, expected {expected}")
        }
        _ => message.to_owned(),
    }
}
