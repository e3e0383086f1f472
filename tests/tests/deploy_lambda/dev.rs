//! `cargo pmcp dev`: a server that is built and started anew, over HTTP and under the emulator of Lambda.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Project, Request, exchange, interrupt, tool};
use serde_json::{Value, json};

use super::start;

/// For a build, and what it takes until it is seen.
const LIMIT: Duration = Duration::from_secs(600);

/// The command as it runs; dropping it kills it.
struct Dev {
    child: Child,
    url: String,
    words: PathBuf,
}

impl Dev {
    fn start(project: &Project, target: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let words = project.folder.join(format!("{target}.log"));
        let mut child = project
            .tool(&["--json", "dev", "--target", target, "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&words).expect("a log"))
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut printed = String::new();
        while !printed.ends_with("}\n") {
            let read = lines.read_line(&mut printed).expect("text");
            assert!(read > 0, "it ended: {}", fs::read_to_string(&words).unwrap_or_default());
        }
        let lines: Value = serde_json::from_str(&printed).expect("JSON");
        let url = lines["url"].as_str().expect("a URL").to_owned();
        assert!(lines["claude"].as_str().is_some_and(|line| line.ends_with(&format!("greeter {url}"))), "{lines}");
        Self { child, url, words }
    }

    /// What the server says to a greeting, once it is as expected.
    fn greets(&self, greeting: &str) {
        let begin = Instant::now();
        loop {
            let said = self.greet();
            if said.contains(greeting) {
                return;
            }
            assert!(begin.elapsed() < LIMIT, "{said:?} and not {greeting:?}: {}", self.words());
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn greet(&self) -> String {
        let (address, path) = self.url.trim_start_matches("http://").split_once('/').expect("a path");
        let address = address.parse().expect("an address");
        let request = Request::call("greet", json!({ "name": "Ada" })).path(&format!("/{path}"));
        // Between one process and the next there is none.
        exchange(address, &request.to_bytes(address)).map_or_else(|error| error.to_string(), |reply| reply.text())
    }

    fn words(&self) -> String {
        fs::read_to_string(&self.words).expect("a log")
    }

    fn says(&self, words: &str) {
        let begin = Instant::now();
        while !self.words().contains(words) {
            assert!(begin.elapsed() < LIMIT, "never said {words:?}: {}", self.words());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ctrl-C, after which nothing of it is left.
    fn interrupt(mut self) {
        let status = interrupt(&mut self.child);
        assert!(status.success(), "{status}: {}", self.words());
        let address = self.url.trim_start_matches("http://").split('/').next().expect("an address");
        TcpListener::bind(address).expect("nobody listens there any more");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
#[cfg(unix)]
fn a_server_is_built_and_started_anew() {
    const TEST: &str = "a_server_is_built_and_started_anew";
    let Some(emulator) = tool(TEST, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some((_aws, mut project)) = start(TEST, "dev") else { return };
    project.find(&emulator);
    project.new_project("greeter", &["aws-lambda", "google-cloud-run"]);

    let dev = Dev::start(&project, "google-cloud-run");
    dev.greets("Hello, Ada!");
    project.edit("server/src/lib.rs", "Hello, ", "Moin, ");
    dev.greets("Moin, Ada!");
    // What does not compile leaves the server as it was, and says why.
    project.edit("server/src/lib.rs", "GreeterServer\n}", "GreeterServer + nonsense\n}");
    dev.says("the server that was built before goes on");
    assert!(dev.words().contains("cannot find value `nonsense`"), "{}", dev.words());
    dev.greets("Moin, Ada!");
    project.edit("server/src/lib.rs", "GreeterServer + nonsense", "GreeterServer");
    project.edit("server/src/lib.rs", "Moin, ", "Servus, ");
    dev.greets("Servus, Ada!");
    dev.interrupt();

    let dev = Dev::start(&project, "aws-lambda");
    dev.greets("Servus, Ada!");
    project.edit("server/src/lib.rs", "Servus, ", "Grüezi, ");
    dev.greets("Grüezi, Ada!");

    // Two do not share a port.
    let port = dev.url.trim_start_matches("http://127.0.0.1:").split('/').next().expect("a port").to_owned();
    let (code, words) = project.refused(&["dev", "--port", &port]);
    assert!(code == Some(5) && words.starts_with(&format!("error: the port {port} is taken\n")), "{code:?} {words}");
    dev.interrupt();
}
