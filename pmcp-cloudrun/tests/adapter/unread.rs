//! Answers over HTTP/2 that nobody reads: the client's window stops one stream, and the connection goes with it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use pmcp_tests::{MODERN, Request, Server, exchange};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{add, assert_five, countdown, http2::start};

const LIMITS: [(&str, &str); 2] = [("PMCP_WRITE_TIMEOUT_MS", "500"), ("PMCP_MAX_CONCURRENCY", "1")];
/// The limit, once more for its check, and room for a busy machine.
const GONE: Duration = Duration::from_secs(5);

/// A client that answers pings, whatever else it leaves undone.
struct Client {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    authority: String,
}

impl Client {
    /// With a window of this many bytes for every answer.
    async fn connect(server: &Server, window: u32) -> Self {
        let stream = TcpStream::connect(server.addr()).await.expect("the server accepts");
        let handshake = Builder::new().initial_window_size(window).handshake(stream).await;
        let (sender, connection) = handshake.expect("the server speaks HTTP/2");
        Self { sender, connection: tokio::spawn(connection), authority: server.addr().to_string() }
    }

    async fn send(&self, request: &Request) -> ResponseFuture {
        let message = request.message().expect("JSON");
        let head = http::Request::post(format!("http://{}/mcp", self.authority))
            .header("content-type", "application/json")
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", message["method"].as_str().expect("a method"))
            .header("mcp-name", message["params"]["name"].as_str().expect("a name"));
        let mut sender = self.sender.clone().ready().await.expect("the connection is open");
        let (answer, mut body) = sender.send_request(head.body(()).expect("a request"), false).expect("a stream");
        body.send_data(message.to_string().into(), true).expect("a window for requests");
        answer
    }

    async fn assert_is_closed(self) {
        timeout(GONE, self.connection).await.expect("the connection is closed").expect("no panic").unwrap_or_default();
    }
}

/// Whoever comes next finds the place free, on a connection of their own.
async fn assert_answers(server: &Server) {
    let deadline = Instant::now() + GONE;
    loop {
        let (address, request) = (server.addr(), add().to_bytes(server.addr()));
        let reply = tokio::task::spawn_blocking(move || exchange(address, &request)).await.expect("no panic");
        let reply = reply.expect("an answer");
        if reply.status() == 200 {
            return assert_five(&reply);
        }
        assert!(Instant::now() < deadline, "the place was never free again: {}", reply.text());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_answer_without_a_window_closes_the_connection() {
    let server = start(&LIMITS);
    let client = Client::connect(&server, 0).await;
    let answer = client.send(&add()).await.await.expect("heads have no window");
    assert_eq!(answer.status(), 200);
    client.assert_is_closed().await;
    assert_answers(&server).await;
}

#[tokio::test]
async fn a_stream_of_events_without_a_window_closes_the_connection() {
    let server = start(&LIMITS);
    for window in [0, 1000] {
        let client = Client::connect(&server, window).await;
        let answer = client.send(&countdown(1_000_000, 0).with_progress()).await.await.expect("a head");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        client.assert_is_closed().await;
        assert_answers(&server).await;
    }
}

#[tokio::test]
async fn a_handler_that_is_quiet_is_no_reader_that_stalls() {
    let server = start(&LIMITS);
    let client = Client::connect(&server, 65_535).await;
    // Longer than the limit before the head, and between two events.
    for request in [countdown(1, 1500), countdown(2, 1500).with_progress()] {
        let mut answer = client.send(&request).await.await.expect("an answer");
        let mut text = Vec::new();
        while let Some(data) = answer.body_mut().data().await {
            let data = data.expect("the stream lives");
            answer.body_mut().flow_control().release_capacity(data.len()).expect("it was received");
            text.extend_from_slice(&data);
        }
        let text = String::from_utf8(text).expect("UTF-8");
        assert!(text.contains("Counted down"), "{text}");
        // The answer that was read to its end may hold the place for another moment.
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_window_of_one_byte_closes_the_connection() {
    let server = start(&[LIMITS[0], LIMITS[1], ("PMCP_HEADER_TIMEOUT_MS", "500")]);
    for length in [1, 1_000_000] {
        let client = Client::connect(&server, 1).await;
        // The length of the answer is that of the argument, which is no number.
        let answer = client.send(&Request::call("add", json!({"a": "x".repeat(length), "b": 1}))).await;
        // Kept, since dropping it would take the stream back.
        let answer = answer.await.expect("a head");
        assert_eq!(answer.status(), 200);
        client.assert_is_closed().await;
        assert_answers(&server).await;
        drop(answer);
    }
}
