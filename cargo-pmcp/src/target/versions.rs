//! Which version a rollback goes to, wherever there are versions.

use crate::failure::{Failure, Result};

/// The version to go back to.
pub(super) fn choose(versions: &[String], live: &str, wanted: Option<&str>) -> Result<String> {
    let list = versions.join(", ");
    if let Some(wanted) = wanted {
        if wanted == live {
            return Err(Failure::refused(format!("version {live} is live already"), format!("choose from {list}")));
        }
        return match versions.iter().any(|version| version == wanted) {
            true => Ok(wanted.to_owned()),
            false => Err(Failure::refused(format!("there is no version {wanted}"), format!("choose from {list}"))),
        };
    }
    let before = versions.iter().take_while(|version| *version != live).last();
    before.cloned().ok_or_else(|| {
        Failure::refused(
            format!("there is no version before {live}, which is live"),
            format!("there are these: {list}; deploy once more to have two"),
        )
    })
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
        let refused = choose("1", None).expect_err("there is none before");
        assert_eq!(
            refused,
            "there is no version before 1, which is live\nthere are these: 1, 2, 10; deploy once more to have two"
        );
        assert_eq!(choose("2", Some("2")), Err("version 2 is live already\nchoose from 1, 2, 10".into()));
        assert_eq!(choose("2", Some("3")), Err("there is no version 3\nchoose from 1, 2, 10".into()));
    }
}
