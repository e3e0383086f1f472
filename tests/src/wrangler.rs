//! A Worker as its author runs it: `wrangler dev` in the folder of its wrangler.toml, with local databases and buckets.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::workerd::{BUILD_LIMIT, Tools, workers_command};
use crate::{Request, exchange, run_to_end, tool};

/// A Worker that `wrangler dev` serves; dropping it ends it and forgets what it kept.
#[derive(Debug)]
pub struct Wrangler {
    test: String,
    example: PathBuf,
    /// What the Worker keeps, and the log.
    state: PathBuf,
    addr: SocketAddr,
    child: Option<Child>,
}

impl Wrangler {
    /// Runs `wrangler dev` in the folder of the example `name`, once `before` is done (words for wrangler, each a command of
    /// its own); `None` where the machine cannot.
    ///
    /// # Panics
    ///
    /// If a command fails, or nobody answers in the time of a build.
    pub fn start(test: &str, name: &str, before: &[&str]) -> Option<Self> {
        let addr = free();
        let state = std::env::temp_dir().join(format!("pmcp-wrangler-{}-{}", std::process::id(), addr.port()));
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).join("workers");
        let mut wrangler = Self { test: test.to_owned(), example, state, addr, child: None };
        fs::create_dir_all(&wrangler.state).expect("the folder can be made");
        for words in before {
            let finished = run_to_end(&mut wrangler.command(words)?, Duration::from_secs(60));
            assert!(finished.is_success(), "wrangler {words}: {finished}");
        }
        wrangler.run()?;
        Some(wrangler)
    }

    /// Ends it and runs it again, with what it kept.
    ///
    /// # Panics
    ///
    /// As [`Wrangler::start`].
    pub fn restart(&mut self) {
        self.end();
        self.run().expect("what was there is there");
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint, such as `http://127.0.0.1:43210/mcp`.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.addr)
    }

    /// All that wrangler and the Worker have logged since the start.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.state.join("log")).unwrap_or_default()).into_owned()
    }

    fn run(&mut self) -> Option<()> {
        // wrangler takes its port once it has built, and by then it may be somebody else's.
        for _ in 0..3 {
            match self.serve()? {
                Ok(()) => return Some(()),
                Err(log) if log.contains("Address already in use") => self.addr = free(),
                Err(log) => panic!("wrangler dev does not serve:\n{log}"),
            }
        }
        panic!("wrangler dev found three ports taken that were free before");
    }

    /// Runs it until it serves; what it logged if it does not.
    fn serve(&mut self) -> Option<Result<(), String>> {
        let mut command = self.command(&format!("dev --ip 127.0.0.1 --port {}", self.addr.port()))?;
        let log = File::create(self.state.join("log")).and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = log.expect("the folder can be written");
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("Node starts");
        let child = self.child.insert(child);
        let begin = Instant::now();
        let health = Request::post("").verb("GET").path("/health").to_bytes(self.addr);
        while !exchange(self.addr, &health).is_ok_and(|reply| reply.status() == 200) {
            let runs = child.try_wait().expect("a child can be waited for").is_none();
            if !runs || begin.elapsed() >= BUILD_LIMIT {
                return Some(Err(self.log()));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Some(Ok(()))
    }

    /// wrangler with these words, in the Worker's folder; what the Worker keeps is kept in this one's.
    fn command(&self, words: &str) -> Option<Command> {
        let tools = Tools::find(&self.test)?;
        let mut command = workers_command(&self.test, &tool(&self.test, "PMCP_NODE", "needs Node 22 or newer")?)?;
        command
            .arg(tools.packages.join("node_modules/wrangler/bin/wrangler.js"))
            .args(words.split(' '))
            .arg("--persist-to")
            .arg(&self.state)
            .current_dir(&self.example)
            .env("WRANGLER_SEND_METRICS", "false")
            .env("CI", "true");
        Some(command)
    }

    fn end(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Asked to, it ends the runtime that it started as well.
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let begin = Instant::now();
        while asked.as_ref().is_ok_and(|status| status.success())
            && child.try_wait().is_ok_and(|ended| ended.is_none())
            && begin.elapsed() < Duration::from_secs(10)
        {
            thread::sleep(Duration::from_millis(20));
        }
        // Both fail only if the process has ended already, which is as good.
        drop(child.kill());
        drop(child.wait());
    }
}

fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a free port")
}

impl Drop for Wrangler {
    fn drop(&mut self) {
        self.end();
        drop(fs::remove_dir_all(&self.state));
    }
}
