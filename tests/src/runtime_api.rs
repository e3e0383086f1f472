//! Lambda's Runtime API, made up: hands events to a function's process and takes its answers.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// What a function came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What it answered in one piece.
    Whole(Vec<u8>),
    /// What it streamed: the prelude, eight zeros, the body.
    Streamed(Vec<u8>),
    /// That it failed, and why.
    Failed(Value),
}

/// What the API does wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Closes the connection on which an event is asked for.
    DropNext,
    /// Closes the connection on which an answer comes, before it is confirmed.
    DropAnswer,
}

/// A Runtime API on a free port; it ends with the test's process.
#[derive(Clone, Debug)]
pub struct RuntimeApi {
    addr: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    waiting: VecDeque<Invocation>,
    running: HashMap<String, Sender<Outcome>>,
    faults: Vec<Fault>,
    /// How often an event was asked for.
    polls: usize,
    extensions: Vec<String>,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    deadline_ms: u128,
    event: Vec<u8>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let api = Self { addr: listener.local_addr().expect("an address"), state: Arc::default() };
        let serving = api.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = serving.clone();
                // A function that ends breaks its connections, which is no failure of the API.
                thread::spawn(move || drop(api.serve(stream)));
            }
        });
        api
    }

    /// What `AWS_LAMBDA_RUNTIME_API` must be.
    pub fn address(&self) -> String {
        self.addr.to_string()
    }

    /// Hands out an event that is stopped after `limit`; the answer comes through the receiver.
    pub fn begin(&self, event: &[u8], limit: Duration) -> Receiver<Outcome> {
        let (sender, receiver) = channel();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
        let mut state = self.state();
        state.count += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", state.count);
        state.running.insert(id.clone(), sender);
        let deadline_ms = (since + limit).as_millis();
        state.waiting.push_back(Invocation { id, deadline_ms, event: event.to_vec() });
        self.state.1.notify_all();
        receiver
    }

    /// Makes something go wrong, once.
    pub fn fail_once(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Whether all that was to go wrong has.
    pub fn has_failed(&self) -> bool {
        self.state().faults.is_empty()
    }

    /// How often an event was asked for.
    pub fn polls(&self) -> usize {
        self.state().polls
    }

    /// The extensions that have registered.
    pub fn extensions(&self) -> Vec<String> {
        self.state().extensions.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no thread of the API panics")
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let Some(request) = read_request(&mut reader)? else { return Ok(()) };
            let stream = reader.get_mut();
            let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
            match path[..] {
                [_, "runtime", "invocation", "next"] => {
                    if self.takes(Fault::DropNext) {
                        return Ok(());
                    }
                    let next = self.next();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                         Lambda-Runtime-Aws-Request-Id: {}\r\nLambda-Runtime-Deadline-Ms: {}\r\n\
                         Lambda-Runtime-Trace-Id: Root=1-67d2f1aa-0f1e2d3c4b5a69788796a5b4;Sampled=1\r\n\
                         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:crm\r\n\r\n",
                        next.event.len(),
                        next.id,
                        next.deadline_ms,
                    );
                    stream.write_all(&[head.as_bytes(), &next.event].concat())?;
                }
                [_, "runtime", "invocation", id, what] => {
                    if self.takes(Fault::DropAnswer) {
                        return Ok(());
                    }
                    let outcome = match (what, request.streams) {
                        ("response", false) => Outcome::Whole(request.body),
                        ("response", true) => Outcome::Streamed(request.body),
                        _ => Outcome::Failed(serde_json::from_slice(&request.body).unwrap_or_default()),
                    };
                    let sender = self.state().running.remove(id);
                    stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
                    // A test that no longer waits has seen enough.
                    sender.map(|sender| sender.send(outcome));
                }
                [_, "extension", "register"] => {
                    self.state().extensions.push(request.extension);
                    let head = "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: ext-1\r\nContent-Length: 72\r\n\r\n";
                    let body = r#"{"functionName":"crm","functionVersion":"1","handler":"bootstrap"}      "#;
                    stream.write_all(format!("{head}{body}").as_bytes())?;
                }
                // Of an extension that asked for no events, until it is gone.
                [_, "extension", "event", "next"] => drop(reader.read(&mut [0])?),
                _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
            }
        }
    }

    fn next(&self) -> Invocation {
        let mut state = self.state();
        state.polls += 1;
        loop {
            match state.waiting.pop_front() {
                Some(next) => return next,
                None => state = self.state.1.wait(state).expect("no thread of the API panics"),
            }
        }
    }

    fn takes(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let place = state.faults.iter().position(|waiting| *waiting == fault);
        place.map(|place| state.faults.remove(place)).is_some()
    }
}

struct Received {
    path: String,
    streams: bool,
    extension: String,
    body: Vec<u8>,
}

/// The next request of a connection, or `None` at its end.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut chunked) = (0, false);
    let mut received = Received { path, streams: false, extension: String::new(), body: Vec::new() };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = value.parse().map_err(io::Error::other)?,
            ("transfer-encoding", "chunked") => chunked = true,
            ("lambda-runtime-function-response-mode", "streaming") => received.streams = true,
            ("lambda-extension-name", value) => value.clone_into(&mut received.extension),
            _ => {}
        }
    }
    if !chunked {
        received.body.resize(length, 0);
        reader.read_exact(&mut received.body)?;
        return Ok(Some(received));
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        let begin = received.body.len();
        received.body.resize(begin + size, 0);
        reader.read_exact(&mut received.body[begin..])?;
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(Some(received));
        }
    }
}
