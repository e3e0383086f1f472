//! COMMANDS.md: what each subcommand does on each platform, from running it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Folder;

const TARGETS: [&str; 4] = ["aws-lambda", "cloudflare-workers", "google-cloud-run", "pmcp-run"];

const HEAD: &str = "\
# What each command does, platform by platform

Written by the tests. The end-to-end tests run every line that works; what does not work says so in the one line that
stands here, or names the line that does it, and ends with an exit code other than 0.
";

/// Subcommands in the order of `--help`, which leaves none out.
fn commands(folder: &Folder) -> Vec<String> {
    let listed = |arguments: &[&str]| {
        let help = folder.printed(&[arguments, &["--help"]].concat());
        let names = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names = names.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        let names: Vec<String> = names.filter(|name| *name != "help").map(str::to_owned).collect();
        assert!(names.len() > 2, "no commands in {help}");
        names
    };
    let mut commands = Vec::new();
    for name in &listed(&[]) {
        commands.push(name.clone());
        for inner in if name == "deploy" { listed(&["deploy"]) } else { Vec::new() } {
            match &inner as &str {
                "secrets" => {
                    commands.extend(listed(&["deploy", "secrets"]).iter().map(|name| format!("deploy secrets {name}")))
                }
                _ => commands.push(format!("deploy {inner}")),
            }
        }
    }
    commands
}

/// What a person is told who tries it.
fn cell(folder: &Folder, command: &str, target: &str) -> String {
    let mut arguments: Vec<&str> = command.split(' ').collect();
    arguments.extend(match command {
        "new" => &["crm", "--path", "pmcp", "--dry-run"][..],
        "deploy secrets set" | "deploy secrets delete" => &["KEY"],
        "completions" => &["bash"],
        "deploy logs" if target == "cloudflare-workers" => &["--tail"],
        _ => &[],
    });
    // Completions are the same for all of them.
    if command != "completions" {
        arguments.extend(["--target", target]);
    }
    let output = folder.run(&arguments);
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    match output.status.code() {
        // Here nothing is installed: that far it goes only if it is made for the platform.
        Some(0 | 4) if arguments.contains(&"--tail") => "works with `--tail`".into(),
        Some(0 | 4) => "works".into(),
        Some(2) if words.contains("is empty") => "works".into(),
        // With `new`, the command line itself knows the platforms.
        Some(2) => words.lines().next().unwrap_or_default().trim_start_matches("error: ").replace('|', "or"),
        // It is refused, and the line that does it stands below.
        _ if command == "deploy logout" && words.contains("end it there: ") => {
            format!("`{}`", words.lines().last().unwrap_or_default().trim_start_matches("end it there: "))
        }
        // That far goes only a login.
        Some(1) if words.contains("cannot be reached at") => "works".into(),
        _ => words.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

#[test]
fn the_table_in_the_documentation_is_what_happens() {
    let folder = Folder::new("table");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    folder.config();
    folder.write("Cargo.toml", "[workspace]\n");
    let mut table = format!("{HEAD}\n| |");
    for target in TARGETS {
        write!(table, " {target} |").expect("a string takes it");
    }
    table.push_str("\n|---|---|---|---|---|\n");
    for command in commands(&folder) {
        write!(table, "| `cargo pmcp {command}` |").expect("a string takes it");
        for target in TARGETS {
            let cell = cell(&folder, &command, target);
            assert!(!cell.is_empty(), "{command} says nothing of {target}");
            write!(table, " {cell} |").expect("a string takes it");
        }
        table.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("COMMANDS.md");
    if std::env::var_os("PMCP_UPDATE").is_some() {
        fs::write(&path, &table).expect("writes");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, table, "{} is old: run the tests with PMCP_UPDATE=1", path.display());
}
