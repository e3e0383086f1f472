//! Values that an error must not repeat, wherever it is shown: of secrets, of the environment, and of keys that nobody
//! knows.

/// The sections whose values are never shown.
const SECTIONS: [&str; 2] = ["secrets", "environment"];

/// The section that the line which begins at `begin` is in, or begins itself; empty before the first.
pub(super) fn section(text: &str, begin: usize) -> &str {
    let end = text.get(begin..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| begin + length);
    let lines = text.get(..end).unwrap_or(text).lines();
    let header = lines.rev().find_map(|line| line.trim_start().strip_prefix('['));
    let header = header.unwrap_or_default();
    let first = header.trim_start_matches('[').split(['.', ']', '=']).next().unwrap_or_default();
    first.trim().trim_matches(['"', '\''])
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

/// Whether what a line says is nobody's business.
pub(super) fn is_private(section: &str, line: &str) -> bool {
    let is_listed = |name: &str| SECTIONS.contains(&name);
    if is_listed(section) && !is_header(line) {
        return true;
    }
    match key(line) {
        // Keys of sections are in small letters, variables usually are not.
        Some(key) => {
            is_listed(key.split('.').next().unwrap_or_default())
                || key.chars().any(|letter| letter.is_ascii_uppercase())
        }
        // The rest of a list, or a section; else it is something that was pasted.
        None => {
            let begins = line.trim_start();
            !(begins.is_empty() || is_header(line) || begins.starts_with(['"', ']']))
        }
    }
}

/// The line without what it says, and how many characters of it are as they are in the file.
pub(super) fn without_value(line: &str) -> (String, usize) {
    let indent = &line[..line.len() - line.trim_start().len()];
    match key(line) {
        Some(key) => (format!("{indent}{key} = …"), indent.chars().count() + key.len()),
        None if is_header(line) => (line.to_owned(), line.chars().count()),
        None => ("…".to_owned(), 0),
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
