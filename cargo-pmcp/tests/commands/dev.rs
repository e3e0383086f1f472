//! `cargo pmcp dev`: what is said of a server that does not start, and that it is told of what changed.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Folder;

const LIMIT: Duration = Duration::from_secs(20);

/// A project whose function is a script, and an emulator that is only listened to.
fn project(name: &str, settings: &str, script: &str) -> Folder {
    let folder = Folder::new(name);
    let config = "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n";
    folder.write(".pmcp/deploy.toml", &format!("{config}{settings}"));
    folder.program("crm-lambda", script);
    let built = folder.0.join("bin/crm-lambda").display().to_string();
    let message = format!(r#"{{"target":{{"name":"crm-lambda"}},"executable":"{built}"}}"#);
    super::halfway::cargo(&folder, &format!("echo '{message}'"));
    folder.program("cargo-lambda", "echo > watching; exec /bin/sleep 60");
    folder
}

/// Runs it until it has done something, and then tells it to end.
fn dev(folder: &Folder, more: impl FnOnce(), is_done: impl Fn() -> bool) -> Output {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let mut command = folder.command(&["dev", "--port", &port.to_string()]);
    let words = fs::File::create(folder.0.join("words")).expect("a file");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(words).spawn().expect("starts");
    until(|| folder.0.join("watching").exists());
    let _emulator = TcpListener::bind(("127.0.0.1", port)).expect("nobody listens there yet");
    more();
    until(is_done);
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(told.success());
    child.wait_with_output().expect("ends")
}

fn until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    // A test that waits in vain says what it has seen.
    while !is_so() && begin.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_that_does_not_start_has_no_url() {
    let folder = project("dev-ended", "[secrets]\nKEY = {}\n", "echo 'KEY is set: NotPresent' >&2; exit 101");
    let words = || fs::read_to_string(folder.0.join("words")).expect("was written");
    let output = dev(&folder, || (), || words().contains("it is started again when its source changes"));
    let words = words();
    let note = "note: KEY is under [secrets] in .pmcp/deploy.toml, and not set here: export it before, if the server reads it\n";
    assert!(words.contains(note), "{words}");
    assert!(words.contains("the server has ended (exit status: 101)"), "{words}");
    assert!(output.stdout.is_empty() && !words.contains("built and started anew"), "{words}");
}

#[test]
fn a_port_that_is_advised_is_one() {
    let folder = Folder::new("dev-port");
    folder.config();
    super::halfway::cargo(&folder, "exit 0");
    let (code, words) = folder.refused(&["dev", "--port", "0"]);
    assert!(code == Some(2) && words.contains("--port <PORT>"), "{words}");
    // Nobody, or somebody else, has it by now: either way it is taken.
    let _taken = TcpListener::bind("127.0.0.1:65535");
    let words = "error: the port 65535 is taken\nend what listens there, or choose another: --port 65534\n";
    assert_eq!(folder.refused(&["dev", "--port", "65535"]), (Some(5), words.into()));
}

#[test]
fn where_there_is_no_server_that_is_said() {
    let folder = Folder::new("dev-nothing");
    let said = "error: could not find `Cargo.toml` in `/home/ada` or any parent directory";
    folder.program("cargo", &format!("echo '{said}' >&2; exit 101"));
    let words = "error: . has no Cargo.toml, so there is no server in it\nmake one with `cargo pmcp new`, or name the \
                 folder of its workspace with -C\n";
    assert_eq!(folder.refused(&["dev"]), (Some(5), words.into()));
    folder.config();
    folder.program("cargo-lambda", "exit 0");
    assert_eq!(folder.refused(&["deploy", "--dry-run"]), (Some(5), words.into()));
}

#[test]
fn what_deploy_toml_says_by_now_is_told_to_the_server() {
    let settings = "[environment]\nMOOD = \"good\"\n";
    let script = "echo \"$PMCP_STATE_KEYS\" >> keys; echo \"$MOOD\" >> told; exec /bin/sleep 60";
    let folder = project("dev-environment", settings, script);
    let told = || fs::read_to_string(folder.0.join("told")).unwrap_or_default();
    let change = || {
        until(|| told() == "good\n");
        let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
        folder.write(".pmcp/deploy.toml", &config.replace("good", "better"));
    };
    let output = dev(&folder, change, || told() == "good\nbetter\n");
    assert_eq!(told(), "good\nbetter\n", "{}", fs::read_to_string(folder.0.join("words")).unwrap_or_default());
    // What a client was asked before is still good.
    let keys = fs::read_to_string(folder.0.join("keys")).expect("was told");
    assert!(matches!(keys.lines().collect::<Vec<_>>()[..], [one, other] if one == other && one.len() == 43), "{keys}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(lines.contains("claude mcp add --transport http crm http://127.0.0.1:"), "{lines}");
}
