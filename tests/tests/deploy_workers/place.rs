//! Cloudflare's API on loopback, and a folder with a project that is deployed to it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pmcp_tests::{Finished, Request, binary, exchange, run_to_end, tool, workers_command};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "a-token-of-ada";

/// A build is part of some of the commands.
const LIMIT: Duration = Duration::from_secs(900);

/// A process that is ended with the test.
pub(crate) struct Served {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port")
}

pub(crate) struct Place {
    test: String,
    pub(crate) folder: PathBuf,
    store: PathBuf,
    node: PathBuf,
    packages: PathBuf,
    target: PathBuf,
    api: Served,
    /// The subcommands that did what they say.
    done: RefCell<BTreeSet<String>>,
}

impl Place {
    /// An account that nothing was ever made in, and an empty folder; `None` where a tool is missing.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
        let packages = tool(test, "PMCP_WORKERS", "needs the npm packages of scripts/workers")?;
        workers_command(test, &node)?;
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tmp.join(test);
        drop(fs::remove_dir_all(&folder));
        let store = folder.join("store");
        fs::create_dir_all(&store).expect("a folder");
        let addr = free();
        let child = Command::new(&node)
            .args(["--no-warnings", &cloudflare("api.mjs"), &addr.port().to_string(), &store.display().to_string()])
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("api.log")).expect("a log"))
            .spawn()
            .expect("Node starts");
        let api = Served { child, addr };
        let begin = Instant::now();
        while TcpStream::connect(addr).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "the stub does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self {
            test: test.into(),
            folder,
            store,
            node,
            packages,
            target: tmp.join("deploy-target"),
            api,
            done: RefCell::default(),
        })
    }

    /// Makes the project `name` for these targets in the folder, and goes into it.
    pub(crate) fn new_project(&mut self, name: &str, targets: &[&str]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
        let checkout = root.display().to_string();
        let mut arguments = vec!["new", name, "--path", &checkout];
        arguments.extend(targets.iter().flat_map(|target| ["--target", target]));
        self.pmcp(&arguments);
        self.folder.push(name);
        // The versions of crates that this workspace has.
        fs::copy(root.join("Cargo.lock"), self.folder.join("Cargo.lock")).expect("a lock file");
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("writes");
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).expect("is there")
    }

    /// Puts `new` in the place of `old` in a file of the project.
    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "no {old:?} in {text}");
        self.write(file, &text.replace(old, new));
    }

    pub(crate) fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = workers_command(&self.test, program.as_ref()).expect("all that is needed was there");
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CLOUDFLARE_API_BASE_URL", format!("http://{}", self.api.addr))
            .env("CLOUDFLARE_API_TOKEN", TOKEN)
            .env_remove("CLOUDFLARE_ACCOUNT_ID")
            .env("XDG_CONFIG_HOME", self.store.join("config"))
            // Built once, and not for size.
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_WORKERS_LTO", "off")
            .env("CARGO_PROFILE_WORKERS_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_WORKERS_CODEGEN_UNITS", "16");
        command
    }

    pub(crate) fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Finished {
        run_to_end(&mut self.command(program, arguments), LIMIT)
    }

    /// What a command prints as JSON.
    pub(crate) fn pmcp(&self, arguments: &[&str]) -> Value {
        let finished = self.run(binary("cargo-pmcp"), &[&["pmcp", "--json"], arguments].concat());
        assert!(finished.is_success(), "cargo pmcp {}: {finished}\n{}", arguments.join(" "), self.log());
        self.note(arguments);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
    }

    /// Notes that a subcommand worked: its words before the first that is no word of a command.
    pub(crate) fn note(&self, arguments: &[&str]) {
        let length = match arguments {
            ["deploy", "secrets", ..] => 3,
            ["deploy", second, ..] if !second.starts_with('-') => 2,
            _ => 1,
        };
        self.done.borrow_mut().insert(arguments[..length].join(" "));
    }

    pub(crate) fn has_done(&self, subcommand: &str) -> bool {
        self.done.borrow().contains(subcommand)
    }

    /// The exit code and the words of a command that must fail.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let finished = self.run(binary("cargo-pmcp"), arguments);
        (finished.status.and_then(|status| status.code()), finished.stderr)
    }

    /// The same as [`Place::pmcp`] with something to read.
    pub(crate) fn told(&self, arguments: &[&str], input: &str) -> Value {
        let mut command = self.command(binary("cargo-pmcp"), &[&["pmcp", "--json"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "cargo pmcp {}\n{}", arguments.join(" "), self.log());
        self.note(arguments);
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What the stub was asked, and how it answered.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.store.join("../api.log")).expect("a log")
    }

    /// What exists in the account.
    pub(crate) fn state(&self) -> Value {
        let reply = exchange(self.api.addr, &Request::post("").verb("GET").path("/-/state").to_bytes(self.api.addr));
        serde_json::from_str::<Value>(&reply.expect("an answer").text()).expect("JSON")["result"].take()
    }

    /// Logs a line as a Worker would, and returns how many follow it.
    pub(crate) fn logged(&self, name: &str, message: &str) -> u64 {
        let body = json!({ "name": name, "message": message }).to_string();
        let reply = exchange(self.api.addr, &Request::post(body).path("/-/log").to_bytes(self.api.addr));
        let told = serde_json::from_str::<Value>(&reply.expect("an answer").text()).expect("JSON");
        told["result"]["told"].as_u64().unwrap_or_default()
    }

    /// What was uploaded last, running with its secrets and with databases of this machine that have these tables.
    pub(crate) fn serve_uploaded(&self, name: &str, sql: &Value) -> Served {
        let scripts = self.store.join(name);
        let latest = fs::read_to_string(scripts.join("latest")).expect("an upload");
        let state = self.state();
        let scripts_known = state["scripts"].as_array().expect("scripts").clone();
        let script = scripts_known.iter().find(|script| script["name"] == name).expect("is there");
        let addr = free();
        let mut child = Command::new(&self.node)
            .args([&cloudflare("serve.mjs"), &addr.port().to_string(), &scripts.join(latest).display().to_string()])
            .arg(&self.packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node starts");
        let told = json!({ "secrets": script["secrets"], "sql": sql }).to_string();
        child.stdin.take().expect("a pipe").write_all(told.as_bytes()).expect("it reads");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let served = Served { child, addr };
        stdout.read_line(&mut line).expect("it says so");
        assert_eq!(line, "ready\n");
        served
    }
}

fn cloudflare(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cloudflare").join(file).display().to_string()
}
