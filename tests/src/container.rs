//! An image that was pulled, unpacked and started with nothing else in reach than what is in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

/// A server in a root of its own; dropping it ends it.
#[derive(Debug)]
pub struct Container {
    child: Child,
    lines: Receiver<String>,
    port: u16,
    /// What the registry keeps of the image, in bytes.
    pub size: u64,
}

impl Container {
    /// Starts the image that skopeo has put into `folder`, as Cloud Run would, with this environment.
    ///
    /// # Panics
    ///
    /// If it does not start, as everywhere here.
    pub fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let read = |path: &str| serde_json::from_slice(&fs::read(folder.join(path)).expect("is there")).expect("JSON");
        let file = |part: &Value| part["digest"].as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
        let manifest: Value = read("manifest.json");
        let config: Value = read(&file(&manifest["config"]));
        let root = folder.join("root");
        fs::create_dir_all(&root).expect("a folder");
        let mut size = 0;
        for layer in manifest["layers"].as_array().expect("layers") {
            let path = folder.join(file(layer));
            size += fs::metadata(&path).expect("a layer").len();
            let unpacked = Command::new("tar").arg("-xzf").arg(path).arg("-C").arg(&root).status().expect("tar starts");
            assert!(unpacked.success());
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|user| user.stdout == b"0\n");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child"]);
        if !is_root {
            command.args(["--user", "--map-root-user"]);
        }
        command.arg("chroot");
        if is_root {
            command.arg(format!("--userspec={}", config["config"]["User"].as_str().expect("a user")));
        }
        command.arg(&root).args(config["config"]["Entrypoint"].as_array().expect("what to start").iter().map(text));
        // The programs that lead there are found on PATH; nothing else is told of this machine.
        command.env_clear().env("PATH", std::env::var("PATH").expect("PATH"));
        for variable in config["config"]["Env"].as_array().expect("an environment") {
            let (name, value) = text(variable).split_once('=').expect("a variable");
            command.env(name, value);
        }
        command.envs(environment.iter().copied());
        command.env("HOST", "127.0.0.1").env("PORT", port.to_string());
        for name in ["K_SERVICE", "K_REVISION", "K_CONFIGURATION"] {
            command.env(name, "server");
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("unshare starts");
        let reader = BufReader::new(child.stderr.take().expect("a pipe"));
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || reader.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let container = Self { child, lines, port, size };
        assert!(container.line().contains("listens on"), "it says first where it listens");
        container
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// The next line that it logs.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(20)).expect("a line on its standard error")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

impl Drop for Container {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
