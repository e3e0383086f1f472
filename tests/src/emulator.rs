//! cargo-lambda's emulator of Lambda, with a function that was built already.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::binary;
use crate::lambda::function_env;

/// `cargo lambda watch` and a function behind its Function URL; dropping it ends both.
#[derive(Debug)]
pub struct Emulator {
    emulator: Child,
    function: Child,
    port: u16,
    name: String,
    folder: PathBuf,
}

impl Emulator {
    /// Starts the emulator `program` on a free port, and the binary `name` of the workspace with `env`.
    ///
    /// # Panics
    ///
    /// If the emulator does not listen within 30 s.
    pub fn start(program: &Path, name: &str, env: &[(&str, &str)]) -> Self {
        Self::start_executable(program, name, &binary(name), env)
    }

    /// The same with a function from elsewhere.
    ///
    /// # Panics
    ///
    /// As [`Emulator::start`].
    pub fn start_executable(program: &Path, name: &str, function: &Path, env: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let folder = std::env::temp_dir().join(format!("pmcp-emulator-{}-{port}", std::process::id()));
        let log = |file: &str| File::create(folder.join(file)).expect("the folder can be written");
        project(&folder, name);
        let emulator = Command::new(program)
            .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string()])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log("emulator.out"))
            .stderr(log("emulator.err"))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "the emulator does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        let function = Command::new(function)
            .envs(function_env(&format!("127.0.0.1:{port}/.rt/{name}")))
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log("function.log"))
            .spawn()
            .expect("the function starts");
        Self { emulator, function, port, name: name.to_owned(), folder }
    }

    /// The endpoint, as the Function URL has it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/lambda-url/{}/mcp", self.port, self.name)
    }

    /// All that the function has logged so far.
    ///
    /// # Panics
    ///
    /// If the log cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("function.log")).expect("the log can be read")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        for child in [&mut self.function, &mut self.emulator] {
            // Both fail only if the process has ended already, which is as good.
            drop(child.kill());
            drop(child.wait());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A project that has the function as its binary: the emulator knows no other functions, and builds nothing of it.
fn project(folder: &Path, name: &str) {
    fs::create_dir_all(folder.join("src")).expect("the folder can be made");
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n");
    fs::write(folder.join("Cargo.toml"), manifest).expect("the manifest can be written");
    fs::write(folder.join("src/main.rs"), "fn main() {}\n").expect("the source can be written");
}
