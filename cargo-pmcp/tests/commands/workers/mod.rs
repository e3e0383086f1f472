//! Cloudflare Workers: what a person meets first, with a wrangler and an API that say what the test wants.

mod accounts;
mod dev;
mod elsewhere;
mod halfway;
mod interrupts;
mod logins;
mod made;
mod reached;
mod surroundings;
mod traces;
mod versions;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;

use super::{Folder, assert_snapshot};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
const PLACE: &str = "the account 0123456789abcdef0123456789abcdef";
const MINE: &str = r#"{"bindings":[],"tags":["pmcp:server=crm"]}"#;

/// What the API answers: the end of a path, a status and a result or an error; where the status is 0 it writes the file
/// `asked`, and never answers. What is changed or removed is in the file `bodies`.
type Answers = &'static [(&'static str, u16, &'static str)];

/// An API that answers the first that fits, and else that nothing is there. Before all of them comes what programs have
/// written into the file meanwhile, the last line first.
fn api(answers: Answers, file: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut first = String::new();
            stream.read_line(&mut first).expect("a request");
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).expect("a header");
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let path = first.split(' ').nth(1).unwrap_or_default();
            if first.starts_with("PATCH ") || first.starts_with("DELETE ") {
                let method = first.split(' ').next().unwrap_or_default();
                let told = format!("{method} {path} {}\n", String::from_utf8_lossy(&body));
                let bodies = File::options().append(true).create(true).open(file.with_file_name("bodies"));
                bodies.and_then(|mut bodies| bodies.write_all(told.as_bytes())).expect("writes");
            }
            let missing = (404, r#"{"code":10007,"message":"This Worker does not exist on your account."}"#);
            let told = fs::read_to_string(&file).unwrap_or_default();
            let told = told.lines().rev().filter_map(|line| line.split_once(' '));
            let told = told.map(|(end, words)| (end, if words.starts_with(r#"{"code""#) { 400 } else { 200 }, words));
            let found = told.chain(answers.iter().copied()).find(|(end, ..)| path.ends_with(end));
            let (status, words) = found.map_or(missing, |(_, status, words)| (status, words));
            if status == 0 {
                fs::write(file.with_file_name("asked"), path).expect("writes");
                loop {
                    thread::park();
                }
            }
            let body = match status {
                200 => format!(r#"{{"success":true,"errors":[],"messages":[],"result":{words}}}"#),
                _ => format!(r#"{{"success":false,"errors":[{words}],"messages":[],"result":null}}"#),
            };
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.get_mut().write_all(format!("{head}{body}").as_bytes()).expect("is read");
        }
    });
    addr
}

/// A project, its programs, and the API that it is deployed with.
struct Place {
    folder: Folder,
    environment: Vec<(&'static str, String)>,
}

impl Place {
    fn new(name: &str, answers: Answers) -> Self {
        let folder = Folder::new(name);
        folder.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"cloudflare-workers\"\n[server]\nname = \"crm\"\n");
        folder.program("wrangler", "exit 0");
        let root = folder.0.display().to_string();
        let package = format!(
            r#"{{"name":"crm-workers","manifest_path":"{root}/w/Cargo.toml","dependencies":[{{"name":"pmcp-workers"}}]}}"#
        );
        let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target","workspace_root":"{root}"}}"#);
        folder.program("cargo", &format!("echo '{metadata}'"));
        folder.write("Cargo.toml", "[workspace]\nmembers = [\"w\"]\n");
        folder.write("w/Cargo.toml", "[package]\nname = \"crm-workers\"\n");
        folder.write("w/wrangler.toml", "main = \"index.js\"\n[build]\ncommand = \"true\"\n");
        let environment = vec![
            ("CLOUDFLARE_API_BASE_URL", format!("http://{}", api(answers, folder.0.join("answers")))),
            ("CLOUDFLARE_API_TOKEN", "t0ken".into()),
            ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT.into()),
        ];
        Self { folder, environment }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
    }

    /// The exit code, what is printed, and the message without what led to it.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.folder.command(arguments);
        command.envs(self.environment.clone()).stdin(std::process::Stdio::null());
        let output = command.output().expect("starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let words = text(output.stderr);
        assert!(!words.contains("t0ken"), "{words}");
        let message = words.find("error: ").map(|begin| words[begin..].to_owned());
        (output.status.code(), text(output.stdout), message.unwrap_or(words))
    }

    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (code, _, words) = self.run(arguments);
        (code, words)
    }
}

