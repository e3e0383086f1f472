//! `cargo pmcp new`.

use std::fs;

use super::{Folder, assert_snapshot};

#[test]
fn a_new_project_is_what_it_was() {
    let folder = Folder::new("new");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    let targets = [
        "--target",
        "stdio",
        "--target",
        "aws-lambda",
        "--target",
        "google-cloud-run",
        "--target",
        "cloudflare-workers",
    ];
    let plan = folder.printed(&[&["new", "my-crm", "--path", "pmcp", "--dry-run"], &targets[..]].concat());
    assert!(!folder.0.join("my-crm").exists(), "a dry run writes nothing");
    folder.printed(&[&["new", "my-crm", "--path", "pmcp"], &targets[..]].concat());
    let mut shown = plan.clone();
    for line in plan.lines() {
        let path = line.strip_prefix("write   ").expect("a file");
        let content = fs::read_to_string(folder.0.join("my-crm").join(path)).expect("was written");
        shown.push_str(&format!("\n=== {path}\n{content}"));
    }
    assert_snapshot("new.txt", &shown.replace(&folder.0.display().to_string(), "/home/ada"));
}

#[test]
fn its_readme_names_commands_that_there_are() {
    let folder = Folder::new("new-readme");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    for (name, target) in
        [("lambda", "aws-lambda"), ("workers", "cloudflare-workers"), ("run", "pmcp-run"), ("io", "stdio")]
    {
        folder.printed(&["new", name, "--target", target, "--path", "pmcp"]);
        let readme = fs::read_to_string(folder.0.join(name).join("README.md")).expect("was written");
        assert!(!readme.contains("{{"), "{readme}");
        let commands = readme.split("cargo pmcp ").skip(1);
        let mut count = 0;
        for command in commands.map(|rest| rest.split(['`', '\n']).next().unwrap_or_default()) {
            if command.starts_with(char::is_lowercase) {
                let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
                assert!(folder.printed(&words).contains("Usage:"), "{command}");
                count += 1;
            }
        }
        assert!(count > 10, "{readme}");
        for part in ["cargo install --path ../pmcp/cargo-pmcp", "## Deploy it", "deploy secrets set PMCP_STATE_KEYS"] {
            assert!(readme.contains(part), "{readme}");
        }
        assert_eq!(readme.contains("cargo pmcp dev"), target != "stdio", "{readme}");
        assert_eq!(readme.contains("/lambda-url/lambda-lambda/mcp"), target == "aws-lambda", "{readme}");
    }
}

