//! Isolates of a Worker that share a Durable Object, on workerd: each request of a client may reach the other isolate,
//! and the process may end and come back.

mod changes;
mod sessions;
mod tasks;

use pmcp_tests::{Connection, Reply, Request, Workerd, exchange};
use serde_json::{Value, json};

const VERSION: &str = "2025-11-25";
/// Each has an isolate of its own.
type Isolate = usize;

struct Pair(Workerd);

impl Pair {
    fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[("PMCP_SESSIONS", "shared")])
    }

    fn start_with(test: &str, variables: &[(&str, &str)]) -> Option<Self> {
        Workerd::start_isolates(test, "conformance", variables, 2).map(Self)
    }

    fn assert_nothing_uncaught(&self) {
        let log = self.0.log();
        let is_bad = |line: &&str| ["Uncaught", "Critical", "uncaught"].iter().any(|word| line.contains(word));
        assert_eq!(log.lines().find(is_bad), None, "{log}");
    }

    /// Whether any object keeps anything.
    fn keeps_anything(&self) -> bool {
        !self.0.objects_with("CREATE TABLE life").is_empty()
    }

    fn send(&self, isolate: Isolate, request: &Request) -> Reply {
        let addr = self.0.addrs()[isolate];
        exchange(addr, &request.to_bytes(addr)).unwrap_or_else(|error| panic!("{error:?}\n{}", self.0.log()))
    }

    fn open_session(&self, isolate: Isolate) -> String {
        let info = json!({"name": "raw", "version": "1"});
        let params = json!({"protocolVersion": VERSION, "capabilities": {"elicitation": {}}, "clientInfo": info});
        let reply = self.send(isolate, &Request::legacy(None, "initialize", params));
        assert_eq!(reply.result()["protocolVersion"], VERSION);
        reply.head.header("mcp-session-id").expect("a session id").to_owned()
    }

    /// A stream whose head has been read.
    fn stream(&self, isolate: Isolate, request: &Request) -> Connection {
        let addr = self.0.addrs()[isolate];
        let mut connection = Connection::open(addr).expect("workerd accepts");
        connection.send(&request.to_bytes(addr)).expect("workerd reads");
        let head = connection.read_head().unwrap_or_else(|error| panic!("{error:?}\n{}", self.0.log()));
        assert!(head.status == 200 && head.is_event_stream(), "{head:?}\n{}", self.0.log());
        connection
    }

    /// Calls the tool that asks; gives its stream and the question's id.
    fn ask(&self, isolate: Isolate, session: &str) -> (Connection, Value) {
        let mut asking = self.stream(isolate, &call(session, "test_elicitation", json!({"message": "Who?"})));
        loop {
            let message = next(&mut asking).expect("a question");
            if message["method"] == "elicitation/create" {
                return (asking, message["id"].clone());
            }
        }
    }

    fn answer(&self, isolate: Isolate, session: &str, question: &Value) -> u16 {
        let result = json!({"action": "accept", "content": {"username": "ada", "email": "ada@example.com"}});
        self.send(isolate, &post(session, &json!({"jsonrpc": "2.0", "id": question, "result": result}))).status()
    }
}

fn in_session(session: &str, method: &str, params: Value) -> Request {
    Request::legacy(Some(VERSION), method, params).header("Mcp-Session-Id", session)
}

fn call(session: &str, tool: &str, arguments: Value) -> Request {
    in_session(session, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}))
}

fn verb(verb: &str, session: &str) -> Request {
    Request::post("").verb(verb).header("Mcp-Session-Id", session).header("MCP-Protocol-Version", VERSION)
}

fn post(session: &str, message: &Value) -> Request {
    let request = Request::post(message.to_string()).header("Content-Type", "application/json");
    request.header("Mcp-Session-Id", session).header("MCP-Protocol-Version", VERSION)
}

fn next(stream: &mut Connection) -> Option<Value> {
    stream.read_event().expect("the stream lives")
}

fn assert_answered(mut asking: Connection) {
    let last = std::iter::from_fn(|| next(&mut asking)).last().expect("an answer");
    let text = last["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{last}"));
    assert!(text.contains("action=accept") && text.contains("ada@example.com"), "{last}");
}