#[test]
fn init_and_a_dry_run_are_what_they_were() {
    let place = Place::new("workers-plan", &[]);
    let folder = &place.folder;
    for file in [".pmcp/deploy.toml", "w/wrangler.toml"] {
        fs::remove_file(folder.0.join(file)).expect("is there");
    }
    let init = ["deploy", "init", "--target", "cloudflare-workers", "--name", "crm", "--account", ACCOUNT];
    let (code, mut shown, words) = place.run(&init);
    assert_eq!(code, Some(0), "{words}");
    for file in [".pmcp/deploy.toml", "w/wrangler.toml", "w/.gitignore"] {
        let content = fs::read_to_string(folder.0.join(file)).expect("was written");
        shown.push_str(&format!("\n=== {file}\n{content}"));
    }
    assert_snapshot("init-workers.txt", &shown);
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("was written");
    folder.write("w/migrations/0001_notes.sql", "");
    let more = "[cloudflare.kv]\nSHARED = {}\n[cloudflare.d1]\nNOTES = { migrations = \"migrations\" }\n[environment]\n\
                GREETING = \"Hello\"\n[secrets]\nKEY = {}\n";
    folder.write(".pmcp/deploy.toml", &format!("{config}{more}"));
    let (code, plan, words) = place.run(&["deploy", "--dry-run"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(!plan.contains("Hello") && !folder.0.join("w/wrangler.pmcp.json").exists());
    assert_snapshot("plan-workers.txt", &plan);
}

#[test]
fn what_is_not_there_or_somebody_elses_is_said_to_be() {
    let place = Place::new("workers-nothing", &[]);
    let (code, printed, _) = place.run(&["deploy", "status"]);
    assert_eq!((code, printed), (Some(0), format!("crm is not deployed in {PLACE}\n")));
    let words = format!("error: crm is not deployed in {PLACE}\ndeploy it: `cargo pmcp deploy`\n");
    for command in [&["outputs"][..], &["test"], &["rollback"], &["logs", "--tail"]] {
        assert_eq!(place.refused(&[&["deploy"], command].concat()), (Some(1), words.clone()), "{command:?}");
    }
    let place = Place::new("workers-draft", &[("/settings", 200, r#"{"bindings":[],"tags":["pmcp:secrets=crm"]}"#)]);
    let (code, printed, _) = place.run(&["deploy", "status"]);
    assert_eq!((code, printed), (Some(0), format!("crm is not deployed in {PLACE}\n")), "it has only secrets");
    let (code, printed, words) = place.run(&["deploy", "destroy", "--dry-run"]);
    assert!(code == Some(0) && printed == format!("remove  what there is of crm in {PLACE}\n"), "{printed} {words}");
    let place = Place::new("workers-taken", &[("/settings", 200, r#"{"bindings":[],"tags":[]}"#)]);
    let words = format!(
        "error: {PLACE} has a Worker crm that cargo pmcp did not make\nchoose another `name` under [server] in \
         .pmcp/deploy.toml\n"
    );
    for command in [&[][..], &["status"], &["destroy", "--yes"], &["secrets", "list"]] {
        assert_eq!(place.refused(&[&["deploy"], command].concat()), (Some(5), words.clone()), "{command:?}");
    }
}

#[test]
fn logs_say_what_wrangler_cannot() {
    let place = Place::new("workers-logs", &[("/settings", 200, MINE)]);
    let kept = "look at the Worker's logs in the dashboard, which keeps them for days\n";
    for (arguments, words) in [
        (
            &["logs"][..],
            format!("error: wrangler reads logs as they come, and none of the past\nadd --tail, or {kept}"),
        ),
        (
            &["logs", "--tail", "--since", "1h"],
            format!("error: wrangler reads no logs of the past, so there is no --since\nleave out --since, or {kept}"),
        ),
    ] {
        assert_eq!(place.refused(&[&["deploy"], arguments].concat()), (Some(2), words));
    }
    place.folder.program(
        "wrangler",
        "echo \"$@\" > called; echo '{\"logs\":[{\"message\":[\"hello\"],\"timestamp\":1}]}'; exit 1",
    );
    let (code, printed, words) = place.run(&["deploy", "logs", "--tail", "--filter=--help"]);
    assert_eq!((code, &printed as &str), (Some(1), "1970-01-01T00:00:00.001Z hello\n"));
    assert_eq!(
        words,
        "error: `wrangler tail` has ended\nsee what wrangler says above, and `cargo pmcp deploy doctor`\n"
    );
    let called = fs::read_to_string(place.folder.0.join("called")).expect("was written");
    let settings = place.folder.0.join(".pmcp/build/wrangler.json").display().to_string();
    assert_eq!(called, format!("tail crm --format json --search=--help --config {settings} --env-file=/dev/null\n"));
    // So that a wrangler.toml in the current folder has nothing to say.
    let settings = fs::read_to_string(settings).expect("was written");
    assert_eq!(settings, format!(r#"{{"name":"crm","account_id":"{ACCOUNT}"}}"#));
}

#[test]
fn what_builds_is_looked_for_and_what_does_not_compile_is_not_deployed() {
    let place = Place::new("workers-build", &[]);
    let build = |command: &str| place.folder.write("w/wrangler.toml", &format!("[build]\ncommand = \"{command}\"\n"));
    place.folder.program("wrangler", "echo \"$@\" >> called");
    build("worker-build --profile workers");
    let words = "error: `worker-build` was not found on PATH\nto get it: cargo install worker-build --version 0.8.7\n";
    assert_eq!(place.refused(&["deploy"]), (Some(4), words.into()));
    place.folder.program("worker-build", "exit 0");
    place.folder.program("rustc", "echo /nonexistent");
    let words = "error: Rust has no standard library for WebAssembly here\nto get it: rustup target add wasm32-unknown-unknown\n";
    assert_eq!(place.refused(&["deploy"]), (Some(4), words.into()));
    build("exit 7");
    let words = "error: `exit 7` failed (exit status: 7); its own words are above\nmend what the compiler says above; nothing \
                 new was deployed\n";
    assert_eq!(place.refused(&["deploy"]), (Some(1), words.into()));
    fs::remove_file(place.folder.0.join("w/wrangler.toml")).expect("is there");
    let (code, words) = place.refused(&["deploy"]);
    assert_eq!(code, Some(5));
    let advice = "/w/wrangler.toml is not there\nwrite it with `cargo pmcp deploy init --target cloudflare-workers`; what you \
                  changed elsewhere stays\n";
    assert!(words.ends_with(advice), "{words}");
    assert!(!place.folder.0.join("called").exists());
}

#[test]
fn a_deployment_that_fails_says_what_exists_now() {
    let refused =
        "case \"$1\" in deploy) echo 'X [ERROR] Script startup exceeded limit [code: 10021]' >&2; exit 1 ;; esac";
    let place = Place::new("workers-fails", &[]);
    place.folder.program("wrangler", refused);
    let path = place.folder.0.join("w/wrangler.pmcp.json").display().to_string();
    let call = format!(
        "error: `wrangler deploy --config {path}` failed: X [ERROR] Script startup exceeded limit [code: 10021]\n"
    );
    let call = format!("{call}run the command again when this is mended\nthe deployment of crm failed, and ");
    let words = format!("{call}nothing exists of it now\nmend what it says, and deploy again\n");
    assert_eq!(place.refused(&["deploy"]), (Some(1), words));
    assert!(!place.folder.0.join(".pmcp/deployed.json").exists());

    const LIVE: &str =
        r#"{"deployments":[{"created_on":"2026-11-22","versions":[{"version_id":"1","percentage":100}]}]}"#;
    let place = Place::new("workers-fails-later", &[("/settings", 200, MINE), ("/deployments", 200, LIVE)]);
    place.folder.program("wrangler", refused);
    let words = "error: crm is deployed in the account 0123456789abcdef0123456789abcdef already, and .pmcp/deployed.json does \
                 not say that it is this project's\n";
    let (code, found) = place.refused(&["deploy"]);
    assert!(code == Some(5) && found.starts_with(words), "{found}");
    let (code, words) = place.refused(&["deploy", "--yes"]);
    let end =
        "the deployment of crm failed, and the version before answers as ever\nmend what it says, and deploy again\n";
    assert!(code == Some(1) && words.ends_with(end), "{words}");
    place.folder.write(".pmcp/lock", "");
    let other = fs::File::create(place.folder.0.join(".pmcp/lock")).expect("a lock");
    other.lock().expect("nobody has it");
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.starts_with("error: another cargo pmcp is changing this project"), "{words}");
}

#[test]
fn a_thing_of_this_name_that_is_somebody_elses_is_not_used() {
    const TAKEN: &str = r#"{"code":10014,"message":"a namespace with this account ID and title already exists"}"#;
    let place = Place::new("workers-things", &[("/storage/kv/namespaces", 400, TAKEN)]);
    let config = fs::read_to_string(place.folder.0.join(".pmcp/deploy.toml")).expect("is there");
    place.folder.write(".pmcp/deploy.toml", &format!("{config}[cloudflare.kv]\nSHARED = {{}}\n"));
    let words = "error: the account has a KV namespace crm-shared already, which .pmcp/cloudflare.json does not name\nif \
                 another checkout of this project made it, take that file from there; if it is yours to use, say so: `SHARED = \
                 { id = \"…\" }` under [cloudflare.kv]\n";
    // Nor once more: what was refused is not taken for begun.
    for _ in 0..2 {
        assert_eq!(place.refused(&["deploy"]), (Some(5), words.into()));
        assert!(!place.folder.0.join(".pmcp/cloudflare.json").exists());
    }
}

#[test]
fn moving_there_changes_one_value_and_keeps_the_other_deployment() {
    let place = Place::new("workers-move", &[]);
    let folder = &place.folder;
    let config = "# mine\n[target]\ntarget_type   = \"aws-lambda\" # for now\n\n[server]\nname = \"crm\"\n\n[aws]\nregion = \
                  \"eu-central-1\"\n";
    folder.write(".pmcp/deploy.toml", config);
    let old = r#"{"target_type":"aws-lambda","name":"crm","region":"eu-central-1"}"#;
    folder.write(".pmcp/deployed.json", old);
    let (code, printed, words) = place.run(&["deploy", "init", "--target", "cloudflare-workers"]);
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(
        printed,
        "wrote .pmcp/.gitignore\nwrote w/.gitignore\nchanged .pmcp/deploy.toml: target_type is cloudflare-workers, \
         [cloudflare] is at its end; nothing else was touched\nleft alone, as you changed it: w/wrangler.toml\n"
    );
    let read = |path: &str| fs::read_to_string(folder.0.join(path)).expect("is there");
    let moved = config.replace("\"aws-lambda\"", "\"cloudflare-workers\"");
    assert!(read(".pmcp/deploy.toml").starts_with(&format!("{moved}\n[cloudflare]\n# account_id = ")));
    // Of two deployments one goes, and what both need stays.
    let both = r#"{"deployments":[{"target_type":"aws-lambda","name":"crm","place":"eu-central-1"},
        {"target_type":"cloudflare-workers","name":"crm","place":"the account 0123456789abcdef0123456789abcdef"}]}"#;
    folder.write(".pmcp/deployed.json", both);
    let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(
        (code, &printed as &str),
        (
            Some(0),
            "left    w/wrangler.toml\n        belongs to the Worker's package, which stays\nleft    w/.gitignore\n        belongs \
             to the Worker's package, which stays\nleft    .pmcp/.gitignore\n        is there for what is deployed elsewhere, \
             too\nleft    .pmcp/deploy.toml\n        is there for what is deployed elsewhere, too\n"
        ),
        "{words}"
    );
    assert!(
        read(".pmcp/deployed.json").contains("eu-central-1") && !read(".pmcp/deployed.json").contains("cloudflare")
    );
    for file in [".pmcp/.gitignore", ".pmcp/lock", "w/.gitignore", "w/wrangler.toml"] {
        assert!(folder.0.join(file).exists(), "{file} is needed");
    }
}