#[test]
fn the_way_to_a_checkout_is_short() {
    let folder = Folder::new("new-way");
    folder.write("here/pmcp/pmcp-core/Cargo.toml", "");
    folder.write("there/file", "");
    let written = |path: &str| {
        drop(fs::remove_dir_all(folder.0.join("there/crm")));
        folder.printed(&["-C", "there", "new", "crm", "--path", path]);
        fs::read_to_string(folder.0.join("there/crm/Cargo.toml")).expect("was written")
    };
    let text = written("there/../here/pmcp");
    assert!(text.contains(r#"pmcp-core = { path = "../../here/pmcp/pmcp-core" }"#), "{text}");
    let whole = folder.0.join("here/pmcp");
    let text = written(&whole.display().to_string());
    assert!(text.contains(&format!("pmcp-core = {{ path = {:?} }}", whole.join("pmcp-core"))), "{text}");
}

#[test]
fn new_says_what_is_next() {
    let folder = Folder::new("new-next");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    for (name, target, next) in [
        ("one", "aws-lambda", "cargo pmcp dev\nthen: cargo pmcp deploy init --target aws-lambda"),
        ("two", "pmcp-run", "cargo pmcp dev\nthen: cargo pmcp deploy init --target pmcp-run"),
        ("three", "stdio", "cargo build"),
    ] {
        let printed = folder.printed(&["new", name, "--target", target, "--path", "pmcp"]);
        assert!(printed.ends_with(&format!("\nnext: cd {name} && cargo test && {next}\n")), "{printed}");
    }
    let readme = |name: &str| fs::read_to_string(folder.0.join(name).join("README.md")).expect("was written");
    assert!(readme("two").contains("\ncargo pmcp deploy init --target pmcp-run\n"), "{}", readme("two"));
    // Those that were typed, in the order that they were typed in.
    let targets = ["stdio", "pmcp-run", "cloudflare-workers", "google-cloud-run", "pmcp-run"];
    let targets: Vec<&str> = targets.iter().flat_map(|target| ["--target", target]).collect();
    let printed = folder.printed(&[&["new", "four", "--path", "pmcp"], &targets[..]].concat());
    let then = "\nthen: cargo pmcp deploy init --target pmcp-run, or cloudflare-workers, or google-cloud-run\n";
    assert!(printed.ends_with(then), "{printed}");
    let others = "others are `cloudflare-workers`, `google-cloud-run` and `aws-lambda`.\n";
    assert!(readme("four").contains(others), "{}", readme("four"));
    let printed = folder.printed(&["new", "five", "--path", "pmcp"]);
    assert!(printed.ends_with("\nthen: cargo pmcp deploy init --target google-cloud-run, or pmcp-run\n"), "{printed}");
}

#[test]
fn new_says_why_not() {
    let folder = Folder::new("new-refused");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    folder.write("taken/file", "");
    for (arguments, code, words) in [
        (
            &["new", "taken", "--path", "pmcp"][..],
            5,
            "error: taken is there already, and not empty\nchoose another name, or remove it\n",
        ),
        (
            &["new", "My_Server", "--path", "pmcp"],
            2,
            "error: `My_Server` cannot be the server's name: a name has up to 50 lower-case letters, digits and hyphens, \
             begins with a letter and does not end with a hyphen, as my-server does\nchoose another name\n",
        ),
        (
            &["new", "crm", "--git", "not a url\"'"],
            2,
            "error: `not a url\"'` is no URL of a git repository that cargo takes\nthey look like this: \
             https://example.com/pmcp.git, or ssh://git@example.com/pmcp.git\n",
        ),
        (
            &["new", "fn", "--path", "pmcp"],
            2,
            "error: `fn` cannot be the server's name, as its crate would have it too: it is a word of Rust\nchoose another \
             name; on the platform it can be changed with `deploy init --name`\n",
        ),
    ] {
        assert_eq!(folder.refused(arguments), (Some(code), words.to_owned()));
    }
    for (name, why) in [
        ("self", "it is a word of Rust"),
        ("yield", "it is a word of Rust"),
        ("std", "a crate of Rust's own is called so"),
        ("core", "a crate of Rust's own is called so"),
        ("tokio", "the project depends on a crate of this name"),
        ("schemars", "the project depends on a crate of this name"),
        ("serde", "the project depends on a crate of this name"),
        ("serde-json", "the project depends on a crate of this name"),
        ("pmcp-core", "the packages of pmcp begin so"),
        ("pmcp", "its packages would be called as those of pmcp are"),
    ] {
        let (code, words) = folder.refused(&["new", name, "--path", "pmcp"]);
        assert!(code == Some(2) && words.contains(&format!("would have it too: {why}\n")), "{words}");
        assert!(!folder.0.join(name).join("Cargo.toml").exists());
    }
    for name in ["server", "main", "greeter", "core-crm"] {
        folder.printed(&["new", name, "--path", "pmcp", "--dry-run"]);
    }
    let (code, words) = folder.refused(&["new", "crm", "--path", "elsewhere"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("elsewhere is no checkout of pmcp: it has no pmcp-core/Cargo.toml"), "{words}");
    let (code, words) = folder.refused(&["new", "crm"]);
    assert!(code == Some(2) && words.contains("were not provided:\n  <--path <DIR>|--git <URL>>\n"), "{words}");
    let (code, words) = folder.refused(&["new", "crm", "--path", "pmcp", "--git", "https://example.com/pmcp.git"]);
    assert!(code == Some(2) && words.contains("'--path <DIR>' cannot be used with '--git <URL>'"), "{words}");
}

#[test]
fn every_target_is_offered() {
    let folder = Folder::new("new-targets");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    let help = folder.printed(&["new", "--help"]);
    for target in ["aws-lambda", "cloudflare-workers", "google-cloud-run", "pmcp-run", "stdio"] {
        assert!(help.contains(&format!("- {target}: ")), "{target} is not in {help}");
    }
    // It has the same `main` as another.
    let made = folder.printed(&["new", "crm", "--path", "pmcp", "--target", "pmcp-run", "--dry-run"]);
    assert!(made.contains("write   google-cloud-run/src/main.rs\n"), "{made}");
    let (code, words) = folder.refused(&["new", "crm", "--path", "pmcp", "--target", "pmcp"]);
    assert!(code == Some(2) && words.contains("pmcp-run"), "{words}");
}
