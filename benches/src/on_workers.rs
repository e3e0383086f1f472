//! Workers in workerd, the runtime of Cloudflare Workers itself: measured over HTTP like any server.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Result,
    builds::{Workspace, size},
    over_http::Server,
    report::Report,
    request::Question,
};

/// The table of all Workers.
pub const TABLE: &str = "Cloudflare Workers";

/// What builds Workers and what runs them: `cargo xtask bench` brings it and says where it is.
#[derive(Clone, Debug)]
pub struct Tools {
    packages: PathBuf,
    worker_build: PathBuf,
    wasm_bindgen: PathBuf,
    node: PathBuf,
}

impl Tools {
    /// Finds them.
    ///
    /// # Errors
    /// Where one is missing.
    pub fn find() -> Result<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or(format!("{name} is not set"));
        Ok(Self {
            packages: path("PMCP_WORKERS")?.join("node_modules"),
            worker_build: path("PMCP_WORKER_BUILD")?,
            wasm_bindgen: path("PMCP_WASM_BINDGEN")?,
            node: path("PMCP_NODE")?,
        })
    }

    /// Builds the Worker in `folder` of a workspace, and says where its modules are.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn build(&self, workspace: Workspace, folder: &str) -> Result<PathBuf> {
        eprintln!("building {folder}");
        let folder = workspace.folder().join(folder);
        // worker-build starts cargo by its name, and asks the compiler on PATH for the target.
        let mut build = Command::new(&self.worker_build);
        let rustc = std::env::var_os("PMCP_WASM_RUSTC").map(PathBuf::from);
        let programs = [rustc, Some(self.node.clone())].into_iter().flatten();
        let folders = programs.filter_map(|program| program.parent().map(Path::to_path_buf));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path)))?;
        build.args(["--profile", "workers"]).current_dir(&folder).env("PATH", path).stdin(Stdio::null());
        build
            .env("WASM_BINDGEN_BIN", &self.wasm_bindgen)
            .env("ESBUILD_BIN", self.packages.join(".bin/esbuild"))
            .env("WASM_OPT_BIN", self.packages.join(".bin/wasm-opt"));
        for (from, to) in
            [("PMCP_WASM_RUSTC", "RUSTC"), ("PMCP_WASM_LINKER", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER")]
        {
            if let Some(value) = std::env::var_os(from) {
                build.env(to, value);
            }
        }
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy();
            if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
                build.env_remove(&name);
            }
        }
        let built = build.output()?;
        if !built.status.success() {
            return Err(format!("worker-build: {}", String::from_utf8_lossy(&built.stderr)).into());
        }
        Ok(folder.join("build"))
    }

    /// One JavaScript module with all that it imports.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn bundle(&self, entry: &Path, into: &Path) -> Result<()> {
        let bundled = Command::new(self.packages.join(".bin/esbuild"))
            .arg(entry)
            .args(["--bundle", "--minify", "--format=esm", "--platform=neutral", "--main-fields=module,main"])
            .args(["--conditions=workerd,worker,import", "--external:node:*"])
            .arg(format!("--outfile={}", into.display()))
            .output()?;
        if bundled.status.success() {
            return Ok(());
        }
        Err(format!("esbuild: {}", String::from_utf8_lossy(&bundled.stderr)).into())
    }

    /// A server of the Worker whose modules are in `build`: its `index.js`, and its wasm where it has some.
    ///
    /// # Errors
    /// Where its configuration cannot be written.
    pub fn server(&self, name: &'static str, build: &Path, questions: &'static [Question]) -> Result<Server> {
        let mut modules = "(name = \"index.js\", esModule = embed \"index.js\")".to_owned();
        if build.join("index_bg.wasm").exists() {
            modules.push_str(", (name = \"./index_bg.wasm\", wasm = embed \"index_bg.wasm\")");
        }
        let config = format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\
             const config :Workerd.Config = (\n\
             \x20 services = [(name = \"main\", worker = .worker)],\n\
             \x20 sockets = [(name = \"http\", http = (), service = \"main\")],\n\
             );\n\
             const worker :Workerd.Worker = (\n\
             \x20 modules = [{modules}],\n\
             \x20 compatibilityDate = \"2026-10-01\",\n\
             \x20 compatibilityFlags = [\"nodejs_compat\"],\n\
             );\n",
        );
        let path = build.join("bench.capnp");
        fs::write(&path, config)?;
        let arguments = vec!["serve".to_owned(), path.display().to_string(), "--socket-addr=http=ADDRESS".to_owned()];
        Ok(Server { name, program: self.workerd()?, arguments, path: "/mcp", questions })
    }

    /// The binary itself: npm's script in front of it costs a start of Node.
    fn workerd(&self) -> Result<PathBuf> {
        let packages = fs::read_dir(self.packages.join("@cloudflare"))?.filter_map(std::result::Result::ok);
        let mut binaries = packages.map(|entry| entry.path().join("bin/workerd"));
        binaries.find(|path| path.exists()).ok_or_else(|| "npm installed no workerd for this platform".into())
    }
}

/// What is uploaded, as it is and compressed.
pub fn weigh(report: &mut Report, name: &str, build: &Path) {
    for file in ["index_bg.wasm", "index.js"].map(|file| build.join(file)).iter().filter(|file| file.exists()) {
        report.try_to(name, |report| {
            let kind = if file.extension().is_some_and(|end| end == "wasm") { "wasm" } else { "JS" };
            let (raw, zipped) = (size(file)? / 1e3, compressed(file)? / 1e3);
            report.figure(TABLE, name, format!("{kind}, KB"), raw);
            report.figure(TABLE, name, format!("{kind} gzipped, KB"), zipped);
            if kind == "wasm" {
                report.measure(format!("workers/wasm/{name}"), raw);
                report.measure(format!("workers/gzipped/{name}"), zipped);
            }
            Ok(())
        });
    }
}

/// How many bytes gzip makes of a file at its best.
fn compressed(file: &Path) -> Result<f64> {
    let mut gzip = Command::new("gzip").args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let bytes = fs::read(file)?;
    let input = gzip.stdin.take();
    let writing = std::thread::spawn(move || input.map_or(Ok(()), |mut input| input.write_all(&bytes)));
    let zipped = gzip.wait_with_output()?;
    writing.join().map_err(|_| "gzip was not fed")??;
    Ok(zipped.stdout.len() as f64)
}
