//! A server binary under test: started on a free port, its log kept, ended with the test.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::binary;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A running server; dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    addr: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Builds and starts the binary `name` with `env` on a free loopback port, and waits until it listens.
    ///
    /// # Panics
    ///
    /// If it does not say within 30 s where it listens.
    pub fn start(name: &str, env: &[(&str, &str)]) -> Self {
        Self::start_executable(&binary(name), env)
    }

    /// The same for the executable at `path`.
    ///
    /// # Panics
    ///
    /// If it does not say within 30 s where it listens.
    pub fn start_executable(path: &Path, env: &[(&str, &str)]) -> Self {
        let name = path.display();
        let mut child = Command::new(path)
            .env("PORT", "0")
            .env("HOST", "127.0.0.1")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));

        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = channel();
        follow(child.stdout.take(), Arc::clone(&log), found.clone());
        follow(child.stderr.take(), Arc::clone(&log), found);

        match address.recv_timeout(START_LIMIT) {
            Ok(addr) => Self { child, addr, log },
            Err(_) => {
                let ended = child.try_wait();
                child.kill().expect("a child can be killed");
                child.wait().expect("a killed child can be waited for");
                let log = log.lock().expect("no reader panics");
                panic!("{name} never said where it listens ({ended:?}); its log:\n{log}");
            }
        }
    }

    /// The endpoint, e.g. `http://127.0.0.1:43210/mcp`.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has written to stdout and stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panics").clone()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().expect("kill starts");
        assert!(status.success(), "kill -TERM failed: {status}");
    }

    /// Whether the process has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    ///
    /// If it is still running after `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running after {limit:?}; its log:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads a pipe to its end, so that the child never blocks, and reports the first address it names.
fn follow(pipe: Option<impl Read + Send + 'static>, log: Arc<Mutex<String>>, found: Sender<SocketAddr>) {
    let mut pipe = BufReader::new(pipe.expect("the pipe was asked for"));
    thread::spawn(move || {
        let mut line = Vec::new();
        while let Ok(1..) = pipe.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            log.lock().expect("no reader panics").push_str(&text);
            if let Some(addr) = listening_address(&text) {
                // Nobody listens any more once the start is over.
                let _ = found.send(addr);
            }
            line.clear();
        }
    });
}

/// The address in `http://<address>/mcp`, if the line holds one.
fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let (addr, _) = rest.split_once("/mcp")?;
    addr.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::listening_address;

    #[test]
    fn finds_the_address_in_plain_and_json_lines() {
        let expected = "127.0.0.1:43210".parse().ok();
        assert_eq!(listening_address("calculator listens on http://127.0.0.1:43210/mcp\n"), expected);
        assert_eq!(listening_address(r#"{"message":"http://127.0.0.1:43210/mcp"}"#), expected);
        assert_eq!(listening_address("see http://example.com/mcp"), None);
        assert_eq!(listening_address("starting"), None);
    }
}
