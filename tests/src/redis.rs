//! A Redis server on a free loopback port, which a test may stop and start again.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::tool;

static STARTING: Mutex<()> = Mutex::new(());
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running Redis that keeps nothing on disk; dropping it ends the process.
#[derive(Debug)]
pub struct Redis {
    binary: PathBuf,
    port: u16,
    child: Child,
}

impl Redis {
    /// Starts one, or says that `test` is skipped and gives `None` where there is no Redis.
    ///
    /// # Panics
    ///
    /// If it does not accept connections within 20 s.
    pub fn start(test: &str) -> Option<Self> {
        let binary = tool(test, "PMCP_REDIS", "needs a Redis server")?;
        // One at a time, so that a port that was free is not found free by two.
        let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        // Free now; should another process take it first, Redis ends and the wait below says so.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let child = spawn(&binary, port);
        let mut redis = Self { binary, port, child };
        redis.wait();
        Some(redis)
    }

    /// For the servers under test.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    ///
    /// If it has ended before.
    pub fn stop(&mut self) {
        self.child.kill().expect("Redis runs");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Starts it again on the same port, without anything in it.
    ///
    /// # Panics
    ///
    /// If it does not accept connections within 20 s.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.binary, self.port);
        self.wait();
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "Redis ended: {ended:?}");
            assert!(Instant::now() < deadline, "Redis accepts no connection");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(binary: &PathBuf, port: u16) -> Child {
    Command::new(binary)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()))
}
