//! HTTP/2 without TLS and with prior knowledge, which is what Cloud Run speaks to a container that asks for it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::{Method, Response, StatusCode};
use pmcp_tests::{MODERN, Request, Server, example, exchange};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{CALCULATOR, add, assert_five, countdown};

/// The calculator with the feature `http2`.
pub(super) fn start(env: &[(&str, &str)]) -> Server {
    Server::start_executable(&example("pmcp-cloudrun", "http2"), env)
}

/// One connection; requests on it are streams of their own.
struct Client {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    authority: String,
}

impl Client {
    async fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.addr()).await.expect("the server accepts");
        let (sender, connection) = h2::client::handshake(stream).await.expect("the server speaks HTTP/2");
        Self { sender, connection: tokio::spawn(connection), authority: server.addr().to_string() }
    }

    /// Sends a good request with the message of `request`, and waits for the head of its answer.
    async fn send(&self, request: &Request) -> Result<Response<RecvStream>, h2::Error> {
        let message = request.message().expect("JSON");
        let head = http::Request::post(format!("http://{}/mcp", self.authority))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", message["method"].as_str().expect("a method"))
            .header("mcp-name", message["params"]["name"].as_str().expect("a name"));
        self.send_parts(head, message.to_string()).await
    }

    async fn send_parts(
        &self,
        head: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Result<Response<RecvStream>, h2::Error> {
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut stream) = sender.send_request(head.body(()).expect("a request"), false)?;
        stream.send_data(body.into(), true)?;
        answer.await
    }

    async fn call(&self, request: &Request) -> Value {
        let mut response = self.send(request).await.expect("an answer");
        let body = read(response.body_mut()).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }
}

async fn read(body: &mut RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.expect("the stream lives");
        body.flow_control().release_capacity(data.len()).expect("it was received");
        bytes.extend_from_slice(&data);
    }
    bytes
}

/// The messages of the events in `text`.
fn messages(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).expect("UTF-8");
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).filter(|data| !data.trim().is_empty());
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

fn assert_counted(message: &Value) {
    assert!(message["result"].is_object() && message["result"]["isError"] != true, "{message}");
}

#[tokio::test]
async fn calls_and_health() {
    let server = start(&[]);
    let client = Client::connect(&server).await;
    for _ in 0..20 {
        assert_eq!(client.call(&add()).await["result"]["content"][0]["text"], "5");
    }
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 405)] {
        let head = http::Request::builder().method(method).uri(format!("http://{}/healthz", client.authority));
        let response = client.send_parts(head, "").await.expect("an answer");
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn progress_comes_while_the_handler_runs() {
    let server = start(&[]);
    let client = Client::connect(&server).await;
    let begin = Instant::now();
    let mut response = client.send(&countdown(3, 300).with_progress()).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = response.body_mut();
    let first = body.data().await.expect("an event").expect("the stream lives");
    assert!(begin.elapsed() < Duration::from_millis(800), "it came only after {:?}", begin.elapsed());
    body.flow_control().release_capacity(first.len()).expect("it was received");
    let rest = read(body).await;
    let messages = messages(&[&first[..], &rest].concat());
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert!(messages[..3].iter().all(|message| message["method"] == "notifications/progress"), "{messages:?}");
    assert_counted(&messages[3]);
}

#[tokio::test]
async fn a_hundred_streams_at_once_on_one_connection() {
    let server = start(&[]);
    let client = std::sync::Arc::new(Client::connect(&server).await);
    let begin = Instant::now();
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let client = std::sync::Arc::clone(&client);
            tokio::spawn(async move {
                let request = countdown(2, 250).set("id", number.into());
                if number % 2 == 0 {
                    return (number, client.call(&request).await);
                }
                let mut response = client.send(&request.with_progress()).await.expect("an answer");
                (number, messages(&read(response.body_mut()).await).pop().expect("a message"))
            })
        })
        .collect();
    for call in calls {
        let (number, message) = call.await.expect("no panic");
        assert_eq!(message["id"], number);
        assert_counted(&message);
    }
    // One after the other they would take 50 s.
    assert!(begin.elapsed() < Duration::from_secs(5), "took {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_stream_that_is_reset_leaves_its_place() {
    let server = start(&[("PMCP_MAX_CONCURRENCY", "1")]);
    let client = Client::connect(&server).await;
    for _ in 0..3 {
        // Its head comes with the first event, and shows that it has the place.
        let held = client.send(&countdown(6000, 10).with_progress()).await.expect("an answer");
        assert_eq!(held.status(), StatusCode::OK);
        let refused = client.send(&add()).await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "1");

        drop(held);
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let mut response = client.send(&add()).await.expect("an answer");
            read(response.body_mut()).await;
            if response.status() == StatusCode::OK {
                break;
            }
            assert!(Instant::now() < deadline, "the place was never free again");
        }
        // The answer that was read to its end may hold the place for another moment.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn bodies_over_the_limit() {
    let server = start(&[("PMCP_MAX_BODY_BYTES", "10000")]);
    let client = Client::connect(&server).await;
    let head =
        || http::Request::post(format!("http://{}/mcp", client.authority)).header("content-type", "application/json");
    for head in [head(), head().header("content-length", "10001")] {
        let response = client.send_parts(head, vec![b' '; 10_001]).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(client.call(&add()).await["result"]["content"][0]["text"], "5");
}

#[tokio::test]
async fn a_foreign_name_is_refused() {
    let server = start(&[]);
    let mut client = Client::connect(&server).await;
    client.authority = format!("evil.example:{}", server.addr().port());
    assert_eq!(client.send(&add()).await.expect("an answer").status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_client_that_stops_within_the_preface_is_let_go() {
    let server = start(&[("PMCP_HEADER_TIMEOUT_MS", "300")]);
    let mut stream = TcpStream::connect(server.addr()).await.expect("the server accepts");
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.expect("the server reads");
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it is closed");
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn without_the_feature_a_client_is_let_go_and_the_log_says_why() {
    let server = Server::start(CALCULATOR, &[]);
    for _ in 0..2 {
        let client = Client::connect(&server).await;
        let answer = timeout(Duration::from_secs(5), client.send(&add())).await.expect("the connection is closed");
        assert!(answer.is_err(), "a server without HTTP/2 answered over it");
    }
    assert_eq!(server.log().matches("turn on the feature `http2` of pmcp-cloudrun").count(), 1, "{}", server.log());
    let (address, request) = (server.addr(), add().to_bytes(server.addr()));
    let reply = tokio::task::spawn_blocking(move || exchange(address, &request)).await.expect("no panic");
    assert_five(&reply.expect("an answer"));
}

#[tokio::test]
async fn sigterm_lets_streams_end() {
    let mut server = start(&[]);
    let client = Client::connect(&server).await;
    let mut streamed = client.send(&countdown(5, 100).with_progress()).await.expect("an answer");
    server.terminate();
    let messages = messages(&timeout(Duration::from_secs(5), read(streamed.body_mut())).await.expect("it ends"));
    assert_counted(messages.last().expect("a message"));
    // The server says that it goes, and not that anything was wrong.
    match timeout(Duration::from_secs(5), client.connection).await.expect("it closes").expect("no panic") {
        Ok(()) => {}
        Err(error) => assert_eq!(error.reason(), Some(Reason::NO_ERROR), "{error}"),
    }
    let status = server.wait(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{status}: {}", server.log());
}
