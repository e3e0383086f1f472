//! A Worker under test: built with worker-build, served by workerd, the runtime of Cloudflare Workers itself.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::{run_to_end, tool};

/// Some minutes where nothing of it was built before, on a busy machine.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(900);

static BUILT: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// A running workerd; dropping it ends it.
#[derive(Debug)]
pub struct Workerd {
    child: Child,
    /// Workerd itself.
    runtime: PathBuf,
    /// One for each isolate.
    addrs: Vec<SocketAddr>,
    inspector: Option<SocketAddr>,
    folder: PathBuf,
}

/// What the isolate holds when its garbage is collected, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap {
    /// JavaScript's objects, and the code that was compiled of it and of the WebAssembly.
    pub javascript: usize,
    /// The memory of the WebAssembly, which never becomes less.
    pub wasm: usize,
}

/// What builds Workers and what runs them.
pub(crate) struct Tools {
    pub(crate) packages: PathBuf,
    /// worker-build, with all that it needs in its environment.
    pub(crate) build: Command,
}

impl Tools {
    /// `None` where the machine lacks one; then `test` is skipped.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let packages = tool(test, "PMCP_WORKERS", "needs the npm packages of scripts/workers")?;
        let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
        let mut build = Command::new(tool(test, "PMCP_WORKER_BUILD", "needs worker-build")?);
        let modules = packages.join("node_modules");
        build
            .env("WASM_BINDGEN_BIN", tool(test, "PMCP_WASM_BINDGEN", "needs wasm-bindgen")?)
            .env("ESBUILD_BIN", modules.join(".bin/esbuild"))
            .env("WASM_OPT_BIN", modules.join(".bin/wasm-opt"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        // worker-build asks the compiler on PATH for the target, and cargo the one in RUSTC.
        let rustc = std::env::var_os("PMCP_WASM_RUSTC").map(PathBuf::from);
        let programs = [rustc, Some(node)].into_iter().flatten();
        let folders = programs.filter_map(|program| program.parent().map(Path::to_path_buf));
        let folders = folders.chain(std::env::split_paths(&path));
        build.env("PATH", std::env::join_paths(folders).unwrap_or(path));
        for (variable, name) in
            [("PMCP_WASM_RUSTC", "RUSTC"), ("PMCP_WASM_LINKER", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER")]
        {
            if let Some(value) = std::env::var_os(variable) {
                build.env(name, value);
            }
        }
        // What cargo says to the tests concerns their package, not the Worker.
        for (variable, _) in std::env::vars_os() {
            let known = variable.to_string_lossy();
            if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") || known == "RUSTFLAGS" {
                build.env_remove(&variable);
            }
        }
        Some(Self { packages, build })
    }
}

/// A call of `program` that finds on PATH what builds Workers, what deploys them, and Node; `None` where the machine lacks
/// one.
pub fn workers_command(test: &str, program: &Path) -> Option<Command> {
    let tools = Tools::find(test)?;
    let mut command = Command::new(program);
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for (name, value) in tools.build.get_envs() {
        match value {
            Some(value) if name == "PATH" => value.clone_into(&mut path),
            Some(value) => drop(command.env(name, value)),
            None => drop(command.env_remove(name)),
        }
    }
    // A shell looks for `worker-build`, and cargo pmcp for `wrangler`.
    let build = Path::new(tools.build.get_program()).parent().map(Path::to_path_buf);
    let folders =
        build.into_iter().chain([tools.packages.join("node_modules/.bin")]).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders).unwrap_or(path));
    Some(command)
}

/// Builds the Worker of the example `name` once, and says in which folder it is; `None` where the machine cannot.
///
/// # Panics
///
/// If the build fails.
pub fn worker(test: &str, name: &str) -> Option<PathBuf> {
    let mut tools = Tools::find(test)?;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match name {
        // No examples for anybody.
        "panicking" | "unbuildable" => tests.join(name),
        _ => tests.join("../examples").join(name).join("workers"),
    };
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !built.get_or_insert_default().contains(name) {
        let command = tools.build.args(["--profile", "workers"]).current_dir(&folder);
        let finished = run_to_end(command, BUILD_LIMIT);
        assert!(finished.is_success(), "worker-build of {name} failed: {finished}");
        built.get_or_insert_default().insert(name.to_owned());
    }
    Some(folder.join("build"))
}

impl Workerd {
    /// Builds the Worker of the example `name`, and serves it with `variables` on a free loopback port; `None` where
    /// the machine cannot.
    ///
    /// # Panics
    ///
    /// If it cannot be built, or does not listen within 30 s.
    pub fn start(test: &str, name: &str, variables: &[(&str, &str)]) -> Option<Self> {
        Self::start_isolates(test, name, variables, 1)
    }

