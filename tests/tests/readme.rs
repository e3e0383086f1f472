//! What the README says to type, paste and expect, and what the other pages point to.
//!
//! Its Rust blocks are also examples in the documentation of pmcp-cloudrun, where `cargo test --doc` compiles and runs
//! them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use pmcp_tests::{Request, Server, exchange, run_to_end, skip, tool};
use serde_json::{Value, json};

const CALCULATOR: &str = "calculator-cloudrun";
const TOOLS: [&str; 5] = ["add", "countdown", "divide", "multiply", "subtract"];

/// Where the README has the server, and where its port is replaced.
const ADDRESS: &str = "127.0.0.1:8080";

/// A build is part of some of the commands.
const LIMIT: Duration = Duration::from_secs(300);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
}

/// A fenced block: what follows the opening fence, and what is in it.
#[derive(Debug)]
struct Block {
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let text: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
        blocks.push(Block { language: language.to_owned(), text: text.join("\n") });
    }
    blocks
}

/// The one block of the README in this language that begins with these words.
fn block(language: &str, begin: &str) -> String {
    let found: Vec<_> = blocks(&page("README.md"))
        .into_iter()
        .filter(|block| block.language == language && block.text.starts_with(begin))
        .collect();
    let [block] = &found[..] else { panic!("not one {language} block with {begin:?}: {found:?}") };
    block.text.clone()
}

#[test]
fn every_block_is_one_that_is_tested() {
    for Block { language, text } in blocks(&page("README.md")) {
        let begins_with = |begins: &[&str]| begins.iter().any(|begin| text.starts_with(begin));
        let is_tested = match language.as_str() {
            // Examples in the documentation of pmcp-cloudrun; `ignore` would leave them out there.
            "rust" | "rust,no_run" => true,
            "sh" => {
                let commands = ["cargo run ", "cargo xtask ", "curl ", "claude mcp add ", "npx "];
                begins_with(&commands) && text.lines().count() == 1
            }
            // The tests of cargo-pmcp read the second.
            "toml" => begins_with(&["[dependencies]", "[target]"]),
            "json" => begins_with(&["{"]),
            _ => false,
        };
        assert!(is_tested, "no test for this block of the README; write one:\n```{language}\n{text}\n```");
    }
}

/// A server that was started by a command of the README.
struct Started {
    child: Child,
    address: SocketAddr,
    /// What it said until it told how to connect.
    log: String,
    /// Kept open, for what it says later.
    _stderr: BufReader<ChildStderr>,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        let mut child = command
            .env("PORT", "0")
            .env_remove("HOST")
            .env_remove("K_SERVICE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut log = String::new();
        // Cargo's own lines come first; the hint for the Inspector is the last line of the start.
        while !log.lines().any(|line| line.contains("MCP Inspector:")) {
            let read = stderr.read_line(&mut log).expect("UTF-8");
            assert_ne!(read, 0, "{command:?} ended before it said where it listens:\n{log}");
        }
        let url = log.split_whitespace().find(|word| word.starts_with("http://") && word.ends_with("/mcp"));
        let url = url.unwrap_or_else(|| panic!("no URL that ends in /mcp:\n{log}"));
        let address = url["http://".len()..].trim_end_matches("/mcp").parse().expect("an address");
        Self { child, address, log, _stderr: stderr }
    }

