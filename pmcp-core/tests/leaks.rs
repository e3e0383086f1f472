//! Ten thousand requests that are begun and given up leave nothing behind: no memory, no handler, no waker.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as Task, Poll, Wake, Waker},
};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Method, Request};
use http_body::Body as _;
use pmcp_core::{
    Cancelled, StreamableHttp,
    platform::Platform,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
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
