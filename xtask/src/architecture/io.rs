//! Invariant 1: the core does no IO, has no clock and starts no threads.

use std::path::Path;

use super::paths::paths;
use super::workspace::{Finding, RustFile, read};
use crate::failure::Failure;

const CORE: &str = "pmcp-core/src/";

/// Modules nothing of which the core may name.
const MODULES: [&str; 4] = ["std::net", "std::fs", "std::env", "std::thread"];

/// Functions that read a clock, under whatever path they were imported.
const CLOCKS: [&str; 2] = ["SystemTime::now", "Instant::now"];

/// Macros that write to the process's output.
const OUTPUT: [&str; 4] = ["print", "println", "eprint", "eprintln"];

/// What clippy must refuse in the core, even where no path in the source shows it.
const REFUSED_BY_CLIPPY: [&str; 7] = [
    "std::net",
    "std::fs",
    "std::env",
    "std::thread",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "tokio::spawn",
];

/// Finds what the core's source names and must not.
pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with(CORE)) {
        for named in paths(&file.production) {
            let refused = MODULES.iter().any(|module| named.is_under(module))
                || CLOCKS.iter().any(|clock| named.ends_with(clock))
                || (named.bang && OUTPUT.contains(&named.path.as_str()));
            if refused {
                let what =
                    format!("the core does no IO, but names {}; ask the platform or the handler for it", named.path);
                findings.push(Finding::new(&file.path, named.line, what));
            }
        }
    }
    findings
}

/// Checks that the core's clippy.toml refuses the same and more.
pub(super) fn check_clippy(root: &Path) -> Result<Vec<Finding>, Failure> {
    const PATH: &str = "pmcp-core/clippy.toml";
    if !root.join(PATH).exists() {
        let what = "is missing; it lists what the core must not call";
        return Ok(vec![Finding::new(PATH, 0, what)]);
    }
    Ok(not_refused(&read(root, PATH)?)
        .into_iter()
        .map(|missing| {
            let what = format!("refuses nothing of {missing} (disallowed-methods or -types)");
            Finding::new(PATH, 0, what)
        })
        .collect())
}

fn not_refused(clippy: &str) -> Vec<&'static str> {
    let entries: Vec<&str> = clippy.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let lists =
        entries.iter().any(|line| line.starts_with("disallowed-methods") || line.starts_with("disallowed-types"));
    REFUSED_BY_CLIPPY
        .into_iter()
        .filter(|path| {
            let entry = format!("\"{path}");
            !lists || !entries.iter().any(|line| line.contains(&entry))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(&[RustFile::new(path, text)]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn io_in_the_core_is_found() {
        for bad in [
            "use std::net::TcpStream;",
            "use std::{collections::HashMap, fs};",
            "use std::{self, thread};",
            "fn a() { std::env::var(B); }",
            "let now = std::time::Instant::now();",
            "let now = SystemTime::now();",
            "println!(\"a\");",
            "eprintln!(\"a\");",
        ] {
            assert_eq!(found("pmcp-core/src/a.rs", bad), [1], "{bad}");
        }
    }

    #[test]
    fn what_only_looks_like_io_is_let_be() {
        for good in [
            "// std::fs::read\nuse core::net::IpAddr;",
            "const A: &str = \"std::env::var\";",
            "let now = platform.now();",
            "#[cfg(test)]\nmod tests { use std::fs; }",
            "writeln!(out)?;",
        ] {
            assert_eq!(found("pmcp-core/src/a.rs", good), [0; 0], "{good}");
        }
        assert_eq!(found("pmcp-cloudrun/src/a.rs", "use std::net;"), [0; 0]);
    }

    #[test]
    fn a_clippy_file_with_gaps_is_found() {
        let whole = REFUSED_BY_CLIPPY.map(|path| format!("    {{ path = \"{path}::x\" }},\n"));
        let text = format!("disallowed-methods = [\n{}]\n", whole.concat());
        assert_eq!(not_refused(&text), [""; 0]);
        let gap = text.replace("    { path = \"std::env::x\" },\n", "# \"std::env\"\n");
        assert_eq!(not_refused(&gap), ["std::env"]);
        assert_eq!(not_refused(""), REFUSED_BY_CLIPPY);
    }
}
