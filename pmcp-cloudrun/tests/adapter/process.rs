//! The process: how it refuses to start, what it logs, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use pmcp_tests::{Connection, Finished, Request, Server, binary, example, exchange, run_to_end};
use serde_json::{Value, json};

use super::{CALCULATOR, add, assert_five, countdown, open_and_send};

const LIMIT: Duration = Duration::from_secs(10);

/// A running probe whose standard error is read line by line.
struct Probe {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
    /// All up to the line that names the address.
    log: String,
}

impl Probe {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(example("pmcp-cloudrun", "cloudrun-probe"))
            .envs([("PORT", "0"), ("HOST", "127.0.0.1")])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the probe starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut log = String::new();
        let address = loop {
            let begin = log.len();
            assert_ne!(stderr.read_line(&mut log).expect("UTF-8"), 0, "it ended: {log}");
            if let Some((_, rest)) = log[begin..].split_once("127.0.0.1:") {
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
            }
        };
        Self { child, stderr, address, log }
    }

    fn call_panic(&self, message: &str) {
        let request = Request::call("panic", json!({ "message": message }));
        let reply = exchange(self.address, &request.to_bytes(self.address)).expect("an answer");
        assert!(reply.message()["error"].is_object(), "{}", reply.text());
    }

    /// Ends it by this signal, and returns all that it wrote.
    fn end(mut self, signal: &str) -> String {
        send(signal, self.child.id());
        self.stderr.read_to_string(&mut self.log).expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{status}: {}", self.log);
        std::mem::take(&mut self.log)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn send(signal: &str, pid: u32) {
    let status = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().expect("kill starts");
    assert!(status.success(), "kill -{signal} failed: {status}");
}

fn start_in_vain(command: &mut Command) -> Finished {
    let finished = run_to_end(command, LIMIT);
    assert_eq!(finished.status.and_then(|status| status.code()), Some(1), "{finished}");
    assert_eq!(finished.stdout, "", "{finished}");
    finished
}

#[test]
fn a_wrong_setting() {
    for (variable, value, expected) in [
        ("PORT", "eighty", "a port"),
        ("PORT", "65536", "a port"),
        ("HOST", "here", "an IP address"),
        ("PMCP_MAX_CONCURRENCY", "0", "at least 1"),
        ("PMCP_TIME_LIMIT_MS", "soon", "milliseconds"),
    ] {
        let finished = start_in_vain(Command::new(binary(CALCULATOR)).env("PORT", "0").env(variable, value));
        let [line] = finished.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {finished}") };
        for part in [variable, value, expected] {
            assert!(line.contains(part), "no word of {part}: {line}");
        }
    }
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address");
    let finished = start_in_vain(
        Command::new(binary(CALCULATOR)).env("HOST", "127.0.0.1").env("PORT", address.port().to_string()),
    );
    let [line] = finished.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {finished}") };
    for part in [&address.to_string(), "in use", "PORT"] {
        assert!(line.contains(part), "no word of {part}: {line}");
    }
}

#[test]
fn a_server_that_cannot_be_built() {
    let finished =
        start_in_vain(Command::new(example("pmcp-cloudrun", "cloudrun-probe")).arg("broken").env("PORT", "0"));
    let mistakes = finished.stderr.lines().filter(|line| line.starts_with("  - ")).count();
    assert_eq!(mistakes, 3, "{finished}");
    for name in ["`twice`", "`handbook`", "`docs://{page`"] {
        assert!(finished.stderr.contains(name), "no word of {name}: {finished}");
    }
}

#[test]
fn on_cloud_run_it_logs_json() {
    let probe = Probe::start(&[("K_SERVICE", "probe"), ("RUST_LOG", "debug")]);
    // Breaks off within its body, which is worth a line at this level.
    let mut broken = Connection::open(probe.address).expect("the server accepts");
    broken.send(&add().header("Content-Length", "100000").to_bytes(probe.address)).expect("the server reads");
    broken.close();
    thread::sleep(Duration::from_millis(200));
    let log = probe.end("TERM");

    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for entry in &entries {
        assert!(entry["message"].as_str().is_some_and(|message| !message.is_empty()), "{entry}");
        assert!(entry["timestamp"]["seconds"].as_u64().is_some_and(|seconds| seconds > 1_700_000_000), "{entry}");
    }
    for (severity, part) in [("INFO", "listens on"), ("DEBUG", "broke off"), ("INFO", "SIGTERM")] {
        assert!(has_entry(&log, severity, part), "no {severity} with {part}: {log}");
    }
}

/// Whether a line is a JSON object of this severity that holds this text.
fn has_entry(log: &str, severity: &str, part: &str) -> bool {
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries.into_iter().any(|entry| entry["severity"] == severity && entry.to_string().contains(part))
}

#[test]
fn on_cloud_run_a_panic_is_an_error_in_json() {
    let probe = Probe::start(&[("K_SERVICE", "probe")]);
    probe.call_panic("two\nlines");
    // What a client sent may be all there is in it.
    probe.call_panic(&"long ".repeat(20_000));
    let log = probe.end("TERM");
    assert!(has_entry(&log, "ERROR", r"two\nlines") && has_entry(&log, "ERROR", "long long"), "{log}");
    assert!(log.lines().all(|line| line.len() < 3_000), "{log}");
}

#[test]
fn what_a_handler_says_that_is_cancelled_has_the_trace_of_its_request() {
    let id = "0af7651916cd43dd8448eb211c80319c";
    let probe =
        Probe::start(&[("K_SERVICE", "probe"), ("GOOGLE_CLOUD_PROJECT", "shop"), ("PMCP_SHUTDOWN_GRACE_MS", "100")]);
    let call = Request::call("wait", json!({}));
    // Waiting for its answer, reading it, and gone while what it asked for goes on.
    let older = Request::legacy(Some("2025-11-25"), "tools/call", json!({ "name": "wait", "arguments": {} }));
    for request in [call.clone(), call.with_progress(), older] {
        let request = request.header("traceparent", format!("00-{id}-b7ad6b7169203331-01"));
        let mut connection = Connection::open(probe.address).expect("the server accepts");
        connection.send(&request.to_bytes(probe.address)).expect("the server reads");
        thread::sleep(Duration::from_millis(200));
        connection.close();
    }
    thread::sleep(Duration::from_millis(200));
    let log = probe.end("TERM");
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let gone: Vec<_> = entries.filter(|entry| entry["message"] == "gone").collect();
    assert_eq!(gone.len(), 3, "{log}");
    for entry in gone {
        assert_eq!(entry["logging.googleapis.com/trace"], format!("projects/shop/traces/{id}"), "{log}");
    }
}

#[test]
fn for_people_it_logs_lines() {
    let probe = Probe::start(&[]);
    probe.call_panic("as the test wants");
    let url = format!("http://{}/mcp", probe.address);
    let log = probe.end("TERM");
    assert!(log.starts_with(" INFO probe 1.0.0 listens on "), "{log}");
    assert!(log.contains(&format!("claude mcp add --transport http probe {url}")), "{log}");
    assert!(log.contains("ERROR a handler panicked handler=\"tools/call panic\" panic=\"as the test wants\""), "{log}");
}

#[test]
fn a_filter_that_is_none_is_said() {
    let log = Probe::start(&[("RUST_LOG", "warn=info=debug")]).end("TERM");
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("RUST_LOG")), "{log}");
    let log = Probe::start(&[]).end("TERM");
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn ctrl_c_ends_it_like_sigterm() {
    let mut server = Server::start(CALCULATOR, &[]);
    let mut idle = Connection::open(server.addr()).expect("the server accepts");
    idle.send(&add().to_bytes(server.addr())).expect("the server reads");
    assert_five(&idle.read_reply().expect("an answer"));
    let mut streamed = open_and_send(&server, &countdown(5, 100).with_progress());
    assert_eq!(streamed.read_head().expect("a reply begins").status, 200);

    send("INT", server.pid());
    let mut last = Value::Null;
    while let Some(event) = streamed.read_event().expect("the stream ends properly") {
        last = event;
    }
    assert!(last["result"].is_object(), "{last}");
    let status = server.wait(LIMIT);
    assert_eq!(status.code(), Some(0), "{status}: {}", server.log());
    assert!(server.log().contains("Ctrl-C"), "{}", server.log());
}
