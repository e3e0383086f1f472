//! Cloudflare's API on loopback, and a folder with a project that is deployed to it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
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

impl Served {
    pub(crate) fn new(child: Child, addr: SocketAddr) -> Self {
        Self { child, addr }
    }

    /// Ends it as Ctrl-C does; whether it took that well.
    pub(crate) fn interrupt(&mut self) -> bool {
        let asked = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        asked.is_ok_and(|asked| asked.success()) && self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends what it started, if it is asked to. All of these fail only if it has ended already, which is as good.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        let begin = Instant::now();
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && begin.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
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

    /// Puts a Worker in JavaScript in the place of the one that has to be compiled.
    pub(crate) fn without_rust(&self, script: &str) {
        let settings = "main = \"index.js\"\ncompatibility_date = \"2026-10-01\"\n[build]\ncommand = \"true\"\n";
        self.write("cloudflare-workers/wrangler.toml", settings);
        self.write("cloudflare-workers/index.js", script);
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

    /// What was uploaded last, in workerd with its secrets, and with databases and buckets of this machine.
    pub(crate) fn serve_uploaded(&self, name: &str) -> Served {
        let latest = fs::read_to_string(self.store.join(name).join("latest")).expect("an upload");
        let folder = self.store.join(name).join(latest);
        let upload: Value =
            serde_json::from_slice(&fs::read(folder.join("metadata.json")).expect("is there")).expect("JSON");
        let bindings = upload["bindings"].as_array().expect("bindings");
        let of = |kind: &str, member: &str, own: &str| -> Vec<Value> {
            let found = bindings.iter().filter(|binding| binding["type"] == kind);
            found.map(|binding| json!({ "binding": binding["name"], own: binding[member] })).collect()
        };
        let mut databases = of("d1", "id", "database_id");
        for database in &mut databases {
            database["database_name"] = database["binding"].clone();
            database["migrations_dir"] = json!("migrations");
        }
        let texts = bindings.iter().filter(|binding| binding["type"] == "plain_text");
        let vars: serde_json::Map<String, Value> =
            texts.map(|text| (text["name"].as_str().unwrap_or_default().to_owned(), text["text"].clone())).collect();
        let settings = json!({
            "name": name,
            "main": upload["main_module"],
            "compatibility_date": upload["compatibility_date"],
            "compatibility_flags": upload["compatibility_flags"].as_array().cloned().unwrap_or_default(),
            "no_bundle": true,
            "find_additional_modules": true,
            "vars": vars,
            "kv_namespaces": of("kv_namespace", "namespace_id", "id"),
            "r2_buckets": of("r2_bucket", "bucket_name", "bucket_name"),
            "d1_databases": databases,
        });
        let config = folder.join("wrangler.json").display().to_string();
        fs::write(&config, settings.to_string()).expect("writes");
        let state = self.state();
        let scripts = state["scripts"].as_array().expect("scripts");
        let script = scripts.iter().find(|script| script["name"] == name).expect("is there");
        let secrets = script["secrets"].as_object().expect("secrets");
        let lines = secrets.iter().map(|(key, value)| format!("{key}='{}'\n", value.as_str().unwrap_or_default()));
        fs::write(folder.join(".dev.vars"), lines.collect::<String>()).expect("writes");
        fs::create_dir_all(folder.join("migrations")).expect("a folder");
        for file in fs::read_dir(self.folder.join("cloudflare-workers/migrations")).expect("migrations") {
            let file = file.expect("a file");
            fs::copy(file.path(), folder.join("migrations").join(file.file_name())).expect("is copied");
        }
        let wrangler = self.packages.join("node_modules/wrangler/bin/wrangler.js").display().to_string();
        for database in &databases {
            let binding = database["binding"].as_str().expect("a name");
            let arguments = [&wrangler as &str, "d1", "migrations", "apply", binding, "--local", "--config", &config];
            let applied = run_to_end(self.command(&self.node, &arguments).env("CI", "true"), LIMIT);
            assert!(applied.is_success(), "{applied}");
        }
        let addr = free();
        let port = addr.port().to_string();
        let arguments = [&wrangler as &str, "dev", "--config", &config, "--ip", "127.0.0.1", "--port", &port];
        // What is beside the Worker is watched.
        let log_path = self.store.join("dev.log");
        let log = fs::File::create(&log_path).expect("a log");
        let child = self
            .command(&self.node, &arguments)
            .env("CI", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        let served = Served { child: child.expect("Node starts"), addr };
        let begin = Instant::now();
        let health = Request::post("").verb("GET").path("/health").to_bytes(addr);
        while !exchange(addr, &health).is_ok_and(|reply| reply.status() == 200) {
            let log = || fs::read_to_string(&log_path).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(60), "workerd does not serve:\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        served
    }
}

fn cloudflare(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cloudflare").join(file).display().to_string()
}
