//! What is wrong with deploy.toml, shown at its place: file, line, a caret, and the nearest thing that would be right.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{PATH, private};

/// A key must be at least this much like a known one to be taken for it.
const ALIKE: f64 = 0.7;

/// How many characters of a long line are shown on either side of where the caret begins, and of long words at either end.
const WIDTH: usize = 100;

/// The sections that must be there, and how they look.
const SECTIONS: [(&str, &str); 2] = [
    ("target", "add `[target]`, and below it `target_type = \"aws-lambda\"`"),
    ("server", "add `[server]`, and below it `name = \"my-mcp-server\"`"),
];

/// One wrong place in the file.
#[derive(Debug)]
pub(crate) struct Problem {
    what: String,
    help: Option<String>,
    snippet: Option<Snippet>,
}

#[derive(Debug)]
struct Snippet {
    /// Both counted from one; the column in characters.
    line: usize,
    column: usize,
    /// The line's text, as far as it may be shown, and which characters of it are meant.
    text: String,
    caret: Range<usize>,
}

/// What a place must not say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    Value,
    /// The value of a secret.
    Secret,
}

impl std::error::Error for Problem {}

impl Problem {
    /// From what the parser says.
    pub(super) fn of_parsing(text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().trim_end();
        if let Some(missing) = SECTIONS.iter().find(|(name, _)| message == format!("missing field `{name}`")) {
            let (name, help) = missing;
            // There is no place where it is not.
            return Self { what: format!("there is no section [{name}]"), help: Some((*help).into()), snippet: None };
        }
        let Some(span) = error.span() else {
            let (what, help) = explain(message);
            return Self { what, help, snippet: None };
        };
        // What nobody knows the key of may be anything.
        let (snippet, kept) = snippet(text, span, message.starts_with("unknown field"));
        if kept == Kept::Secret && message.starts_with("invalid type") {
            let key = private::key(&snippet.text).filter(|key| *key != private::SECRETS).unwrap_or("KEY");
            let name = key.strip_prefix("secrets.").unwrap_or(key);
            return Self {
                what: "the value of a secret does not belong in this file".into(),
                help: Some(format!(
                    "write `{key} = {{}}` here, and store the value with `cargo pmcp deploy secrets set {name}`; take what \
                     was here for known to others"
                )),
                snippet: Some(snippet),
            };
        }
        let (what, help) = match kept {
            Kept::Nothing => explain(message),
            Kept::Value | Kept::Secret => explain(&private::without_found(message)),
        };
        Self { what, help, snippet: Some(snippet) }
    }

    /// From a rule that the value of this key breaks.
    pub(super) fn of_value(text: &str, key: &[String], what: String) -> Self {
        // Behind that may be the value of a variable, which somebody took for a part of its name.
        let part = |part: &String| part.split_once('=').map_or_else(|| part.clone(), |(name, _)| format!("{name}=…"));
        let name = key.iter().map(part).collect::<Vec<_>>().join(".");
        let snippet = span(text, key).map(|span| snippet(text, span, false).0);
        Self { what: format!("`{}` is wrong: {what}", cut(&name)), help: None, snippet }
    }
}

/// The parser names what it expected between backticks; the nearest of it is what was meant.
fn explain(message: &str) -> (String, Option<String>) {
    let first = message.lines().next().unwrap_or(message);
    let names: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
    let kind = ["unknown field", "unknown variant"].into_iter().find(|kind| first.starts_with(kind));
    let (Some(kind), Some((wrong, known))) = (kind, names.split_first()) else {
        return (cut(first), usual(first).map(str::to_owned));
    };
    let wrong = &cut(wrong);
    let noun = if kind == "unknown field" { "key" } else { "value" };
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let help = match nearest {
        Some((_, name)) => format!("did you mean `{name}`? Known here: {list}"),
        None => format!("known here: {list}"),
    };
    (format!("there is no {noun} `{wrong}` here"), Some(help))
}