    /// The same as it may be configured by somebody else: without compatibility flags, and with `variables` in JSON.
    ///
    /// # Panics
    ///
    /// As [`Workerd::start`].
    pub fn start_unflagged(test: &str, name: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let bindings: Vec<_> =
            variables.iter().map(|(name, value)| format!("(name = {name:?}, json = {value:?})")).collect();
        Self::serve(test, name, bindings, &free_addresses(1), None, false).map(Self::listening)
    }

    /// The same, with an inspector that tells [`Workerd::heap`] what the isolate holds.
    ///
    /// # Panics
    ///
    /// As [`Workerd::start`].
    pub fn start_inspected(test: &str, name: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let [addrs @ .., inspector] = &*free_addresses(2) else { return None };
        Self::serve(test, name, texts(variables), addrs, Some(*inspector), true).map(Self::listening)
    }

    /// The same in several isolates, each on a port of its own, that share the Durable Objects which the example binds.
    ///
    /// # Panics
    ///
    /// As [`Workerd::start`].
    pub fn start_isolates(test: &str, name: &str, variables: &[(&str, &str)], count: usize) -> Option<Self> {
        Self::serve(test, name, texts(variables), &free_addresses(count), None, true).map(Self::listening)
    }

    /// The same for a Worker that cannot start: nobody waits until it listens.
    ///
    /// # Panics
    ///
    /// If it cannot be built.
    pub fn start_in_vain(test: &str, name: &str) -> Option<Self> {
        Self::serve(test, name, Vec::new(), &free_addresses(1), None, true)
    }

    fn serve(
        test: &str,
        name: &str,
        mut bindings: Vec<String>,
        addrs: &[SocketAddr],
        inspector: Option<SocketAddr>,
        is_flagged: bool,
    ) -> Option<Self> {
        let build = worker(test, name)?;
        let modules = Tools::find(test)?.packages.join("node_modules");
        let folder = std::env::temp_dir().join(format!("pmcp-workerd-{}-{}", std::process::id(), addrs[0].port()));
        fs::create_dir_all(folder.join("objects")).expect("the folder can be made");
        for file in ["index.js", "index_bg.wasm"] {
            fs::copy(build.join(file), folder.join(file)).expect("worker-build wrote it");
        }
        let settings = fs::read_to_string(build.join("../wrangler.toml")).expect("it has settings");
        // A list of texts is written there as it is here.
        let flags = settings.lines().find_map(|line| line.strip_prefix("compatibility_flags = "));
        let flags = flags.filter(|_| is_flagged).unwrap_or("[]");
        let config = config(addrs, flags, &mut bindings, bound_object(&settings).as_ref());
        fs::write(folder.join("worker.capnp"), config).expect("the folder can be written");
        let runtime = runtime(&modules);
        let child = run(&runtime, &folder, inspector);
        Some(Self { child, runtime, addrs: addrs.to_vec(), inspector, folder })
    }

    fn listening(self) -> Self {
        self.wait();
        self
    }

    /// Ends it and starts it again, with all that its Durable Objects have kept.
    ///
    /// # Panics
    ///
    /// If it does not listen within 30 s.
    pub fn start_again(&mut self) {
        self.stop();
        self.child = run(&self.runtime, &self.folder, self.inspector);
        self.wait();
    }

