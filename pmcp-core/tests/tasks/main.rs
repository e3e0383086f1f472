//! Tasks: calls of tools that go on when their request is over.

#[cfg(target_family = "wasm")]
#[macro_use]
extern crate pmcp_wasm_test;

mod create;
mod end;
mod input;
mod listen;
mod older;
mod races;
mod store;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use pmcp_core::{
    InMemoryTaskStore,
    jsonrpc::ErrorObject,
    platform::Platform,
    prelude::*,
    protocol::{ClientCapabilities, Elicitation, TaskStatus},
    testing::{Client, TestPlatform},
};
use serde_json::{Map, Value, json};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Name {
    name: String,
}

/// Counts the handlers that run, and those that have run.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    pub(crate) started: Arc<AtomicU32>,
    pub(crate) dropped: Arc<AtomicU32>,
}

impl Counts {
    fn enter(&self) -> Inside {
        self.started.fetch_add(1, Ordering::SeqCst);
        Inside(Arc::clone(&self.dropped))
    }

    /// How many were started, and how many of them are gone.
    pub(crate) fn both(&self) -> (u32, u32) {
        (self.started.load(Ordering::SeqCst), self.dropped.load(Ordering::SeqCst))
    }
}

struct Inside(Arc<AtomicU32>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Works(pub(crate) Counts);

#[server(name = "works", version = "1.0.0")]
impl Works {
    #[tool]
    fn plain(&self) -> &'static str {
        "plain"
    }

    #[tool(task)]
    async fn slow(&self, seconds: u64, cx: &Context) -> String {
        let _inside = self.0.enter();
        cx.progress(0, 1.0, "begun").await;
        cx.sleep(SECOND * u32::try_from(seconds).unwrap()).await;
        format!("{seconds} s")
    }

    #[tool(task = required)]
    async fn fails(&self, cx: &Context) -> Result<(), &'static str> {
        cx.sleep(SECOND).await;
        Err("no luck")
    }

    #[tool(task)]
    async fn breaks(&self, how: String, cx: &Context) -> Result<()> {
        cx.sleep(SECOND).await;
        match how.as_str() {
            "panic" => panic!("as the test wants"),
            _ => Err(Error::InvalidParams("not that".to_owned())),
        }
    }

    #[tool(task)]
    async fn greet(&self, cx: &Context) -> Result<String> {
        let _inside = self.0.enter();
        let said = cx.elicit::<Name>("name", "Who?").await?;
        let Elicitation::Accept(first) = said else { return Ok("nobody".to_owned()) };
        let Elicitation::Accept(second) = cx.elicit::<Name>("second", "And who?").await? else {
            return Ok(first.name);
        };
        Ok(format!("{} and {}", first.name, second.name))
    }

    #[tool(task)]
    async fn both(&self, cx: &Context) -> Result<String> {
        let asked = join(cx.elicit::<Name>("left", "Left?"), cx.elicit::<Name>("right", "Right?")).await;
        Ok(match (asked.0?, asked.1?) {
            (Elicitation::Accept(left), Elicitation::Accept(right)) => format!("{} {}", left.name, right.name),
            _ => "neither".to_owned(),
        })
    }

    #[tool(task)]
    async fn impatient(&self, cx: &Context) -> Result<&'static str> {
        let mut asked = Box::pin(cx.elicit::<Name>("name", "Quick!"));
        let mut patience = cx.sleep(10 * SECOND);
        let answered = poll_fn(|task| match asked.as_mut().poll(task) {
            Poll::Ready(answer) => Poll::Ready(answer.map(|_| true)),
            Poll::Pending => patience.as_mut().poll(task).map(|()| Ok(false)),
        });
        if answered.await? {
            return Ok("in time");
        }
        drop(asked);
        cx.sleep(10 * SECOND).await;
        Ok("too late")
    }

    #[tool(task = required, asks_first)]
    async fn ask_first(&self, cx: &Context) -> Result<String> {
        self.0.enter();
        let Elicitation::Accept(name) = cx.elicit::<Name>("name", "Who?").await? else { return Ok("nobody".into()) };
        cx.become_task().await;
        cx.status("on it");
        cx.sleep(SECOND).await;
        let Elicitation::Accept(again) = cx.elicit::<Name>("again", "Really?").await? else { return Ok(name.name) };
        Ok(format!("{}, that is {}", name.name, again.name))
    }
}

/// Both results, one beside the other.
pub(crate) async fn join<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|task| {
        if first.is_none() {
            first = ready(one.as_mut().poll(task));
        }
        if second.is_none() {
            second = ready(other.as_mut().poll(task));
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.unwrap(), second.unwrap())
}

fn ready<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A client that knows tasks and forms.
pub(crate) fn client(server: impl IntoServer, platform: &TestPlatform) -> Client {
    Client::new(server).unwrap().with_capabilities(forms()).with_tasks().with_platform(Arc::new(platform.clone()))
}

pub(crate) fn forms() -> ClientCapabilities {
    ClientCapabilities { elicitation: Some(json!({})), ..Default::default() }
}

/// A client of a server of its own, on `platform`.
pub(crate) fn works(platform: &TestPlatform) -> (Client, Counts) {
    let counts = Counts::default();
    (client(Works(counts.clone()), platform), counts)
}

/// Calls a tool whose answer must be a task.
pub(crate) async fn start(client: &Client, tool: &str, arguments: Value) -> String {
    let result = client.request("tools/call", json!({"name": tool, "arguments": arguments})).await.result.unwrap();
    assert_eq!(result["resultType"], "task", "{result}");
    result["taskId"].as_str().unwrap().to_owned()
}

/// The task, once its status is `status`.
pub(crate) async fn until(
    client: &Client,
    platform: &TestPlatform,
    id: &str,
    status: TaskStatus,
) -> pmcp_core::protocol::Task {
    for _ in 0..200 {
        let task = client.get_task(id).await.unwrap();
        if task.status == status {
            return task;
        }
        assert!(!task.status.is_terminal(), "{task:?}");
        platform.sleep(SECOND / 4).await;
    }
    panic!("{id} is never {status:?}");
}

/// The answers `{key: {accept, name}}`.
pub(crate) fn accept(answers: &[(&str, &str)]) -> Map<String, Value> {
    let accept = |name| json!({"action": "accept", "content": {"name": name}});
    answers.iter().map(|(key, name)| ((*key).to_owned(), accept(name))).collect()
}

pub(crate) fn text(task: &pmcp_core::protocol::Task) -> String {
    let result: Value = serde_json::from_str(task.result.as_ref().expect("a result").get()).unwrap();
    assert_eq!(result["resultType"], "complete");
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ErrorObject>) -> i32 {
    result.unwrap_err().code.0
}

/// The builder of a server whose tasks are in `store`.
pub(crate) fn kept_in(store: &InMemoryTaskStore) -> ServerBuilder {
    Works(Counts::default()).into_builder().task_store(store.clone())
}
