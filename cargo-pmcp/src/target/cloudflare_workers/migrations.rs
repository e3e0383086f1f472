//! Brings the tables of D1 databases up to date with what is in the package's folders of migrations.

use std::path::Path;

use super::account::Account;
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// How wrangler begins to say why one failed: of itself, and in Cloudflare's words.
const FAILED: [&str; 2] = [" failed with the following errors:", "/query) failed."];

/// Runs what no database knows yet; `settings` is wrangler's file.
pub(super) fn apply(account: &Account, config: &Config, package: &Path, settings: &str, output: Output) -> Result {
    for (binding, database) in &config.cloudflare.d1 {
        let Some(migrations) = &database.migrations else { continue };
        let arguments = ["d1", "migrations", "apply", binding, "--remote", "--config", settings];
        let done = output.wait(format!("bring the tables of {binding} up to date"), || {
            let call = account.wrangler(&arguments)?.folder(package);
            account.run_or(call, |words| failed(words, binding, &package.join(migrations)))
        });
        done.map_err(|failure| {
            failure.when_interrupted(
                "nothing was deployed; the database knows how far it came: run `cargo pmcp deploy` again, which goes on there",
            )
        })?;
    }
    Ok(())
}

/// The reason alone, out of the lists that wrangler prints around it.
fn failed(words: &str, binding: &str, folder: &Path) -> Option<Failure> {
    let mut lines = words.lines().skip_while(|line| !FAILED.iter().any(|failed| line.contains(failed)));
    lines.next()?;
    let why = lines.map(|line| line.split_once("[ERROR]").map_or(line, |(_, why)| why).trim());
    // What follows is about wrangler itself.
    let why = why.take_while(|line| !line.starts_with("If you think") && !line.contains("Logs were written"));
    let file = unfinished(words)?;
    Some(Failure::failed(
        format!("the migration {file} of {binding} failed: {}", why.collect::<Vec<_>>().join(" ")),
        format!("mend {}; those before it were run, and are not run again", folder.join(file).display()),
    ))
}

/// The first file in wrangler's lists that none of them says to be done.
fn unfinished(words: &str) -> Option<&str> {
    let named = |line| {
        let file = str::split_whitespace(line).find(|word| word.ends_with(".sql"))?;
        Some((file, line.contains('\u{2705}')))
    };
    let files: Vec<(&str, bool)> = words.lines().filter_map(named).collect();
    files.iter().find(|(file, _)| !files.contains(&(file, true))).map(|(file, _)| *file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_that_failed_is_told_with_its_reason_alone() {
        let lists = "Migrations to be applied:\n│ name           │\n│ 0001_words.sql │\n│ 0002_words.sql │\n│ 0003.sql │\n│ name \
                     │ status │\n│ 0001_words.sql │ ✅     │\n│ 0002_words.sql │ 🕒️     │\n│ 0003.sql │ 🕒️     │\n";
        let whole = "✘ [ERROR] Migration 0002_words.sql failed with the following errors:\n✘ [ERROR] near \"CRATE\": syntax error \
                     [code: 7500]\nIf you think this is a bug, say so";
        let told = "✘ [ERROR] A request to the Cloudflare API (/accounts/1/d1/database/2/query) failed.\n  near \"CRATE\": syntax \
                    error [code: 7500]\n  If you think this is a bug, say so\n🪵  Logs were written to \"x\"";
        let failed = |words: &str| failed(words, "NOTES", Path::new("w/migrations"));
        for words in [whole, told] {
            let failure = failed(&format!("{lists}{words}")).expect("is one").to_string();
            let expected = "the migration 0002_words.sql of NOTES failed: near \"CRATE\": syntax error [code: 7500]\nmend \
                            w/migrations/0002_words.sql; those before it were run, and are not run again";
            assert_eq!(failure, expected);
        }
        assert!(failed("X [ERROR] no such database").is_none() && failed(told).is_none());
    }
}