    fn call(&self, request: &Request) -> Value {
        exchange(self.address, &request.to_bytes(self.address)).expect("an answer").result()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The cargo that runs the tests, in place of the one that the README has typed.
fn cargo(line: &str) -> Command {
    let words = line.strip_prefix("cargo ").unwrap_or_else(|| panic!("not for cargo: {line}"));
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words.split_whitespace()).current_dir(root());
    command
}

fn at(address: SocketAddr, text: &str) -> String {
    assert!(text.contains(ADDRESS), "it does not name {ADDRESS}: {text}");
    text.replace(ADDRESS, &address.to_string())
}

fn assert_all_tools(list: &Value) {
    let mut names: Vec<_> = list["tools"].as_array().expect("tools").iter().map(|tool| &tool["name"]).collect();
    names.sort_by_key(|name| name.as_str());
    assert_eq!(names, TOOLS);
}

#[test]
fn the_calculator_starts_and_says_how_to_connect() {
    let server = Started::new(&mut cargo(&block("sh", "cargo run ")));
    let hint = server.log.lines().find_map(|line| line.trim().strip_prefix("Claude Code:"));
    let hint = hint.unwrap_or_else(|| panic!("no hint for Claude Code:\n{}", server.log));
    assert_eq!(hint.trim(), at(server.address, &block("sh", "claude mcp add ")));

    if Command::new("curl").arg("--version").output().is_err() {
        return skip("the_calculator_starts_and_says_how_to_connect", "the curl line needs curl");
    }
    let finished = run_to_end(Command::new("sh").args(["-c", &at(server.address, &block("sh", "curl "))]), LIMIT);
    assert!(finished.is_success(), "{finished}");
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"));
    assert_all_tools(&answer["result"]);
}

#[test]
fn the_settings_for_vs_code() {
    let settings: Value = serde_json::from_str(&block("json", "{\n  \"servers\"")).expect("JSON");
    let server = &settings["servers"]["calculator"];
    assert_eq!(server["type"], "http");

    let running = Server::start(CALCULATOR, &[]);
    let url = at(running.addr(), server["url"].as_str().expect("a url"));
    let path = url.strip_prefix(&format!("http://{}", running.addr())).expect("the server's URL");
    let request = Request::modern("tools/list", json!({})).path(path);
    assert_all_tools(&exchange(running.addr(), &request.to_bytes(running.addr())).expect("an answer").result());
}

#[test]
fn the_line_for_the_inspector() {
    const TEST: &str = "the_line_for_the_inspector";
    let Some(node) = tool(TEST, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let line = block("sh", "npx ");
    let arguments = line.strip_prefix("npx @modelcontextprotocol/inspector ").expect("the Inspector's package");

    let running = Server::start(CALCULATOR, &[]);
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-inspector");
    fs::create_dir_all(&home).expect("a folder for the Inspector's own files");
    let finished = run_to_end(
        Command::new(node)
            .arg(clients.join("node_modules/.bin/mcp-inspector"))
            .args(at(running.addr(), arguments).split_whitespace())
            .env("HOME", home),
        LIMIT,
    );
    assert!(finished.is_success(), "{finished}");
    for name in TOOLS {
        assert!(finished.stdout.contains(&format!("\"{name}\"")), "no {name}: {finished}");
    }
}

#[test]
fn the_tasks_exist() {
    // Running the tests from the tests would never end; that the task is there is what can be seen.
    let help = run_to_end(&mut cargo("cargo xtask help"), LIMIT);
    assert!(help.is_success(), "{help}");
    assert!(block("sh", "cargo xtask ").starts_with("cargo xtask test"));
    for name in ["README.md", "CONTRIBUTING.md"] {
        let text = page(name);
        let tasks: Vec<_> = text.split("cargo xtask ").skip(1).collect();
        assert!(!tasks.is_empty(), "{name} names no task");
        for rest in tasks {
            let task = rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
            let begin = format!("cargo xtask {task} ");
            assert!(help.stdout.lines().any(|line| line.starts_with(&begin)), "{name} has {task}: {}", help.stdout);
        }
    }
}

#[test]
fn the_server_in_fifteen_lines() {
    let source = block("rust,no_run", "use pmcp_core::prelude::*;\n\nstruct Greeter;");
    let dependencies = block("toml", "[dependencies]");
    for name in ["pmcp-core", "pmcp-cloudrun"] {
        assert!(dependencies.contains(&format!("path = \"../pmcp/{name}\"")), "no path to {name}: {dependencies}");
    }
    // A literal string, since a path may have backslashes.
    let dependencies = dependencies
        .replace("\"../pmcp/pmcp-core\"", &format!("'{}'", root().join("pmcp-core").display()))
        .replace("\"../pmcp/pmcp-cloudrun\"", &format!("'{}'", root().join("pmcp-cloudrun").display()));

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-greeter");
    fs::create_dir_all(folder.join("src")).expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        // Cargo builds again what was written again.
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        }
    };
    // The profile and the versions of the workspace, so that what is built is used, and nothing is downloaded.
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"readme-greeter\"\nedition = \"2024\"\n\n{dependencies}\n\n\
             [workspace]\n\n[profile.dev]\ndebug = \"line-tables-only\"\n"
        ),
    );
    write("src/main.rs", &source);
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the workspace has a lock file");

    let mut build = cargo("cargo build --offline --quiet");
    let finished = run_to_end(build.current_dir(&folder).env("CARGO_TARGET_DIR", target), LIMIT);
    assert!(finished.is_success(), "{finished}");
    assert_eq!(finished.stderr, "", "a warning in the first server somebody writes");

    let executable = target.join("debug").join(format!("readme-greeter{}", std::env::consts::EXE_SUFFIX));
    let server = Started::new(&mut Command::new(executable));
    let greet = |arguments: Value| server.call(&Request::call("greet", arguments))["content"][0]["text"].clone();
    assert_eq!(greet(json!({"name": "Ada"})), "Hello, Ada!");
    assert_eq!(greet(json!({"name": "Ada", "loud": true})), "HELLO, ADA!");

    let lines = source.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 15, "it says 15 lines, and has {lines}");
}

