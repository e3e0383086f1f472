//! An HTTP reply as it came, and the JSON-RPC messages in it.

use serde_json::Value;

/// Status and headers of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The HTTP status code.
    pub status: u16,
    /// Names in lower case, values without surrounding space, in the order they came.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header called `name` (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body is a stream of events.
    pub fn is_event_stream(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.starts_with("text/event-stream"))
    }
}

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status and headers.
    pub head: Head,
    /// The body, transfer encoding removed.
    pub body: Vec<u8>,
}

impl Reply {
    /// The HTTP status code.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All JSON-RPC messages: those of the event stream, or the one in the body.
    ///
    /// # Panics
    ///
    /// If the body is not what its content type says.
    pub fn messages(&self) -> Vec<Value> {
        if self.head.is_event_stream() {
            return self.text().split("\n\n").filter_map(event_data).collect();
        }
        assert_eq!(
            self.head.header("content-type"),
            Some("application/json"),
            "neither JSON nor an event stream: {self:?}"
        );
        vec![serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))]
    }

    /// The message that answers the request: the last one.
    ///
    /// # Panics
    ///
    /// If there is none, or the body is not what its content type says.
    pub fn message(&self) -> Value {
        self.messages().pop().unwrap_or_else(|| panic!("no message: {self:?}"))
    }

    /// The `result` of [`Reply::message`].
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn result(&self) -> Value {
        let mut message = self.message();
        assert!(message["result"].is_object(), "no result: {} {message}", self.status());
        message["result"].take()
    }
}

/// The JSON in the `data` lines of one event; `None` for comments and events without data.
pub(crate) fn event_data(event: &str) -> Option<Value> {
    let data: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect();
    if data.concat().is_empty() {
        return None;
    }
    let data = data.join("\n");
    Some(serde_json::from_str(&data).unwrap_or_else(|error| panic!("event without JSON, {error}: {data}")))
}

#[cfg(test)]
mod tests {
    use super::{Head, Reply};
    use serde_json::json;

    #[test]
    fn reads_the_messages_of_an_event_stream() {
        let reply = Reply {
            head: Head { status: 200, headers: vec![("content-type".into(), "text/event-stream".into())] },
            body: b":\n\nevent: message\ndata: {\"id\":\ndata: 1}\n\ndata: {\"id\":2}\n\n".to_vec(),
        };
        assert_eq!(reply.messages(), [json!({"id": 1}), json!({"id": 2})]);
    }
}
