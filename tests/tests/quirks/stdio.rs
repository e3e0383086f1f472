//! The quirks of clients that start the server themselves.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use pmcp_tests::binary;
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// A server and the lines it writes.
struct Process {
    child: Child,
    lines: Receiver<Value>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(binary("calculator-stdio"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let (told, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let message =
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("no message ({error}): {line}"));
                if told.send(message).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn write(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("a pipe"), "{line}").expect("the server reads");
    }

    fn read(&self) -> Option<Value> {
        self.lines.recv_timeout(Duration::from_secs(20)).ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Each twice: line by line, and with all lines at once, as a client does that does not wait.
#[test]
fn every_quirk_over_stdio() {
    let fixtures = Fixture::all("stdio");
    assert!(fixtures.len() >= 3, "only {} files", fixtures.len());
    for fixture in fixtures {
        for waits in [true, false] {
            let mut process = Process::start();
            let lines = fixture.lines();
            if !waits {
                let all: Vec<_> = lines.iter().map(|block| block.text.as_str()).collect();
                process.write(&all.join("\n"));
            }
            for block in lines {
                if waits {
                    process.write(&block.text);
                }
                for expected in block.expected {
                    let answer = process.read();
                    assert!(expected.holds(answer.as_ref()), "{}: {expected:?}, but {answer:?}", fixture.name);
                }
            }
            let params = json!({"name": "add", "arguments": {"a": 2, "b": 3}});
            let good = json!({"jsonrpc": "2.0", "id": "good", "method": "tools/call", "params": params});
            process.write(&good.to_string());
            let answer = process.read().unwrap_or_default();
            assert_eq!(answer["id"], "good", "{}: something else was said: {answer}", fixture.name);
            assert_eq!(answer["result"]["content"][0]["text"], "5", "after {}", fixture.name);
        }
    }
}
