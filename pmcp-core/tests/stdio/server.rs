//! A server with a tool for each way to take one's time.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use pmcp_core::{
    prelude::*,
    serde_json::{Value, json},
};

#[derive(Clone, Default)]
pub(crate) struct Desk {
    /// How many handlers run.
    pub(crate) live: Arc<AtomicUsize>,
    /// How often `waiting` was polled.
    pub(crate) polls: Arc<AtomicUsize>,
    pub(crate) gate: Gate,
    /// Contexts that handlers left behind.
    pub(crate) left: Arc<Mutex<Vec<Context>>>,
}

/// Closed until the test opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    pub(crate) fn open(&self) {
        let waiting = {
            let mut gate = self.0.lock().expect("a lock");
            gate.0 = true;
            std::mem::take(&mut gate.1)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    async fn pass(&self) {
        poll_fn(|task| {
            let mut gate = self.0.lock().expect("a lock");
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(task.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Desk {
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }
}

#[server(name = "desk", version = "1.0.0", logging)]
impl Desk {
    #[tool]
    fn at_once(&self) -> &str {
        "done"
    }

    /// Waits at the gate.
    #[tool]
    async fn waiting(&self) -> &str {
        let _live = Live::new(&self.live);
        let mut pass = Box::pin(self.gate.pass());
        poll_fn(|task| {
            self.polls.fetch_add(1, Ordering::SeqCst);
            pass.as_mut().poll(task)
        })
        .await;
        "passed"
    }

    /// Reports three steps and then waits at the gate.
    #[tool]
    async fn talking(&self, cx: &Context) -> &str {
        let _live = Live::new(&self.live);
        self.left.lock().expect("a lock").push(cx.clone());
        for step in 1..=3 {
            cx.progress(step, 3.0, None).await;
        }
        self.gate.pass().await;
        "passed"
    }

    /// Reports without end, as fast as it is let.
    #[tool]
    async fn flooding(&self, cx: &Context) -> &str {
        let _live = Live::new(&self.live);
        for step in 1.. {
            self.polls.fetch_add(1, Ordering::SeqCst);
            cx.progress(step, None, "x".repeat(1_000).as_str()).await;
        }
        "never"
    }

    /// Is never satisfied with its turn.
    #[tool]
    async fn restless(&self) -> &str {
        let _live = Live::new(&self.live);
        poll_fn(|task| {
            self.polls.fetch_add(1, Ordering::SeqCst);
            task.waker().wake_by_ref();
            if self.gate.0.lock().expect("a lock").0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        "rested"
    }

    #[tool]
    async fn asleep(&self, cx: &Context) -> &str {
        let _live = Live::new(&self.live);
        cx.sleep(Duration::from_secs(5)).await;
        "awake"
    }

    #[tool]
    async fn logging(&self, cx: &Context) -> &str {
        cx.log(LogLevel::Debug, "small").await;
        cx.log(LogLevel::Info, "middling").await;
        cx.log(LogLevel::Error, "grave").await;
        "logged"
    }

    /// What it knows of its client and its time.
    #[tool]
    async fn knows(&self, cx: &Context) -> Json<Value> {
        Json(json!({
            "revision": cx.revision().as_str(),
            "sampling": cx.client_capabilities().sampling.is_some(),
            "client": cx.client_info().map(|client| client.name),
            "deadline": cx.deadline().map(|deadline| deadline.as_secs()),
            "remaining": cx.remaining().map(|remaining| remaining.as_secs()),
        }))
    }

    /// Asks the client for its roots, twice.
    #[tool]
    async fn asking(&self, cx: &Context) -> pmcp_core::Result<String> {
        let _live = Live::new(&self.live);
        let first = cx.roots("first").await?.len();
        let second = cx.roots("second").await?.len();
        Ok(format!("{first} and {second} roots"))
    }

    /// Asks two questions under one key.
    #[tool]
    async fn asking_under_one_key(&self, cx: &Context) -> pmcp_core::Result<usize> {
        Ok(cx.roots("roots").await?.len() + cx.roots("roots").await?.len())
    }

    /// Sends the person to a page.
    #[tool]
    async fn signing_in(&self, cx: &Context) -> pmcp_core::Result<String> {
        Ok(format!("{:?}", cx.elicit_url("login", "Please sign in.", "https://example.com/login").await?))
    }

    /// Asks, and does not wait for the answer.
    #[tool]
    async fn impatient(&self, cx: &Context) -> &str {
        {
            let mut asking = Box::pin(cx.roots("first"));
            poll_fn(|task| Poll::Ready(asking.as_mut().poll(task).is_ready())).await;
        }
        "went on"
    }

    /// Has nothing to come back for over stdio.
    #[tool]
    async fn disconnecting(&self, cx: &Context) -> &str {
        cx.disconnect(Duration::from_secs(1)).await;
        "still here"
    }

    #[tool]
    async fn panics(&self) -> &str {
        panic!("as the test wants")
    }

    /// JSON of several lines, which an author passes on as it is.
    #[tool]
    fn wrapped(&self) -> CallToolResult {
        let json = pmcp_core::serde_json::value::RawValue::from_string("{\r\n  \"a\":\n1}".to_owned()).expect("JSON");
        CallToolResult { structured_content: Some(json), ..CallToolResult::default() }
    }

    #[resource("desk:note")]
    fn note(&self) -> &str {
        "first\nsecond"
    }
}
