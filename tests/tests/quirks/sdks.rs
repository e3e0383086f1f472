//! The same quirks with the whole of a real SDK behind them: a gateway adds what the SDK does not do by itself.

use pmcp_tests::{Client, Gateway, Recorded, Server, one_at_a_time};

use crate::fixture::Fixture;

type Change = fn(&mut Recorded);

/// What happens between a client and the server.
const CHANGES: [(&str, Change); 4] = [
    ("a foreign session id", |request| {
        if request.header("mcp-session-id").is_none() {
            request.set("Mcp-Session-Id", "5f0c7a52-gateway");
        }
    }),
    ("Accept: */*", |request| request.set("Accept", "*/*")),
    ("no version header", |request| {
        // In the newest revision the header is a must, and a request without it is refused.
        if request.header("mcp-protocol-version") != Some("2026-07-28") {
            request.remove("mcp-protocol-version");
        }
    }),
    ("the version twice", |request| {
        if let Some(version) = request.header("mcp-protocol-version").map(str::to_owned) {
            request.set("MCP-Protocol-Version", &format!("{version}, {version}"));
        }
    }),
];

const MODES: [&[(&str, &str)]; 2] = [&[], &[("PMCP_SESSIONS", "memory")]];

#[test]
fn typescript_sdk_v1() {
    with_every_change("quirks_typescript_sdk_v1", "typescript-v1.mjs", &MODES);
}

#[test]
fn typescript_sdk_v2() {
    with_every_change("quirks_typescript_sdk_v2", "typescript-v2.mjs", &MODES);
}

#[test]
fn python_sdk_v1() {
    // Its script is for a server without sessions, and says so.
    with_every_change("quirks_python_sdk_v1", "python_v1.py", &MODES[..1]);
}

#[test]
fn python_sdk_v2() {
    with_every_change("quirks_python_sdk_v2", "python.py", &MODES);
}

fn with_every_change(test: &str, script: &str, modes: &[&[(&str, &str)]]) {
    let Some(client) = Client::find(test, script) else { return };
    let _turn = one_at_a_time();
    for mode in modes {
        let server = Server::start("calculator-cloudrun", mode);
        // At once, but for what excludes each other: a session's requests have its id, and without a session nothing
        // but the header says what was agreed on.
        let changes: &[usize] = if mode.is_empty() { &[0, 1, 3] } else { &[1, 2] };
        let gateway = Gateway::before(server.addr(), move |request| {
            changes.iter().for_each(|change| CHANGES[*change].1(request));
        });
        let names: Vec<_> = changes.iter().map(|change| CHANGES[*change].0).collect();
        eprintln!("{test}: {}", names.join(", "));
        client.run(&[&gateway.url()], 13);
        assert!(gateway.seen().len() > 10, "the client went another way");
    }
}

/// What is recorded of an SDK is what it sends.
#[test]
fn recordings_are_true() {
    const TEST: &str = "recordings_are_true";
    let recorded = Fixture::all("http").into_iter().filter(|fixture| fixture.says("Recorded").is_some());
    for fixture in recorded {
        let Some(client) = Client::find(TEST, fixture.says("Recorded").unwrap_or_default()) else { return };
        let _turn = one_at_a_time();
        let server = Server::start("calculator-cloudrun", &[]);
        let gateway = Gateway::before(server.addr(), |_| ());
        client.run(&[&gateway.url()], 13);
        let sent: Vec<_> = gateway.seen().iter().map(outline).collect();
        // Some go out at the same time, so their order says nothing.
        for expected in fixture.requests().iter().map(|block| outline(&parse(&block.text))) {
            assert!(sent.contains(&expected), "{}: not sent: {expected}; but: {sent:#?}", fixture.name);
        }
    }
}

/// What tells one client from another: its verb, its message, and the headers that a server looks at.
fn outline(request: &Recorded) -> String {
    let headers = ["accept", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name", "last-event-id"];
    let headers: Vec<_> = headers.iter().map(|name| format!("{name}: {:?}", request.header(name))).collect();
    let body = String::from_utf8_lossy(&request.body);
    format!("{} {} {}", request.verb, headers.join(" "), body)
}

fn parse(text: &str) -> Recorded {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.trim().lines();
    let verb = lines.next().and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Recorded { verb, headers, body: body.trim().as_bytes().to_vec() }
}
