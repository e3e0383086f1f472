//! A Lambda function under test: its process, the Runtime API that feeds it, and the fronts that wrap requests.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::runtime_api::{Outcome, RuntimeApi};
use crate::{Head, Reply, Request};

/// How long a function may take to answer before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A function's process; dropping it kills it.
#[derive(Debug)]
pub struct Lambda {
    child: Child,
    api: RuntimeApi,
    log: Arc<Mutex<String>>,
}

impl Lambda {
    /// Starts `program` with what Lambda sets and with `env`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(program: &Path, env: &[(&str, &str)]) -> Self {
        let api = RuntimeApi::start();
        let mut child = Command::new(program)
            .envs(function_env(&api.address()))
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let log = Arc::<Mutex<String>>::default();
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let writing = Arc::clone(&log);
        thread::spawn(move || {
            let mut line = String::new();
            while let Ok(1..) = stderr.read_line(&mut line) {
                writing.lock().expect("no reader panics").push_str(&line);
                line.clear();
            }
        });
        Self { child, api, log }
    }

    /// The Runtime API that feeds it.
    pub fn api(&self) -> &RuntimeApi {
        &self.api
    }

    /// What it comes to with `event`, which is stopped after `limit`.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn invoke(&self, event: &Value, limit: Duration) -> Outcome {
        let answer = self.api.begin(event.to_string().as_bytes(), limit).recv_timeout(PATIENCE);
        answer.unwrap_or_else(|_| panic!("no answer; its log:\n{}", self.log()))
    }

    /// Its answer to `request`, through `front`.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn exchange(&self, front: Front, request: &Request) -> Reply {
        front.unwrap(self.invoke(&front.wrap(request), Duration::from_secs(60)))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panics").clone()
    }

    /// Waits for `line` to appear in the log.
    ///
    /// # Panics
    ///
    /// If it does not within 10 s.
    pub fn expect_in_log(&self, line: &str) {
        let begin = Instant::now();
        while !self.log().contains(line) {
            assert!(begin.elapsed() < Duration::from_secs(10), "no {line:?} in the log:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its exit code once it has ended; `None` while it runs.
    ///
    /// # Panics
    ///
    /// If the system does not say.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().expect("a child can be waited for").and_then(|status| status.code())
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What Lambda sets for a function whose Runtime API is at `address`.
pub(crate) fn function_env(address: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "crm".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
    ]
}

/// What wraps requests into events, and answers out of what a function says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// A REST API behind its own domain, in a stage called `prod`.
    Rest,
    /// An HTTP API with payload format 2.0, in a stage called `prod`.
    Http,
    /// A Function URL.
    FunctionUrl,
    /// A load balancer with one value a header.
    Alb,
    /// A load balancer with several.
    AlbMultiValue,
}

impl Front {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Rest, Self::Http, Self::FunctionUrl, Self::Alb, Self::AlbMultiValue];

    /// Whether it passes on every value of a header that is there more than once, each by itself.
    pub fn keeps_values_apart(self) -> bool {
        matches!(self, Self::Rest | Self::AlbMultiValue)
    }

    /// The event for `request`: as a captured one, with what is the request's own put in.
    ///
    /// # Panics
    ///
    /// If a header of the request is not UTF-8.
    pub fn wrap(self, request: &Request) -> Value {
        let mut event = self.captured();
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let staged = format!("/prod{path}");
        match self {
            Self::Rest => {
                event["path"] = json!(path);
                event["requestContext"]["path"] = json!(staged);
                event["pathParameters"] = json!({ "proxy": path.trim_start_matches('/') });
                event["httpMethod"] = json!(request.method());
                event["requestContext"]["httpMethod"] = json!(request.method());
            }
            Self::Http | Self::FunctionUrl => {
                let raw = if self == Self::Http { &staged } else { path };
                event["rawPath"] = json!(raw);
                event["rawQueryString"] = json!(query);
                event["requestContext"]["http"]["path"] = json!(raw);
                event["requestContext"]["http"]["method"] = json!(request.method());
                event.as_object_mut().expect("an object").remove("cookies");
            }
            Self::Alb | Self::AlbMultiValue => {
                event["path"] = json!(path);
                event["httpMethod"] = json!(request.method());
            }
        }
        self.put_headers(&mut event, request);
        event["body"] = match String::from_utf8(request.bytes().to_vec()) {
            Ok(text) if text.is_empty() && self == Self::Rest => Value::Null,
            Ok(text) => json!(text),
            Err(binary) => {
                event["isBase64Encoded"] = json!(true);
                json!(base64(binary.as_bytes()))
            }
        };
        event
    }

    fn put_headers(self, event: &mut Value, request: &Request) {
        let (mut single, mut multiple) = (Map::new(), Map::<String, Value>::new());
        for (name, value) in request.headers() {
            let value = std::str::from_utf8(value).expect("a header in UTF-8").trim();
            // REST APIs keep names as they were written.
            let name = if self == Self::Rest { name.clone() } else { name.to_ascii_lowercase() };
            match &mut multiple.entry(name.clone()).or_insert_with(|| json!([])) {
                Value::Array(values) => values.push(json!(value)),
                _ => unreachable!("made as an array"),
            }
            let before = single.get(&name).and_then(Value::as_str);
            let joined = match before {
                Some(before) if matches!(self, Self::Http | Self::FunctionUrl) => format!("{before},{value}"),
                _ => value.to_owned(),
            };
            single.insert(name, json!(joined));
        }
        if self != Self::AlbMultiValue {
            event["headers"] = Value::Object(single);
        }
        if self.keeps_values_apart() {
            event["multiValueHeaders"] = Value::Object(multiple);
        }
    }

    fn captured(self) -> Value {
        let name = match self {
            Self::Rest => "rest",
            Self::Http => "http-stage",
            Self::FunctionUrl => "function-url",
            Self::Alb => "alb",
            Self::AlbMultiValue => "alb-multi-value",
        };
        captured_event(name)
    }

    /// What the client gets of `outcome`.
    ///
    /// # Panics
    ///
    /// If it is no answer that the front would take.
    pub fn unwrap(self, outcome: Outcome) -> Reply {
        match outcome {
            Outcome::Failed(error) => panic!("the function failed: {error}"),
            Outcome::Streamed(bytes) => {
                let end = bytes.windows(8).position(|window| window == [0; 8]).expect("a prelude and its end");
                let prelude: Value = serde_json::from_slice(&bytes[..end]).expect("a prelude in JSON");
                reply(&prelude, bytes[end + 8..].to_vec())
            }
            Outcome::Whole(bytes) => {
                let answer: Value = serde_json::from_slice(&bytes).expect("an answer in JSON");
                let (allowed, forbidden) = match self {
                    Self::Alb | Self::Http | Self::FunctionUrl => ("headers", "multiValueHeaders"),
                    Self::Rest | Self::AlbMultiValue => ("multiValueHeaders", "headers"),
                };
                assert!(answer.get(allowed).is_some() && answer.get(forbidden).is_none(), "{self:?}: {answer}");
                let is_alb = matches!(self, Self::Alb | Self::AlbMultiValue);
                assert_eq!(answer["statusDescription"].is_string(), is_alb, "{answer}");
                assert_eq!(answer["isBase64Encoded"], false, "all answers of MCP are text");
                let body = answer["body"].as_str().expect("a body").as_bytes().to_vec();
                reply(&answer, body)
            }
        }
    }
}

/// The event in pmcp-lambda/tests/data of that name.
///
/// # Panics
///
/// If there is none.
pub fn captured_event(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pmcp-lambda/tests/data");
    let path = folder.join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("an event in JSON")
}

fn reply(answer: &Value, body: Vec<u8>) -> Reply {
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    let of = |key: &str| answer[key].as_object().cloned().unwrap_or_default();
    let all = of("headers").into_iter().chain(of("multiValueHeaders"));
    let headers = all.flat_map(|(name, values)| {
        let values = match values {
            Value::Array(values) => values,
            value => vec![value],
        };
        values.into_iter().map(move |value| (name.clone(), value.as_str().expect("a text").to_owned()))
    });
    Reply { head: Head { status, headers: headers.collect() }, body }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, place| bits << 8 | usize::from(chunk.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let sextet = char::from(ALPHABET[bits >> (18 - 6 * place) & 63]);
            text.push(if place <= chunk.len() { sextet } else { '=' });
        }
    }
    text
}

#[test]
fn base64_as_its_specification_has_it() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
}
