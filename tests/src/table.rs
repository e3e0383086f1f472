//! COMMANDS.md: whether what it says of a platform was done.

/// What `dev` does has tests of its own, and completions those of cargo-pmcp.
const ELSEWHERE: [&str; 2] = ["dev", "completions"];

/// Asserts that every command which works on this platform has done what it says.
///
/// # Panics
///
/// If it has not.
pub fn assert_all_done(target: &str, has_done: impl Fn(&str) -> bool) {
    let mut rows = include_str!("../../cargo-pmcp/COMMANDS.md").lines().filter(|line| line.starts_with('|'));
    let cells = |row: &'static str| row.split('|').map(str::trim);
    let column = cells(rows.next().expect("titles")).position(|title| title == target).expect("a column");
    let mut count = 0;
    for row in rows {
        let Some(command) = row.strip_prefix("| `cargo pmcp ").and_then(|row| row.split('`').next()) else { continue };
        let works = cells(row).nth(column).expect("a cell").starts_with("works");
        if works && !ELSEWHERE.contains(&command) {
            assert!(has_done(command), "COMMANDS.md says that `{command}` works on {target}, and it was not run");
            count += 1;
        }
    }
    assert!(count >= 14, "only {count} commands in COMMANDS.md");
}
