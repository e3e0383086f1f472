//! `cargo pmcp completions`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::Folder;

#[test]
fn shells_get_completions() {
    let folder = Folder::new("completions");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(folder.printed(&["completions", shell]).contains("rollback"), "{shell}");
    }
    let json = folder.printed(&["completions", "bash", "--json"]);
    let script: String = serde_json::from_str(&json).expect("one document, as with --json of any command");
    assert_eq!(script.trim_end(), folder.printed(&["completions", "bash"]).trim_end());
}

/// Asks the function that bash would ask for the last word.
const ASK: &str = r#"
_before() { COMPREPLY=(before); }
complete -F _before cargo
source completions.bash
# Whoever opens a shell in a shell has it twice.
source completions.bash
ask() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  local by; by="$(complete -p "$1")"; by="${by#* -F }"
  "${by%% *}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  echo "${COMPREPLY[*]}"
}
ask cargo pmcp dep
ask cargo pmcp deploy sec
ask cargo pmcp deploy --target aws
ask cargo-pmcp deploy secrets l
ask cargo build --rel
ask cargo pm
"#;

#[test]
fn bash_completes_both_ways_to_type_it_and_cargo_as_before() {
    let bash = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).exists());
    let Some(bash) = bash else {
        eprintln!("skipped: there is no bash here");
        return;
    };
    let folder = Folder::new("completions-bash");
    folder.write("completions.bash", &folder.printed(&["completions", "bash"]));
    let asked = Command::new(bash).args(["--norc", "-c", ASK]).current_dir(&folder.0).output().expect("bash starts");
    let answers = String::from_utf8(asked.stdout).expect("UTF-8");
    assert_eq!(
        answers,
        "deploy\nsecrets\naws-lambda\nlist\nbefore\nbefore\n",
        "{}",
        String::from_utf8_lossy(&asked.stderr)
    );
}

#[test]
fn fish_and_zsh_are_told_of_both() {
    let folder = Folder::new("completions-others");
    let fish = folder.printed(&["completions", "fish"]);
    assert!(fish.contains("complete -c cargo -n \"__fish_seen_subcommand_from pmcp\""), "{fish}");
    // The function that cargo's own completion looks for.
    assert!(folder.printed(&["completions", "zsh"]).starts_with("#compdef cargo-pmcp\n"));
}

/// As `| head -1` does.
#[test]
fn who_has_seen_enough_may_go() {
    let folder = Folder::new("completions-head");
    let mut command = folder.command(&["completions", "bash"]);
    let words = folder.0.join("words");
    let file = fs::File::create(&words).expect("a file");
    let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().expect("starts");
    let mut line = String::new();
    let mut lines = BufReader::with_capacity(16, child.stdout.take().expect("a pipe"));
    lines.read_line(&mut line).expect("text");
    drop(lines);
    assert!(child.wait().expect("ends").success());
    assert_eq!(fs::read_to_string(words).expect("words"), "");
}
