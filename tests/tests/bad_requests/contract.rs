//! The same request gives the same answer on every platform: status, headers and body, byte for byte.
//!
//! Cloud Run's adapter is the measure; Lambda's is asked behind each front that wraps requests for it, with every row
//! of the tables here and with good requests of all revisions.

use pmcp_tests::{Front, Lambda, Outcome, Reply, Request, Server, Workerd, binary, exchange};
use serde_json::{Value, json};

use crate::{Row, Sent, all_rows};

/// Both have to be told alike whom they answer to: only the one on a machine of its own knows it by itself.
const RULES: [(&str, &str); 2] = [
    ("PMCP_ALLOWED_HOSTS", "localhost,127.0.0.1"),
    ("PMCP_ALLOWED_ORIGINS", "http://localhost:6274,http://127.0.0.1:3000"),
];

/// Of the way, not of the answer.
const OF_THE_CONNECTION: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

const PI: &str = "calculator://constants/pi";

/// Good requests: what they are about, and the request.
fn good() -> Vec<(String, Request)> {
    let mut good = Vec::new();
    let of_all = |send: &dyn Fn(&str, Value) -> Request| {
        vec![
            send("tools/list", json!({})),
            send("tools/call", json!({"name": "add", "arguments": {"a": 2, "b": 3}})),
            send("tools/call", json!({"name": "divide", "arguments": {"a": 7, "b": 2}})),
            send("tools/call", json!({"name": "divide", "arguments": {"a": 7, "b": 0}})),
            send("tools/call", json!({"name": "countdown", "arguments": {"from": 3, "delay_ms": 1}})),
            send("tools/call", json!({"name": "countdown", "arguments": {"from": 3, "delay_ms": 1}})).with_progress(),
            send("resources/templates/list", json!({})),
            send("resources/read", json!({"uri": PI})),
            send("prompts/list", json!({})),
            send("prompts/get", json!({"name": "explain_calculation", "arguments": {"expression": "17 / 5"}})),
        ]
    };
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let requests = of_all(&|method, params| Request::legacy(Some(version), method, params));
        let handshake =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
        let begin = [
            Request::legacy(None, "initialize", handshake),
            Request::post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string())
                .header("MCP-Protocol-Version", version),
            Request::legacy(Some(version), "ping", json!({})),
        ];
        good.extend(begin.into_iter().chain(requests).map(|request| (version.to_owned(), request)));
    }
    let modern = of_all(&|method, params| Request::modern(method, params));
    let discover = Request::modern("server/discover", json!({}));
    let page = discover.clone().header("Origin", "http://localhost:6274");
    let preflight = Request::post("").verb("OPTIONS").header("Origin", "http://localhost:6274");
    let probe = Request::post("").verb("GET").path("/health");
    let others = [discover, page, preflight, probe];
    good.extend(modern.into_iter().chain(others).map(|request| ("2026-07-28".to_owned(), request)));
    good
}

/// The bad ones that are requests of HTTP: what is wrong with a connection never reaches a function.
fn bad() -> Vec<(String, Request)> {
    let requests = all_rows().into_iter().filter_map(|Row { name, sent, .. }| match sent {
        Sent::Request(request) => Some((name.to_owned(), *request)),
        Sent::Bytes(_) => None,
    });
    requests.collect()
}

/// Why a front never hands the request to a function.
fn refused_by(front: Front, request: &Request) -> Option<&'static str> {
    let named = |name: &str| request.headers().iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count();
    let is_twice = request.headers().iter().any(|(name, _)| named(name) > 1);
    match request {
        _ if !request.headers().iter().all(|(name, value)| is_header(name, value)) => Some("it is not HTTP"),
        _ if is_twice && !front.keeps_values_apart() => Some("it joins what is there twice, or keeps the last"),
        _ if request.headers().iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > 10 << 10 => {
            Some("a head over 10 KB")
        }
        _ if request.headers().len() > 100 => Some("more than 100 headers"),
        _ if request.target().len() > 8 << 10 => Some("a path over 8 KB"),
        _ if named("Transfer-Encoding") + named("Content-Length") > 0 => Some("framing is its own business"),
        _ if request.version() != "HTTP/1.1" => Some("it speaks its own HTTP"),
        _ => None,
    }
}

/// Whether a gateway would read it as a header at all, and could put it into JSON.
fn is_header(name: &str, value: &[u8]) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_text =
        std::str::from_utf8(value).is_ok_and(|text| text.chars().all(|char| !char.is_control() || char == '\t'));
    !name.is_empty() && name.bytes().all(is_name) && is_text
}

