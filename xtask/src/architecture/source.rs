//! Rust source as the checks read it: without comments, the contents of literals, and test items.

use std::ops::Range;

/// The text with every comment and the contents of every string and character literal blanked.
/// Lines and columns stay where they are, so a position found in it is a position in the file.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_alphanumeric() || first == '_' {
            let (name, after) = rest.split_at(word(rest));
            code.push_str(name);
            rest = after;
            // `r"…"`, `br#"…"#` and the like; `r#name` is a name.
            if let "r" | "br" | "cr" = name
                && let Some(length) = raw_string(rest)
            {
                code.push_str(&blank(&rest[..length]));
                rest = &rest[length..];
            }
            continue;
        }
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest, '"'),
            '\'' => character(rest),
            _ => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        code.push_str(&blank(&rest[..length]));
        rest = &rest[length..];
    }
    code
}

/// The code with every item that only tests have blanked as well. Takes what [`code`] returned.
pub(super) fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut position = 0;
    for item in test_items(code) {
        kept.push_str(&code[position..item.start]);
        kept.push_str(&blank(&code[item.clone()]));
        position = item.end;
    }
    kept.push_str(&code[position..]);
    kept
}

/// How many lines the items have that only tests have.
pub(super) fn test_lines(code: &str) -> usize {
    test_items(code).map(|item| code[item].lines().count()).sum()
}

/// Where the items are that only tests have, each from its attribute to its end.
fn test_items(code: &str) -> impl Iterator<Item = Range<usize>> {
    const TEST: [&str; 2] = ["#[cfg(test)]", "#[cfg(all(test,"];
    let mut position = 0;
    std::iter::from_fn(move || {
        let rest = &code[position..];
        let start = TEST.iter().filter_map(|form| rest.find(form)).min()?;
        let item = position + start..position + start + item_length(&rest[start..]);
        position = item.end;
        Some(item)
    })
}

/// Spaces in the place of everything but the ends of lines.
fn blank(text: &str) -> String {
    text.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect()
}

/// Up to the end of the item: its semicolon, or the brace that closes its first block.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (position, letter) in item.char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' if depth <= 1 => return position + 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return position + 1,
            _ => {}
        }
    }
    item.len()
}

fn word(text: &str) -> usize {
    text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut position) = (0_usize, 0);
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// A literal from its opening to its closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return position + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A character literal, or just the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.chars().skip(1);
    match (letters.next(), letters.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(text, '\''),
        _ => 1,
    }
}

/// The length of `"…"` or `#"…"#`, if the text begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let body = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |found| found + end.len());
    Some(hashes + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("std::fs \" }") + 1"#, "f(              ) + 1"),
            (r##"r#"a " b"# c"##, "r          c"),
            ("b'{' '\\'' 'x' '\u{e9}'", "b            "),
            ("fn a<'a>(b: &'a str)", "fn a< a>(b: & a str)"),
            ("br\"{\" + r#type", "br    + r#type"),
            ("var\"x\"", "var   "),
        ] {
            let found = code(text);
            assert_eq!(found.trim_end(), expected.trim_end(), "{text}");
            assert_eq!(found.chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn test_items_are_blanked_and_what_follows_them_is_not() {
        let text = "use a;\n#[cfg(test)]\nmod tests;\nuse b;\n#[cfg(test)]\nmod more {\n    fn c(x: [u8; 2]) { d() }\n}\nuse e;\n";
        let kept = without_tests(&code(text));
        assert_eq!(kept.lines().count(), text.lines().count());
        assert_eq!(test_lines(&code(text)), 6);
        for (word, stays) in [("use a", true), ("tests", false), ("use b", true), ("d()", false), ("use e", true)] {
            assert_eq!(kept.contains(word), stays, "{word} in {kept}");
        }
    }

    #[test]
    fn tests_of_one_platform_are_tests() {
        let text = "#[cfg(all(test, unix))]\nmod tests {\n    a();\n}\nb();\n";
        assert_eq!(without_tests(text).trim(), "b();");
    }

    #[test]
    fn braces_in_literals_do_not_end_a_test_item() {
        let text = "#[cfg(test)]\nmod tests {\n    const A: char = '}';\n    const B: &str = \"}\";\n}\nuse b;\n";
        let kept = without_tests(&code(text));
        assert_eq!(kept.trim(), "use b;");
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        assert_eq!(code("a \"bc").trim(), "a");
        assert_eq!(code("a /* bc").trim(), "a");
    }
}
