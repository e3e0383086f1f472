//! What a binary may weigh: on Lambda each byte of it is loaded before the first request.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::program;

/// Binaries as they are deployed, and how many bytes they may have.
const LIMITS: [(&str, u64); 1] = [("calculator-lambda", 3_000_000)];

/// Builds them in release mode and weighs them. This costs some 30 s where only the workspace has changed.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    for (name, limit) in LIMITS {
        let flags = ["build", "--release", "--quiet", "--message-format=json", "--package", name];
        let built = program::capture(&mut program::cargo(root, flags))?;
        let path = executable(&built, name).ok_or_else(|| Failure::Missing {
            what: format!("cargo built no executable called {name}"),
            advice: "name one that there is in xtask/src/size.rs".into(),
        })?;
        let bytes = fs::metadata(&path).map_err(Failure::file("reading", &path))?.len();
        println!("{name}: {bytes} bytes of {limit}");
        if bytes > limit {
            return Err(Failure::TooLarge { name, bytes, limit });
        }
    }
    Ok(())
}

/// The path in what cargo says of `name`: a line of JSON, in which this member stands once.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let of_name = format!("\"name\":\"{name}\"");
    messages.lines().filter(|line| line.contains(&of_name)).find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        // Only Windows has a character in its paths that JSON writes otherwise.
        rest.split_once('"').map(|(path, _)| PathBuf::from(path.replace("\\\\", "\\")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_in_what_cargo_says() {
        let messages = r#"noise
            {"target":{"name":"other"},"executable":"/o"}
            {"target":{"name":"it"},"executable":null}
            {"target":{"name":"it"},"executable":"/it"}"#;
        assert_eq!(executable(messages, "it"), Some(PathBuf::from("/it")));
        assert_eq!(executable(messages, "none"), None);
    }
}