fn what_matters(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let mut headers = reply.head.headers.clone();
    headers.retain(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    headers.sort();
    (reply.status(), headers, reply.text())
}

/// What a function answers, or that it failed, which no client should ever see.
fn ask(lambda: &Lambda, front: Front, request: &Request) -> (u16, Vec<(String, String)>, String) {
    match lambda.invoke(&front.wrap(request), std::time::Duration::from_secs(60)) {
        Outcome::Failed(error) => (502, Vec::new(), error.to_string()),
        outcome => what_matters(&front.unwrap(outcome)),
    }
}

#[test]
fn every_platform_gives_the_same_bytes() {
    let server = Server::start("calculator-cloudrun", &RULES);
    let host = server.addr().to_string();
    let buffered = Lambda::start(&binary("calculator-lambda"), &RULES);
    let streaming =
        Lambda::start(&binary("calculator-lambda"), &[RULES[0], RULES[1], ("PMCP_RESPONSE_MODE", "streaming")]);
    let (mut compared, mut failures) = ([0; Front::ALL.len()], Vec::new());
    for (about, request) in good().into_iter().chain(bad()) {
        if Front::ALL.into_iter().all(|front| refused_by(front, &request).is_some()) {
            continue;
        }
        let expected = exchange(server.addr(), &request.to_bytes(server.addr()))
            .unwrap_or_else(|error| panic!("{about}: no answer over HTTP: {error}"));
        let request = if request.has_header("Host") { request } else { request.header("Host", &host) };
        for (front, compared) in Front::ALL.into_iter().zip(&mut compared) {
            if refused_by(front, &request).is_some() {
                continue;
            }
            *compared += 1;
            let expected = what_matters(&expected);
            let found = ask(&buffered, front, &request);
            if found != expected {
                failures.push(format!("{about}, {front:?}:\n  {found:?}\n  {expected:?}"));
            }
            // A streamed answer always has a type: without one, the runtime says that it is bytes.
            let mut found = ask(&streaming, front, &request);
            if expected.1.iter().all(|(name, _)| name != "content-type") {
                found.1.retain(|header| *header != ("content-type".to_owned(), "application/octet-stream".to_owned()));
            }
            if found != expected {
                failures.push(format!("{about}, {front:?}, streaming:\n  {found:?}\n  {expected:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} answers differ:\n{}", failures.len(), failures.join("\n"));
    assert!(compared.iter().all(|compared| *compared >= 200), "too few requests: {compared:?}");
}

/// Why workerd answers otherwise, or hands the Worker another request than it was sent.
fn changed_by_workerd(request: &Request) -> Option<&'static str> {
    let named = |name: &str| request.headers().iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count();
    match request {
        _ if !request.headers().iter().all(|(name, value)| is_header(name, value)) => Some("it is not HTTP"),
        _ if request.headers().iter().any(|(name, _)| named(name) > 1) => Some("JavaScript joins what is there twice"),
        _ if named("Transfer-Encoding") + named("Content-Length") > 0 => Some("framing is its own business"),
        _ if request.version() != "HTTP/1.1" => Some("it speaks its own HTTP"),
        _ if request.method() == "BREW" => Some("it knows the verbs that there are"),
        _ if request.headers().len() > 100 || request.target().len() > 8 << 10 => Some("it has limits of its own"),
        _ if request.headers().iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > 64 << 10 => {
            Some("it has limits of its own")
        }
        _ => None,
    }
}

#[test]
fn workerd_gives_the_same_bytes() {
    let Some(workerd) = Workerd::start("workerd_gives_the_same_bytes", "calculator", &RULES) else { return };
    let server = Server::start("calculator-cloudrun", &RULES);
    let host = server.addr().to_string();
    let (mut compared, mut failures) = (0, Vec::new());
    for (about, request) in good().into_iter().chain(bad()) {
        if changed_by_workerd(&request).is_some() {
            continue;
        }
        let request = if request.has_header("Host") { request } else { request.header("Host", &host) };
        let ask = |addr| exchange(addr, &request.to_bytes(addr)).map(|reply| what_matters(&reply));
        compared += 1;
        match (ask(workerd.addr()), ask(server.addr())) {
            (Ok(found), Ok(expected)) if found == expected => {}
            (found, expected) => failures.push(format!("{about}:\n  {found:?}\n  {expected:?}")),
        }
    }
    assert!(failures.is_empty(), "{} of {compared} answers differ:\n{}", failures.len(), failures.join("\n"));
    assert!(compared >= 200, "too few requests: {compared}");
}
