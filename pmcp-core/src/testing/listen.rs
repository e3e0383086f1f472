//! Listening in tests: the stream that `subscriptions/listen` opens, read one notification at a time.

use std::{collections::VecDeque, fmt, future::poll_fn, pin::Pin};

use http::header;
use http_body::Body as _;
use serde_json::{Value, json};

use super::{Client, messages_of, read, unreadable};
use crate::{jsonrpc::ErrorObject, protocol::SubscriptionFilter, streamable_http::Body};

/// A listen stream; dropping it is how a client leaves.
pub struct Listening {
    body: Body,
    acknowledged: SubscriptionFilter,
    waiting: VecDeque<Value>,
    result: Option<Result<Value, ErrorObject>>,
}

impl Client {
    /// Listens for what is in `filter`, until what is returned is dropped or the server ends it.
    ///
    /// # Errors
    /// What the server answered instead of a stream.
    pub async fn listen(&self, filter: SubscriptionFilter) -> Result<Listening, ErrorObject> {
        let response = self.respond("subscriptions/listen", json!({ "notifications": filter })).await;
        let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let mut listening = Listening {
            body: response.into_body(),
            acknowledged: SubscriptionFilter::default(),
            waiting: VecDeque::new(),
            result: None,
        };
        if !is_stream {
            let answer = listening.body.as_full().map(|json| messages_of(json, false)).unwrap_or_default().pop();
            let error = answer.and_then(|mut answer| answer.get_mut("error").map(Value::take));
            return Err(
                error.map_or_else(|| unreadable("no stream"), |error| read(error).unwrap_or_else(|error| error))
            );
        }
        let mut first = listening.next().await.ok_or_else(|| unreadable("a stream without a message"))?;
        if first.get("method").is_none_or(|method| method != "notifications/subscriptions/acknowledged") {
            return Err(unreadable(format!("a stream that begins with {first}")));
        }
        listening.acknowledged = read(first.pointer_mut("/params/notifications").map(Value::take).unwrap_or_default())?;
        Ok(listening)
    }
}

impl Listening {
    /// What the server agreed to tell.
    pub fn acknowledged(&self) -> &SubscriptionFilter {
        &self.acknowledged
    }

    /// The next notification, whole. `None` when there is none: the stream was silent for so long that a comment kept
    /// it alive (15 s by the clock of the platform, which is no time on [`TestPlatform`](super::TestPlatform)), or it
    /// [ended](Self::result).
    pub async fn next(&mut self) -> Option<Value> {
        while self.waiting.is_empty() {
            let frame = poll_fn(|task| Pin::new(&mut self.body).poll_frame(task)).await;
            let Some(Ok(frame)) = frame else {
                return None;
            };
            let messages = messages_of(&frame.into_data().unwrap_or_default(), true);
            if messages.is_empty() {
                return None;
            }
            for mut message in messages {
                if message.get("method").is_some() {
                    self.waiting.push_back(message);
                } else if let Some(result) = message.get_mut("result") {
                    self.result = Some(Ok(result.take()));
                } else {
                    let error = message.get_mut("error").map(Value::take).unwrap_or_default();
                    self.result = Some(Err(read(error).unwrap_or_else(|unreadable| unreadable)));
                }
            }
            if self.waiting.is_empty() {
                return None;
            }
        }
        self.waiting.pop_front()
    }

    /// How the server ended the stream; `None` as long as it has not, or where it broke off.
    pub fn result(&self) -> Option<&Result<Value, ErrorObject>> {
        self.result.as_ref()
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("acknowledged", &self.acknowledged).finish_non_exhaustive()
    }
}
