//! One HTTP request that carries a good MCP message, to be spoiled piece by piece.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// The modern revision.
pub const MODERN: &str = "2026-07-28";

/// An HTTP request: good as built, and wrong in whatever a test then changes.
#[derive(Clone, Debug)]
pub struct Request {
    verb: String,
    target: String,
    protocol: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    chunked: bool,
}

impl Request {
    /// A good request of the modern revision, id 1, with `_meta` and the headers that repeat the body.
    pub fn modern(method: &str, params: Value) -> Self {
        let name = ["name", "uri"].iter().find_map(|key| params[key].as_str()).map(str::to_owned);
        let mut params = params;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request =
            Self::post(message.to_string()).header("MCP-Protocol-Version", MODERN).header("Mcp-Method", method);
        match name {
            Some(name) if matches!(method, "tools/call" | "prompts/get" | "resources/read") => {
                request.header("Mcp-Name", &name)
            }
            _ => request,
        }
    }

    /// A good request of a revision with a handshake, id 1; `version` is the header, if it is sent.
    pub fn legacy(version: Option<&str>, method: &str, params: Value) -> Self {
        let request = Self::post(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string());
        match version {
            Some(version) => request.header("MCP-Protocol-Version", version),
            None => request,
        }
    }

    /// `tools/call` in the modern revision.
    pub fn call(tool: &str, arguments: Value) -> Self {
        Self::modern("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// A POST of `body` as JSON to `/mcp`, without any MCP header.
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            verb: "POST".to_owned(),
            target: "/mcp".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            headers: Vec::new(),
            body: body.into(),
            chunked: false,
        }
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
    }

    /// Replaces the verb.
    pub fn verb(mut self, verb: &str) -> Self {
        verb.clone_into(&mut self.verb);
        self
    }

    /// Replaces the path.
    pub fn path(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Replaces the `HTTP/1.1` of the request line.
    pub fn protocol(mut self, protocol: &str) -> Self {
        protocol.clone_into(&mut self.protocol);
        self
    }

    /// Sets a header, replacing those of that name.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without_header(name).another_header(name, value)
    }

    /// Adds a header besides those of that name.
    pub fn another_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes a header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces the body; the headers stay.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body in chunks instead of with a length.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Changes the JSON message in the body.
    ///
    /// # Panics
    ///
    /// If the body is not JSON.
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut message = self.message().expect("the body is JSON");
        change(&mut message);
        self.body = message.to_string().into_bytes();
        self
    }

    /// Sets a member of the message, e.g. `id`.
    pub fn set(self, member: &str, value: Value) -> Self {
        self.edit(|message| message[member] = value)
    }

    /// Removes a member of the message.
    pub fn unset(self, member: &str) -> Self {
        self.edit(|message| {
            message.as_object_mut().expect("the message is an object").remove(member);
        })
    }

    /// Sets a key of `params`, e.g. `cursor`.
    pub fn param(self, key: &str, value: Value) -> Self {
        self.edit(|message| message["params"][key] = value)
    }

    /// Sets a key of `_meta`; its prefix `io.modelcontextprotocol/` is added.
    pub fn meta(self, key: &str, value: Value) -> Self {
        self.edit(|message| message["params"]["_meta"][format!("io.modelcontextprotocol/{key}")] = value)
    }

    /// Removes a key of `_meta`; its prefix `io.modelcontextprotocol/` is added.
    pub fn without_meta(self, key: &str) -> Self {
        self.edit(|message| {
            let meta = message["params"]["_meta"].as_object_mut().expect("_meta is an object");
            meta.remove(&format!("io.modelcontextprotocol/{key}"));
        })
    }

    /// Asks for progress notifications.
    pub fn with_progress(self) -> Self {
        self.edit(|message| message["params"]["_meta"]["progressToken"] = json!("progress"))
    }

    /// The message in the body, if it is JSON.
    pub fn message(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The verb.
    pub fn method(&self) -> &str {
        &self.verb
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The `HTTP/1.1` of the request line.
    pub fn version(&self) -> &str {
        &self.protocol
    }

    /// The headers that were set.
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The bytes to send to `addr`; `Host` and `Content-Length` are added unless they were set.
    pub fn to_bytes(&self, addr: SocketAddr) -> Vec<u8> {
        let mut bytes = format!("{} {} {}\r\n", self.verb, self.target, self.protocol).into_bytes();
        let mut write_header = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        if !self.has_header("Host") {
            write_header("Host", addr.to_string().as_bytes());
        }
        if self.chunked {
            write_header("Transfer-Encoding", b"chunked");
        } else if !self.has_header("Content-Length") && !self.has_header("Transfer-Encoding") {
            write_header("Content-Length", self.body.len().to_string().as_bytes());
        }
        for (name, value) in &self.headers {
            write_header(name, value);
        }
        bytes.extend_from_slice(b"\r\n");
        if self.chunked {
            for chunk in self.body.chunks(64 * 1024) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// Whether a header of that name was set.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }
}
