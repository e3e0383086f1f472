//! Ten thousand requests that are begun and given up leave nothing behind: no memory, no handler, no waker.
// Allocations are counted on the machine that tests: what is counted is the same for WebAssembly.
#![cfg(not(target_family = "wasm"))]

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as Task, Poll, Wake, Waker},
};

use allocation_counter::measure;
use bytes::Bytes;
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use http::{Method, Request};
use http_body::Body as _;
use pmcp_core::{
    Cancelled, StreamableHttp,
    platform::Platform,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    stdio::Stdio,
    streamable_http::Body,
    testing::TestPlatform,
};

const MANY: usize = 10_000;

/// Hands work to others, in every way in which something could stay behind.
#[derive(Clone, Default)]
struct Busy {
    live: Arc<AtomicUsize>,
    /// Work that others do for a handler, until its request is over.
    others: Arc<Mutex<Vec<Cancelled>>>,
}

struct Live(Arc<AtomicUsize>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[server(name = "busy", version = "1.0.0")]
impl Busy {
    #[tool]
    async fn busy(&self, cx: &Context) -> &str {
        self.live.fetch_add(1, Ordering::SeqCst);
        let _live = Live(Arc::clone(&self.live));
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(cx.cancelled());
        cx.progress(1, 2.0, "begun").await;
        let (mut over, mut sleep) = (pin!(cx.cancelled()), cx.sleep(std::time::Duration::from_secs(3600)));
        poll_fn(|task| {
            assert!(over.as_mut().poll(task).is_pending());
            let _ = sleep.as_mut().poll(task);
            Poll::<()>::Pending
        })
        .await;
        "never"
    }
}

impl Busy {
    fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Whether all that others did is over; and it is forgotten.
    fn others_are_over(&self) -> usize {
        let others = std::mem::take(&mut *self.others.lock().unwrap_or_else(PoisonError::into_inner));
        let count = others.len();
        for other in others {
            assert!(pin!(other).poll(&mut Task::from_waker(Waker::noop())).is_ready());
        }
        count
    }
}

/// Wakes nobody; how many hold it can be counted.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn call(id: usize, meta: Value) -> Value {
    let params = json!({ "name": "busy", "arguments": {}, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

fn request(revision: Revision) -> Request<Bytes> {
    let mut meta = json!({ "progressToken": 1 });
    if !revision.is_legacy() {
        meta["io.modelcontextprotocol/protocolVersion"] = json!(revision.as_str());
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    }
    let mut request = Request::new(Bytes::from(call(1, meta).to_string()));
    *request.method_mut() = Method::POST;
    for (name, value) in [
        ("host", "localhost"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", revision.as_str()),
        ("mcp-method", "tools/call"),
        ("mcp-name", "busy"),
    ] {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    request
}

#[test]
fn streams_that_are_dropped() {
    for revision in Revision::ALL {
        let busy = Busy::default();
        let endpoint = StreamableHttp::new(busy.clone()).expect("a server");
        let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
        let nobody = Arc::new(Nobody);
        let waker = Waker::from(Arc::clone(&nobody));
        let mut task = Task::from_waker(&waker);
        let mut open = || -> Body {
            let response = match pin!(endpoint.respond(request(revision), &platform)).poll(&mut task) {
                Poll::Ready(response) => response,
                Poll::Pending => panic!("no stream"),
            };
            let mut body = response.into_body();
            let frame = Pin::new(&mut body).poll_frame(&mut task);
            assert!(matches!(frame, Poll::Ready(Some(Ok(_)))), "no event");
            // Waits for the handler, with the timer of the keep-alive running.
            assert!(Pin::new(&mut body).poll_frame(&mut task).is_pending());
            body
        };
        let mut round = |streams: usize| {
            let bodies: Vec<_> = (0..streams).map(|_| open()).collect();
            assert_eq!(busy.live(), streams);
            drop(bodies);
            // The platform of the test drops what clients of older revisions left to be finished.
            assert_eq!((busy.live(), busy.others_are_over()), (0, streams), "{revision}");
        };
        round(100);
        let (platforms, wakers) = (Arc::strong_count(&platform), Arc::strong_count(&nobody));
        let info = measure(|| (0..MANY / 100).for_each(|_| round(100)));
        assert_eq!(Arc::strong_count(&platform), platforms, "{revision}");
        assert_eq!(Arc::strong_count(&nobody), wakers, "{revision}");
        assert_eq!((info.count_current, info.bytes_current), (0, 0), "{revision}: memory stayed behind");
    }
}

/// A client that begins a hundred requests and cancels them, as long as it is told to.
#[derive(Default)]
struct Client {
    rounds: usize,
    /// How much of this round's lines the server has read.
    read: usize,
    reader: Option<Waker>,
    /// How many bytes the server has written.
    written: usize,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Client>>);

struct Reader {
    client: Shared,
    /// What the client says in each round.
    lines: Vec<u8>,
}

impl AsyncRead for Reader {
    fn poll_read(self: Pin<&mut Self>, _: &mut Task<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        unreachable!("only lines are read")
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let mut client = this.client.0.lock().expect("a lock");
        if client.read == this.lines.len() && client.rounds > 0 {
            (client.rounds, client.read) = (client.rounds - 1, 0);
        }
        let read = client.read;
        if read == this.lines.len() {
            client.reader = Some(task.waker().clone());
            return Poll::Pending;
        }
        drop(client);
        Poll::Ready(Ok(&this.lines[read..]))
    }

    fn consume(self: Pin<&mut Self>, read: usize) {
        self.client.0.lock().expect("a lock").read += read;
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, _: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().expect("a lock").written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn requests_that_are_cancelled_over_stdio() {
    let modern = json!({
        "progressToken": 1,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let initialize = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
    let open = json!({ "jsonrpc": "2.0", "id": "open", "method": "initialize", "params": initialize });
    for (open, meta) in [(None, modern), (Some(open), json!({ "progressToken": 1 }))] {
        let busy = Busy::default();
        let server = Stdio::new(busy.clone()).expect("a server");
        let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
        let cancelled =
            |id| json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
        let calls = (0..100).map(|id| call(id, meta.clone()));
        // Cancelled in another order than they came in.
        let cancels = (0..100).map(|id| cancelled(id * 37 % 100));
        let lines: Vec<_> = open.into_iter().chain(calls).chain(cancels).map(|line| line.to_string() + "\n").collect();

        let client = Shared::default();
        let reader = Reader { client: client.clone(), lines: lines.concat().into_bytes() };
        client.0.lock().expect("a lock").read = reader.lines.len();
        let mut serving = pin!(server.serve(reader, client.clone(), Arc::clone(&platform)));
        let nobody = Arc::new(Nobody);
        let waker = Waker::from(Arc::clone(&nobody));
        let mut play = |rounds: usize| {
            client.0.lock().expect("a lock").rounds = rounds;
            // More often than there are lines, of which it reads a few at a time.
            for _ in 0..rounds * lines.len() {
                assert!(serving.as_mut().poll(&mut Task::from_waker(&waker)).is_pending());
            }
            assert_eq!(client.0.lock().expect("a lock").rounds, 0, "not all was read");
            assert_eq!((busy.live(), busy.others_are_over()), (0, rounds * 100));
        };
        // The first rounds make room that is kept.
        play(2);
        let (platforms, wakers) = (Arc::strong_count(&platform), Arc::strong_count(&nobody));
        let written = client.0.lock().expect("a lock").written;
        let info = measure(|| (0..MANY / 100).for_each(|_| play(1)));
        assert!(client.0.lock().expect("a lock").written > written + MANY * 50, "the handlers said nothing");
        assert_eq!(Arc::strong_count(&platform), platforms);
        assert_eq!(Arc::strong_count(&nobody), wakers);
        assert_eq!((info.count_current, info.bytes_current), (0, 0), "memory stayed behind");
    }
}