const PAGES: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

#[test]
fn links_lead_somewhere() {
    let mut relative = 0;
    for name in PAGES {
        for rest in page(name).split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            if target.starts_with("https://") || target.is_empty() {
                continue;
            }
            assert!(root().join(target).exists(), "{name} links to {target}, which does not exist");
            relative += 1;
        }
    }
    assert!(relative > 0, "not a single link was found");
}

/// The map: a line that is not indented is a folder of the root, one that is indented by two something in it, and
/// those further in go on with what was said.
#[test]
fn the_map_is_true() {
    let architecture = page("ARCHITECTURE.md");
    let (_, section) = architecture.split_once("## The map\n").expect("a map");
    let map = blocks(section).into_iter().next().expect("a block").text;

    let (mut top, mut entry) = (PathBuf::new(), PathBuf::new());
    for line in map.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut words = line.split_whitespace();
        if indent <= 2 {
            let name = words.next().expect("no empty line in the map");
            entry = if indent == 0 { root().join(name) } else { top.join(name) };
            assert!(entry.exists(), "the map has {name}, which does not exist");
            if indent == 0 {
                top.clone_from(&entry);
            }
        }
        let folders = [&entry, &entry.join("src"), &top.join("src"), &top, &root().to_path_buf()].map(Clone::clone);
        for word in words.map(|word| word.trim_matches(|letter: char| ",;:()`".contains(letter))) {
            if word.ends_with(".rs") || word.ends_with('/') {
                let exists = folders.iter().any(|folder| folder.join(word).exists());
                assert!(exists, "the map says {word} of {}, and there is none", entry.display());
            }
        }
    }
    assert!(map.lines().count() > 15, "too short to be the map: {map}");
}

/// Paths in the text, written as `pmcp-core/src/protocol/`; those of the core may leave out where it is.
#[test]
fn paths_in_the_text_exist() {
    let mut found = 0;
    for name in PAGES {
        for code in page(name).split('`').skip(1).step_by(2) {
            let is_path = code.contains('/') && [".rs", ".toml", ".yml", "/"].iter().any(|end| code.ends_with(end));
            // `.pmcp` is a folder of projects that cargo-pmcp makes.
            if !is_path || code.contains(char::is_whitespace) || code.contains("://") || code.starts_with(".pmcp/") {
                continue;
            }
            let exists = ["", "pmcp-core/src"].iter().any(|folder| root().join(folder).join(code).exists());
            assert!(exists, "{name} names {code}, which does not exist");
            found += 1;
        }
    }
    assert!(found > 5, "only {found} paths were found");
}
