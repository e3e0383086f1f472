//! The paths that a piece of code names, with the groups of `use` declarations taken apart.

/// A path such as `std::fs::read` and the line it stands on, counted from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: String,
    /// Whether a `!` follows: a macro's name.
    pub(super) bang: bool,
    /// The name that a `use` gives it with `as`.
    pub(super) alias: Option<String>,
}

impl Named {
    /// Whether the path is this one or lies under it.
    pub(super) fn is_under(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    /// Whether the path ends with this one, as `std::time::Instant::now` ends with `Instant::now`.
    pub(super) fn ends_with(&self, path: &str) -> bool {
        self.path.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    }
}

/// Every path in the code; takes text without comments and literals. A path of one name is one.
pub(super) fn paths(code: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let tokens = tokens(code);
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        // `impl Trait + use<'a>` is no declaration.
        let declares = tokens.get(position + 1).is_none_or(|next| next.text != "<");
        if token.text == "use" && declares {
            let mut tree = Tree { tokens: &tokens, position: position + 1, found: &mut found };
            tree.read("");
            position = tree.position.max(position + 1);
        } else if token.is_name() {
            position = plain(&tokens, position, &mut found);
        } else {
            position += 1;
        }
    }
    found
}

struct Token<'a> {
    line: usize,
    text: &'a str,
}

impl Token<'_> {
    fn is_name(&self) -> bool {
        self.text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
    }
}

/// Names, `::`, and single signs.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, content) in code.lines().enumerate() {
        let mut rest = content.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (text, after) = rest.split_at(length);
            tokens.push(Token { line: index + 1, text });
            rest = after.trim_start();
        }
    }
    tokens
}

/// Reads `a::b::c` and returns the position behind it.
fn plain(tokens: &[Token<'_>], start: usize, found: &mut Vec<Named>) -> usize {
    let text = |position: usize| tokens.get(position).map_or("", |token| token.text);
    let mut path = tokens[start].text.to_owned();
    let mut position = start + 1;
    while text(position) == "::" && tokens.get(position + 1).is_some_and(Token::is_name) {
        path.push_str("::");
        path.push_str(text(position + 1));
        position += 2;
    }
    found.push(Named {
        line: tokens[start].line,
        path,
        bang: text(position) == "!" && text(position + 1) != "=",
        alias: None,
    });
    position
}

/// Reads what follows `use`: names, groups in braces, `*` and `as`.
struct Tree<'a, 'b> {
    tokens: &'a [Token<'a>],
    position: usize,
    found: &'b mut Vec<Named>,
}

impl<'a> Tree<'a, '_> {
    fn next(&mut self) -> Option<&'a Token<'a>> {
        let token = self.tokens.get(self.position)?;
        self.position += 1;
        Some(token)
    }

    /// Reads one branch; ends before `,`, `}` or `;`.
    fn read(&mut self, prefix: &str) {
        let mut path = prefix.to_owned();
        let mut alias = None;
        let mut line = 0;
        while let Some(token) = self.next() {
            match token.text {
                "," | "}" | ";" => {
                    self.position -= 1;
                    break;
                }
                "::" if path.is_empty() => {}
                "::" => path.push_str("::"),
                "{" => return self.group(&path),
                "as" => alias = self.next().map(|name| name.text.to_owned()),
                name => {
                    path.push_str(name);
                    line = token.line;
                }
            }
        }
        if line > 0 {
            self.found.push(Named { line, path: path.trim_end_matches("::self").to_owned(), bang: false, alias });
        }
    }

    fn group(&mut self, prefix: &str) {
        loop {
            self.read(prefix);
            match self.next().map(|token| token.text) {
                Some(",") => {}
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> Vec<String> {
        paths(code).into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn groups_are_taken_apart() {
        assert_eq!(
            found("use std::{fs::{self, File}, io as input, net::*};\nuse ::http::Uri;"),
            ["std::fs", "std::fs::File", "std::io", "std::net::*", "http::Uri"]
        );
    }

    #[test]
    fn code_after_a_use_is_read_on() {
        assert_eq!(
            found("use a::{\n    b,\n};\nlet c = std::env::var(d);"),
            ["a::b", "let", "c", "std::env::var", "d"]
        );
        assert_eq!(found("impl A + use<> { b }"), ["impl", "A", "use", "b"]);
    }

    #[test]
    fn lines_aliases_and_macros_are_known() {
        let named = paths("use a::b as c;\nprintln!(d);\nif e != f {}");
        assert_eq!(named[0].alias.as_deref(), Some("c"));
        assert_eq!((named[1].line, named[1].bang), (2, true));
        assert!(named[2..].iter().all(|named| !named.bang), "{named:?}");
    }

    #[test]
    fn paths_compare_by_whole_names() {
        let named = &paths("std::fs_extra::SystemTime::nowhere")[0];
        assert!(!named.is_under("std::fs"));
        assert!(named.is_under("std"));
        assert!(!named.ends_with("SystemTime::now"));
        assert!(named.ends_with("SystemTime::nowhere"));
    }

    #[test]
    fn an_unfinished_use_ends_with_the_file() {
        assert_eq!(found("use a::{b,"), ["a::b"]);
        assert_eq!(found("use"), Vec::<String>::new());
    }
}