    fn wait(&self) {
        let begin = Instant::now();
        while self.addrs.iter().any(|addr| TcpStream::connect(addr).is_err()) {
            assert!(begin.elapsed() < Duration::from_secs(30), "workerd does not listen:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// The endpoint, such as `http://127.0.0.1:43210/mcp`.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.addr())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// Where each of its isolates listens.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What its isolate holds, garbage collected.
    ///
    /// # Panics
    ///
    /// If it was not started by [`Workerd::start_inspected`], or `node` cannot tell.
    pub fn heap(&self, node: &Path) -> Heap {
        let inspector = self.inspector.expect("started with an inspector");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/heap.mjs");
        let told = run_to_end(Command::new(node).arg(script).arg(inspector.to_string()), Duration::from_secs(60));
        let bytes: Vec<usize> = told.stdout.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [javascript, wasm] = bytes[..] else { panic!("{told}") };
        Heap { javascript, wasm }
    }

    /// The files in which its Durable Objects keep `text`.
    ///
    /// # Panics
    ///
    /// If they cannot be read.
    pub fn objects_with(&self, text: &str) -> Vec<PathBuf> {
        let files = |folder: &Path| -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).expect("the folder can be read");
            entries.map(|entry| entry.expect("the folder can be read").path()).collect()
        };
        let has = |file: &PathBuf| {
            let bytes = fs::read(file).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        files(&self.folder.join("objects")).iter().flat_map(|class| files(class)).filter(has).collect()
    }

    /// All that the Worker and workerd have logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }

    /// Waits for `line` to appear in the log.
    ///
    /// # Panics
    ///
    /// If it does not within 10 s.
    pub fn expect_in_log(&self, line: &str) {
        let begin = Instant::now();
        while !self.log().contains(line) {
            assert!(begin.elapsed() < Duration::from_secs(10), "no {line:?} in the log:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        self.stop();
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// As Cap'n Proto has them.
fn texts(variables: &[(&str, &str)]) -> Vec<String> {
    variables.iter().map(|(name, value)| format!("(name = {name:?}, text = {value:?})")).collect()
}

/// All at once, so that no two are the same.
fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let free: Vec<_> = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")).collect();
    free.iter().map(|free| free.local_addr().expect("an address")).collect()
}

/// The binary itself: npm's script in front of it would not pass on that it is to end.
fn runtime(modules: &Path) -> PathBuf {
    let packages = fs::read_dir(modules.join("@cloudflare")).expect("npm installed workerd");
    let found =
        packages.filter_map(Result::ok).map(|entry| entry.path().join("bin/workerd")).find(|path| path.exists());
    found.expect("npm installed workerd for this platform")
}

fn run(runtime: &Path, folder: &Path, inspector: Option<SocketAddr>) -> Child {
    let log = || OpenOptions::new().create(true).append(true).open(folder.join("log"));
    Command::new(runtime)
        .args(["serve", "worker.capnp"])
        .args(inspector.map(|addr| format!("--inspector-addr={addr}")))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log().expect("the folder can be written"))
        .stderr(log().expect("the folder can be written"))
        .spawn()
        .expect("workerd starts")
}

/// The name under which a `wrangler.toml` binds Durable Objects, and their class.
fn bound_object(settings: &str) -> Option<(String, String)> {
    let bound = settings.lines().find_map(|line| line.strip_prefix("durable_objects.bindings"))?;
    let mut quoted = bound.split('"').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.next()?))
}

/// As Cap'n Proto has it; a text there is written as in C. The heap of JavaScript is small, and its garbage collected when
/// [`Workerd::heap`] asks, so that it cannot be taken for memory that is lost. Each address has an isolate of its own; the
/// objects live in the first.
fn config(addrs: &[SocketAddr], flags: &str, bindings: &mut Vec<String>, object: Option<&(String, String)>) -> String {
    let mut objects = String::new();
    if let Some((name, class)) = object {
        bindings.push(format!(
            "(name = {name:?}, durableObjectNamespace = (className = {class:?}, serviceName = \"main0\"))"
        ));
        objects = format!(
            "\x20 durableObjectNamespaces = [(className = {class:?}, uniqueKey = \"pmcp\", enableSql = true)],\n\
             \x20 durableObjectStorage = (localDisk = \"objects\"),\n"
        );
    }
    let isolates = || addrs.iter().enumerate();
    let services: String = isolates().map(|(n, _)| format!("(name = \"main{n}\", worker = .worker{n}), ")).collect();
    let sockets: Vec<_> = isolates()
        .map(|(n, addr)| format!("(name = \"http{n}\", address = \"{addr}\", http = (), service = \"main{n}\")"))
        .collect();
    let workers = isolates().map(|(n, _)| {
        format!(
            "const worker{n} :Workerd.Worker = (\n\
             \x20 modules = [(name = \"index.js\", esModule = embed \"index.js\"), \
             (name = \"./index_bg.wasm\", wasm = embed \"index_bg.wasm\")],\n\
             \x20 compatibilityDate = \"2026-10-01\",\n\
             \x20 compatibilityFlags = {flags},\n\
             \x20 bindings = [{}],\n{}\
             );\n",
            bindings.join(", "),
            if n == 0 { &*objects } else { "" }
        )
    });
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n\
         \x20 v8Flags = [\"--max-semi-space-size=1\", \"--max-old-space-size=16\", \"--expose-gc\"],\n\
         \x20 services = [{services}(name = \"objects\", disk = (path = \"objects\", writable = true))],\n\
         \x20 sockets = [{}],\n\
         );\n{}",
        sockets.join(", "),
        workers.collect::<String>()
    )
}
