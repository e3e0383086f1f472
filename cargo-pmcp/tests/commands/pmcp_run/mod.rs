//! The files and the plan of the target pmcp-run, and what is said of a login that is not this program's.

mod deployments;
#[cfg(not(target_os = "macos"))]
mod keyring;
mod login;
mod logs;

use std::fs;
use std::process::{Command, Output, Stdio};

use super::answers::Answer;
use super::{Folder, assert_snapshot};

const CONFIG: &str = "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n";

/// A project that is deployed to the service at `base`, where a token logs in.
struct Place {
    folder: Folder,
    base: String,
}

impl Place {
    fn new(name: &str, base: String) -> Self {
        let folder = Folder::new(name);
        folder.write(".pmcp/deploy.toml", CONFIG);
        let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
        let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target"}}"#);
        // Builds for whatever it is told, as its fourth argument.
        let build = "/bin/mkdir -p target/$4/release; echo ELF > target/$4/release/crm-cloudrun";
        folder.program("cargo", &format!("if [ $1 = metadata ]; then echo '{metadata}'; exit 0; fi\n{build}"));
        folder.program("cargo-zigbuild", "exit 1");
        folder.program("zig", "exit 1");
        Self { folder, base }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.command(arguments);
        command.env("PMCP_RUN_URL", &self.base).env("PMCP_RUN_TOKEN", "a-token").stdin(Stdio::null());
        command
    }

    /// The exit code, and the message without what led to it.
    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        told(&self.command(arguments).output().expect("starts"))
    }
}

fn told(output: &Output) -> (Option<i32>, String) {
    let words = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    let begin = words.find("error: ").unwrap_or_default();
    (output.status.code(), words[begin..].to_owned())
}

/// What the service answers who is logged in and has deployed nothing.
fn usual(asked: &str) -> Answer {
    let body = match asked {
        "GET /v1/account" => r#"{"account":"acme","user":"ada"}"#,
        "GET /v1/servers/crm/secrets" => r#"{"secrets":[]}"#,
        _ => return not_found(),
    };
    ("200 OK", body.to_owned())
}

fn not_found() -> Answer {
    let problem = r#"{"type":"https://pmcp.run/problems/not-found","title":"it is not there","status":404}"#;
    ("404 Not Found\ncontent-type: application/problem+json", problem.to_owned())
}

#[test]
fn what_is_written_and_planned_is_what_it_was() {
    let folder = Folder::new("pmcp-run");
    folder.write("Cargo.toml", "[workspace]\n");
    let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    folder.printed(&["deploy", "init", "--target", "pmcp-run", "--name", "crm"]);
    let mut shown = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("was written");
    // Not this machine's, whose own compiler would do.
    let (other, rust) = if cfg!(target_arch = "x86_64") { ("arm64", "aarch64") } else { ("x86_64", "x86_64") };
    let config = "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n[pmcp_run]\narchitecture = \"OTHER\"\n\
                  memory_mb = 512\n[environment]\nGREETING = \"Hello\"\n[secrets]\nKEY = {}\n";
    folder.write(".pmcp/deploy.toml", &config.replace("OTHER", other));
    folder.program("cargo-zigbuild", "exit 1");
    folder.program("zig", "exit 1");
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(!plan.contains("Hello"), "values stay out of what is printed: {plan}");
    shown.push_str(&format!("\n=== the plan\n{}", plan.replace(rust, "OTHER").replace(other, "OTHER")));
    assert_snapshot("pmcp-run.txt", &shown);
    assert!(!folder.0.join("home").exists(), "nobody was asked for a login");
}

#[test]
fn a_login_of_another_program_is_ended_there() {
    let folder = Folder::new("logout");
    folder.config();
    assert_eq!(
        folder.refused(&["deploy", "logout"]),
        (
            Some(5),
            "error: the login to AWS Lambda belongs to a program that others use as well\nend it there: aws sso logout\n".into()
        )
    );
    assert_eq!(
        folder.printed(&["deploy", "logout", "--target", "pmcp-run"]),
        "no login to 127.0.0.1:9 was kept here\n"
    );
}

#[test]
fn an_address_in_a_path_is_no_place() {
    let folder = Folder::new("pmcp-run-place");
    let url = "https://mcp.example.com/x://api.pmcp.run";
    folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[pmcp_run]\nurl = \"{url}\"\n"));
    let printed = |arguments: &[&str]| {
        let output = folder.command(arguments).env_remove("PMCP_RUN_URL").output().expect("starts");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let words = "no login to mcp.example.com/x://api.pmcp.run was kept here\n";
    assert_eq!(printed(&["deploy", "logout"]), words);
    folder.write(".pmcp/deploy.toml", CONFIG);
    assert_eq!(printed(&["deploy", "logout"]), "no login to pmcp.run was kept here\n");
}

#[test]
fn a_variable_that_is_no_text_is_not_passed_over() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new("variables-no-text");
    folder.write(".pmcp/deploy.toml", CONFIG);
    for name in ["PMCP_RUN_URL", "PMCP_RUN_TOKEN", "CLOUDFLARE_API_TOKEN", "AWS_REGION", "https_proxy"] {
        let mut command = folder.command(&["deploy", "secrets", "set", "KEY", "--dry-run"]);
        let output = command.env(name, OsStr::from_bytes(b"http://127.0.0.1:9/\xff")).output().expect("starts");
        let words = format!(
            "error: what {name} has is no text in UTF-8\nset the variable anew, or unset it: nothing was begun\n"
        );
        assert_eq!(told(&output), (Some(5), words));
    }
}

#[test]
fn a_variable_that_says_another_service_is_named() {
    let folder = Folder::new("pmcp-run-variable");
    folder.write(".pmcp/deploy.toml", CONFIG);
    folder.write(".pmcp/deployed.json", r#"{"target_type":"pmcp-run","name":"crm","place":"pmcp.run"}"#);
    let note = "note: this project is deployed as crm in pmcp.run, and PMCP_RUN_URL now says 127.0.0.1:9: this is the latter\n";
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert!(code == Some(4) && words.starts_with(note), "{code:?} {words}");
}
