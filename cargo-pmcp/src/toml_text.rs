//! Changes one value of a TOML file, and leaves the rest of the text as its author wrote it.

use toml::de::{DeTable, DeValue};

use crate::config::span;

/// The text with another value for a key that is written there.
pub(crate) fn replace_string(text: &str, key: &[&str], value: &str) -> Option<String> {
    // Only a key that is there itself has a place of its own.
    let _before = string_at(text, key)?;
    let span = span(text, key)?;
    Some(format!("{}{}{}", text.get(..span.start)?, quote(value), text.get(span.end..)?))
}

/// The text with one more string at the end of a list; as it is, if the string is in the list.
pub(crate) fn add_string(text: &str, key: &[&str], value: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let (last, path) = key.split_last()?;
    for part in path {
        let DeValue::Table(inner) = table.get(*part)?.get_ref() else { return None };
        table = inner;
    }
    let list = table.get(*last)?;
    let DeValue::Array(items) = list.get_ref() else { return None };
    if items.iter().any(|item| matches!(item.get_ref(), DeValue::String(found) if found == value)) {
        return Some(text.to_owned());
    }
    let (place, comma) = match items.last() {
        Some(item) => (item.span().end, ", "),
        None => (list.span().start + 1, ""),
    };
    Some(format!("{}{comma}{}{}", text.get(..place)?, quote(value), text.get(place..)?))
}

/// The text with these lines at its end, a blank line before them.
pub(crate) fn append(text: &str, lines: &str) -> String {
    format!("{}\n\n{lines}", text.trim_end())
}

/// Whether a table or a value of this key is written there.
pub(crate) fn has(text: &str, key: &[&str]) -> bool {
    let Ok(document) = DeTable::parse(text) else { return false };
    let mut table = document.get_ref();
    for (place, part) in key.iter().enumerate() {
        match table.get(*part).map(|found| found.get_ref()) {
            Some(DeValue::Table(inner)) => table = inner,
            Some(_) => return place + 1 == key.len(),
            None => return false,
        }
    }
    true
}

/// The string that is written for a key.
pub(crate) fn string_at(text: &str, key: &[&str]) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let (last, path) = key.split_last()?;
    for part in path {
        let DeValue::Table(inner) = table.get(*part)?.get_ref() else { return None };
        table = inner;
    }
    match table.get(*last)?.get_ref() {
        DeValue::String(found) => Some(found.to_string()),
        _ => None,
    }
}

/// The text with a string for a key that its section has not yet: where a comment says how it would look, or right below
/// the section's name.
pub(crate) fn insert_string(text: &str, section: &str, key: &str, value: &str) -> Option<String> {
    let header = format!("[{section}]");
    let is_header = |line: &&str| line.split('#').next().is_some_and(|line| line.trim() == header);
    let (line, hint) = (format!("{key} = {}\n", quote(value)), format!("# {key} = "));
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let below = lines.iter().position(is_header)? + 1;
    let mut own = lines.iter().skip(below).take_while(|line| !line.starts_with('['));
    let hinted = own.position(|line| line.starts_with(&hint));
    match hinted {
        Some(at) => lines[below + at] = &line,
        None => lines.insert(below, &line),
    }
    let new = lines.concat();
    (string_at(&new, &[section, key])? == value).then_some(new)
}

/// A JSON string is a TOML string.
fn quote(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_value_is_changed() {
        let text = "# mine\r\n[target]\ntarget_type   =  'aws-lambda' # why\n\n[server]\nname = \"crm\"";
        let found = replace_string(text, &["target", "target_type"], "pmcp-run").expect("is there");
        assert_eq!(found, text.replace("'aws-lambda'", "\"pmcp-run\""));
        assert_eq!(replace_string(text, &["target", "region"], "x"), None);
        let inline = "target = { target_type = \"aws-lambda\" }\n";
        let found = replace_string(inline, &["target", "target_type"], "pmcp-run").expect("is there");
        assert_eq!(found, "target = { target_type = \"pmcp-run\" }\n");
    }

    #[test]
    fn what_a_section_has_not_yet_is_put_where_the_file_says_it_would_be() {
        let text = "[cloudflare] # mine\n# account_id = \"…\" # or not\nroutes = []\n[secrets]\n# account_id = 1\n";
        let found = insert_string(text, "cloudflare", "account_id", "0f").expect("has the section");
        assert_eq!(found, text.replacen("# account_id = \"…\" # or not", "account_id = \"0f\"", 1));
        let found = insert_string("[gcp]\n[secrets]\n", "gcp", "region", "x").expect("has the section");
        assert_eq!(found, "[gcp]\nregion = \"x\"\n[secrets]\n");
        assert_eq!(insert_string("gcp = {}\n", "gcp", "region", "x"), None);
        // Nor is a text with such a line in it a section.
        assert_eq!(insert_string("a = \"\"\"\n[gcp]\n\"\"\"\n", "gcp", "region", "x"), None);
    }

    #[test]
    fn a_list_is_added_to_once() {
        let add = |text: &str| add_string(text, &["workspace", "members"], "c");
        assert_eq!(add("[workspace]\nmembers = []\n").as_deref(), Some("[workspace]\nmembers = [\"c\"]\n"));
        let text = "[workspace]\nmembers = [\n    \"a\",\n    \"b\", # why\n]\n";
        let found = add(text).expect("is a list");
        assert_eq!(found, text.replace("\"b\"", "\"b\", \"c\""));
        assert_eq!(add(&found).as_deref(), Some(&found as &str), "it is there already");
        assert_eq!(add("[package]\n"), None);
    }

    #[test]
    fn what_is_written_is_seen() {
        let text = "[workspace]\n[profile.workers]\nlto = true\n";
        assert!(has(text, &["workspace"]) && has(text, &["profile", "workers", "lto"]));
        assert!(!has(text, &["profile", "release"]) && !has(text, &["package"]));
    }
}