/// Words as far as anybody reads them: what is wrong with what, at either end.
fn cut(words: &str) -> String {
    let length = words.chars().count();
    if length <= 2 * WIDTH {
        return words.to_owned();
    }
    let letters = words.chars();
    letters.clone().take(WIDTH).chain(['…']).chain(letters.skip(length - WIDTH)).collect()
}

/// The part of a line that the caret is in, and the caret there.
fn around(text: &str, caret: &Range<usize>) -> (String, Range<usize>) {
    let length = text.chars().count();
    let part = caret.start.saturating_sub(WIDTH)..length.min(caret.start + WIDTH);
    let mark = |is_cut: bool| if is_cut { "…" } else { "" };
    let before = mark(part.start > 0);
    let shown: String = text.chars().skip(part.start).take(part.len()).collect();
    let moved = part.start - before.chars().count();
    // One that is behind the line's end stays there.
    let end = caret.end.min(part.end.max(caret.start + 1));
    (format!("{before}{shown}{}", mark(part.end < length)), caret.start - moved..end - moved)
}

/// What to do about what goes wrong in every TOML file sooner or later.
fn usual(message: &str) -> Option<&'static str> {
    let wants = |found: &str, expected: &[&str]| {
        message.starts_with(&format!("invalid type: {found}"))
            && expected.iter().any(|expected| message.ends_with(&format!(", expected {expected}")))
    };
    match message {
        _ if wants("string", &["u8", "u16", "u32", "u64", "f64"]) => Some("a number stands without quotes"),
        _ if wants("string", &["a boolean"]) => Some("`true` and `false` stand without quotes"),
        _ if wants("integer", &["a string"]) || wants("float", &["a string"]) || wants("boolean", &["a string"]) => {
            Some("write it in quotes: it is a text here, whatever is in it")
        }
        _ if message.starts_with("duplicate key") => Some("it is written twice: take out one of them"),
        _ => None,
    }
}

/// Where the value of a key is, or the nearest table above it that is written.
pub(crate) fn span(text: &str, key: &[impl AsRef<str>]) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    for part in key {
        let Some(value) = table.get(part.as_ref()) else { break };
        found = Some(value.span());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// The snippet, and what of it is kept.
fn snippet(text: &str, span: Range<usize>, is_unknown: bool) -> (Snippet, Kept) {
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
    let column = text.get(begin..start).map_or(0, |part| part.chars().count());
    let bytes = begin..begin + line.len();
    let section = private::section(text, &bytes);
    let kept = match section {
        Some(private::SECRETS) => Kept::Secret,
        Some(_) => Kept::Value,
        None if is_unknown || private::is_private(line) => Kept::Value,
        None => Kept::Nothing,
    };
    let (shown, same) = match kept == Kept::Nothing || line.trim().is_empty() {
        true => (line.to_owned(), usize::MAX),
        false if section.is_some() && private::is_in_text(text, &bytes) => ("…".to_owned(), 0),
        false => private::without_value(line, section.is_none()),
    };
    let length = shown.chars().count();
    let width = text.get(span).map_or(1, |part| part.chars().count());
    let (column, caret) = match column < same {
        true => (column, column..(column + width).min(length).max(column + 1)),
        // What stands for all that is not shown, and where that begins in the file.
        false => (private::hidden_at(line, same), length.saturating_sub(1)..length),
    };
    let line = before.matches('\n').count() + 1;
    (Snippet { line, column: column + 1, text: shown, caret }, kept)
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.what)?;
        if let Some(Snippet { line, column, text, caret, .. }) = &self.snippet {
            let (text, caret) = around(text, caret);
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // A tab before the caret moves it as far as it moved the text.
            let indent: String =
                text.chars().take(caret.start).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
            write!(out, "\n{margin}--> {PATH}:{line}:{column}")?;
            write!(out, "\n{margin} |\n{number} | {text}\n{margin} | {indent}{}", "^".repeat(caret.len()))?;
        } else {
            write!(out, "\nin {PATH}")?;
        }
        match &self.help {
            Some(help) => write!(out, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}
