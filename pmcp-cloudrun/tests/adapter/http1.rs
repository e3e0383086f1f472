//! Paths, verbs and cross-origin requests over HTTP/1.1.

use pmcp_tests::{Connection, Head, Reply, Request, Server, exchange};

use super::{CALCULATOR, add, assert_five, countdown};

const ALLOWED: &str = "https://app.example";

fn server() -> Server {
    Server::start(CALCULATOR, &[])
}

fn call(server: &Server, request: &Request) -> Reply {
    exchange(server.addr(), &request.to_bytes(server.addr())).expect("an answer")
}

/// A request without a body.
fn bare(verb: &str, path: &str) -> Request {
    Request::post("").verb(verb).path(path).without_header("Content-Type")
}

/// Reads the head alone, since the answer to HEAD has no body, and sees that nothing else came.
fn head(connection: &mut Connection, server: &Server, path: &str) -> Head {
    connection.send(&bare("HEAD", path).to_bytes(server.addr())).expect("the server reads");
    let head = connection.read_head().expect("a head");
    connection.send(&add().to_bytes(server.addr())).expect("the server reads");
    assert_five(&connection.read_reply().expect("the next answer follows at once"));
    head
}

#[test]
fn health() {
    let server = server();
    let healthy = call(&server, &bare("GET", "/healthz"));
    assert_eq!((healthy.status(), healthy.text().as_str()), (200, "ok\n"));
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let head = head(&mut connection, &server, "/healthz");
    assert_eq!((head.status, head.header("content-length")), (200, Some("3")));
    assert_eq!(call(&server, &bare("POST", "/healthz")).status(), 405);
    // Probes come with whatever name the platform has for the instance.
    assert_eq!(call(&server, &bare("GET", "/healthz").header("Host", "10.8.0.3:8080")).status(), 200);
}

#[test]
fn other_paths() {
    let server = server();
    for path in ["/", "/mcp/", "/mcp/healthz", "/healthz/", "/MCP", "//mcp", "/favicon.ico"] {
        let reply = call(&server, &add().path(path));
        assert_eq!(reply.status(), 404, "{path}: {}", reply.text());
        assert!(reply.text().contains("/mcp"), "it does not say where to go: {}", reply.text());
    }
    assert_five(&call(&server, &add().path("/mcp?from=here")));
}

#[test]
fn verbs() {
    let server = server();
    for verb in ["GET", "PUT", "DELETE", "PATCH"] {
        let reply = call(&server, &bare(verb, "/mcp"));
        assert_eq!(reply.status(), 405, "{verb}: {}", reply.text());
        assert!(reply.head.header("allow").is_some_and(|allow| allow.contains("POST")), "{verb}: {reply:?}");
    }
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    assert_eq!(head(&mut connection, &server, "/mcp").status, 405);
}

#[test]
fn one_connection_for_many_requests() {
    let server = server();
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let streamed = countdown(2, 1).with_progress();
    for round in 0..200 {
        let request = match round % 4 {
            0 => add().chunked(),
            1 => bare("GET", "/healthz"),
            2 => streamed.clone(),
            _ => add(),
        };
        connection.send(&request.to_bytes(server.addr())).expect("the connection is open");
        let reply = connection.read_reply().expect("an answer");
        assert_eq!(reply.status(), 200, "round {round}: {}", reply.text());
    }
}

/// What begins as HTTP/2 does may be HTTP/1 all the same.
#[test]
fn a_first_word_that_comes_letter_by_letter() {
    let server = server();
    for verb in ["POST", "PROPFIND"] {
        let mut connection = Connection::open(server.addr()).expect("the server accepts");
        let request = add().verb(verb).to_bytes(server.addr());
        for letter in request[..3].chunks(1) {
            connection.send(letter).expect("the server reads");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        connection.send(&request[3..]).expect("the server reads");
        let reply = connection.read_reply().expect("an answer");
        assert_eq!(reply.status(), if verb == "POST" { 200 } else { 405 }, "{}", reply.text());
    }
}

#[test]
fn requests_sent_before_the_answers_are_answered_in_order() {
    let server = server();
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    let slow = countdown(1, 200).set("id", "first".into());
    let quick = add().set("id", "second".into());
    connection.send(&[slow.to_bytes(server.addr()), quick.to_bytes(server.addr())].concat()).expect("the server reads");
    for id in ["first", "second"] {
        assert_eq!(connection.read_reply().expect("an answer").message()["id"], id);
    }
}

fn preflight(origin: &str) -> Request {
    bare("OPTIONS", "/mcp")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type,mcp-method,mcp-param-region")
}

#[test]
fn a_page_of_an_allowed_origin_may_call() {
    let server = Server::start(CALCULATOR, &[("PMCP_ALLOWED_ORIGINS", ALLOWED)]);
    let reply = call(&server, &preflight(ALLOWED));
    let header = |name| reply.head.header(name).unwrap_or_else(|| panic!("no {name}: {reply:?}"));
    assert_eq!(reply.status(), 204);
    assert_eq!(header("access-control-allow-origin"), ALLOWED);
    assert!(header("access-control-allow-methods").contains("POST"));
    for name in ["content-type", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-param-region", "authorization"]
    {
        assert!(header("access-control-allow-headers").split(", ").any(|allowed| allowed == name), "{name}: {reply:?}");
    }

    for (request, status) in
        [(add(), 200), (countdown(1, 1).with_progress(), 200), (add().body("{"), 400), (bare("GET", "/mcp"), 405)]
    {
        let reply = call(&server, &request.header("Origin", ALLOWED));
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert_eq!(reply.head.header("access-control-allow-origin"), Some(ALLOWED), "{reply:?}");
        assert!(reply.head.header("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("origin")), "{reply:?}");
    }
    assert_eq!(call(&server, &add()).head.header("access-control-allow-origin"), None);
}

#[test]
fn a_page_of_a_foreign_origin_may_not() {
    for server in [server(), Server::start(CALCULATOR, &[("PMCP_ALLOWED_ORIGINS", ALLOWED)])] {
        for request in [preflight("https://evil.example"), add().header("Origin", "https://evil.example")] {
            let reply = call(&server, &request);
            assert_eq!(reply.status(), 403, "{}", reply.text());
            assert_eq!(reply.head.header("access-control-allow-origin"), None, "{reply:?}");
        }
    }
}
