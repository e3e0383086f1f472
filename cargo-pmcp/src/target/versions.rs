//! Which version a rollback goes to, wherever there are versions.

use crate::failure::{Failure, Result};

/// The version to go back to.
pub(super) fn choose(versions: &[String], live: &str, wanted: Option<&str>) -> Result<String> {
    let refused = |what: String| Err(Failure::refused(what, others(versions, live)));
    match wanted {
        Some(wanted) if wanted == live => refused(format!("version {live} is live already")),
        Some(wanted) if versions.iter().any(|version| version == wanted) => Ok(wanted.to_owned()),
        Some(wanted) => refused(format!("there is no version {wanted}")),
        None => match versions.iter().take_while(|version| *version != live).last() {
            Some(before) => Ok(before.clone()),
            None => refused(format!("there is no version before {live}, which is live")),
        },
    }
}

/// What else there is to go to, as an advice.
pub(super) fn others(versions: &[String], live: &str) -> String {
    let others: Vec<&str> = versions.iter().map(String::as_str).filter(|version| *version != live).collect();
    match others.last() {
        Some(last) => format!("choose from {}: `cargo pmcp deploy rollback {last}`", others.join(", ")),
        None => "there is no other; deploy once more to have two".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_goes_to_the_version_before_or_the_one_named() {
        let versions = ["1", "2", "10"].map(str::to_owned);
        let choose = |live, wanted| choose(&versions, live, wanted).map_err(|failure| failure.to_string());
        assert_eq!(choose("10", None), Ok("2".into()));
        assert_eq!(choose("2", None), Ok("1".into()));
        assert_eq!(choose("1", Some("10")), Ok("10".into()));
        let others = "choose from 2, 10: `cargo pmcp deploy rollback 10`";
        let none = format!("there is no version before 1, which is live\n{others}");
        assert_eq!(choose("1", None), Err(none));
        assert_eq!(choose("1", Some("1")), Err(format!("version 1 is live already\n{others}")));
        assert_eq!(choose("1", Some("3")), Err(format!("there is no version 3\n{others}")));
        let only = super::choose(&["1".to_owned()], "1", None).map_err(|failure| failure.to_string());
        let words = "there is no version before 1, which is live\nthere is no other; deploy once more to have two";
        assert_eq!(only, Err(words.to_owned()));
    }
}
