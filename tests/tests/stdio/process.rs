//! How the process lives and ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use pmcp_tests::binary;
use serde_json::{Value, json};

struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Server {
    fn start() -> Self {
        Self::run("calculator-stdio")
    }

    fn run(command: &str) -> Self {
        let mut child = Command::new(binary(command))
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Self { child, input, output }
    }

    fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("not closed");
        input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).expect("it reads");
    }

    fn request(&mut self, id: i64, name: &str, arguments: Value) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "progressToken": id,
        });
        let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string());
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.as_mut().expect("not closed").read_line(&mut line).expect("UTF-8");
        assert!(line.ends_with('\n'), "half a line, or the end: {line:?}");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Closes its input; what it still said, and how long it took to end.
    fn close(mut self) -> (String, Duration) {
        let begin = Instant::now();
        drop(self.input.take());
        let mut rest = String::new();
        self.output.as_mut().expect("not closed").read_to_string(&mut rest).expect("UTF-8");
        let elapsed = self.wait(begin);
        (rest, elapsed)
    }

    fn wait(&mut self, begin: Instant) -> Duration {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                assert!(status.success(), "{status}: {}", self.stderr());
                assert_eq!(self.stderr(), "");
                return begin.elapsed();
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).expect("UTF-8");
        }
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Far less than the 2 s after which clients send signals, and enough for a busy machine.
const PROMPTLY: Duration = Duration::from_millis(1_500);

#[test]
fn it_ends_promptly_when_its_input_does() {
    let (rest, elapsed) = Server::start().close();
    assert_eq!(rest, "");
    assert!(elapsed < PROMPTLY, "{elapsed:?}");

    let mut server = Server::start();
    server.request(1, "countdown", json!({ "from": 100, "delay_ms": 1_000 }));
    server.request(2, "add", json!({ "a": 1, "b": 2 }));
    assert_eq!(server.read()["id"], 2);
    let (rest, elapsed) = server.close();
    assert_eq!(rest, "");
    assert!(elapsed < PROMPTLY, "{elapsed:?}");
}

#[test]
fn it_ends_promptly_although_nobody_reads() {
    let mut server = Server::start();
    // More than a pipe holds, so that its own writing hangs.
    server.request(1, "countdown", json!({ "from": 1_000_000, "delay_ms": 0 }));
    std::thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    drop(server.input.take());
    // A second is given for the last answers.
    let elapsed = server.wait(begin);
    assert!(elapsed < Duration::from_secs(1) + PROMPTLY, "{elapsed:?}");
}

#[test]
fn it_ends_when_its_output_is_closed() {
    let mut server = Server::start();
    server.request(1, "countdown", json!({ "from": 1_000, "delay_ms": 10 }));
    server.read();
    drop(server.output.take());
    server.wait(Instant::now());
}

#[test]
fn what_a_shell_pipes_in_is_answered() {
    let mut server = Server::start();
    for id in 0..500 {
        server.request(id, "add", json!({ "a": id, "b": 1 }));
    }
    let (rest, _) = server.close();
    let sums: Vec<_> = rest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|answer| answer["result"]["content"][0]["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(sums, (1..=500).map(|sum| Some(sum.to_string())).collect::<Vec<_>>());
}

#[test]
fn a_megabyte_in_a_line_is_no_trouble() {
    let mut server = Server::start();
    let expression = "9 + ".repeat(500_000) + "9";
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": "explain_calculation", "arguments": { "expression": expression }, "_meta": meta });
    server.write(&json!({ "jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": params }).to_string());
    let answer = server.read();
    let text = answer["result"]["messages"][0]["content"]["text"].as_str().expect("a text");
    assert!(text.contains(&expression));
}

#[test]
fn the_settings_in_the_readme() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README is there");
    let blocks: Vec<_> = readme.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let settings: Vec<Value> = blocks
        .into_iter()
        .map(|block| serde_json::from_str::<Value>(block).unwrap_or_else(|error| panic!("{error}: {block}")))
        .filter(|settings| settings.get("mcpServers").is_some())
        .collect();
    let [settings] = &settings[..] else { panic!("not one block with mcpServers: {settings:?}") };
    let server = &settings["mcpServers"]["calculator"];
    assert_eq!(server.as_object().map(serde_json::Map::len), Some(1), "more than a command: {server}");
    let mut server = Server::run(server["command"].as_str().expect("a command"));
    server.request(1, "add", json!({ "a": 1, "b": 2 }));
    assert_eq!(server.read()["result"]["content"][0]["text"], "3");
}
