//! What an isolate asks an object, and how both write what they keep.

use pmcp_core::StreamEvent;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// One question to an object. What is long comes beside it, as the body of its request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Ask {
    /// Keep the record in the body.
    Create { version: u64, life: Life },
    /// The record, which is in use from now on.
    Load,
    /// Replace the record by its next version, in the body.
    Replace { version: u64 },
    /// Forget everything.
    Remove,
    /// Open a stream.
    Open { stream: String },
    /// Add the message in the body to a stream. Asked twice with the same token, once.
    Append { stream: String, token: String, is_last: bool },
    /// What comes after the message `after` of a stream; on a socket where that is still to come.
    Read { stream: String, after: u64 },
    /// Forget a stream.
    Close { stream: String },
    /// Remember a place until the time `until`, and forget those up to `forget`.
    Note { place: String, until: u64, forget: String },
    /// The first `most` places that come after `after`.
    Places { after: String, most: usize },
    /// Hear on a socket what is told under one of these words, or all that is told.
    Hear { words: Option<Vec<String>> },
    /// Tell what is in the body to those who hear `word`, or to all.
    Tell { word: Option<String> },
}

/// How long an object keeps what it was given. In milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Life {
    /// So long after it was last in use.
    Idle(u64),
    /// Until then, since 1970.
    Until(u64),
}

/// On a socket: what was asked for is too long for it, and is to be asked for again.
pub(super) const LOOK: &str = "look";
/// On a socket: nothing will come.
pub(super) const GONE: &str = "gone";

/// The longest name of a stream, in bytes: more than any that the core gives. It is part of an address.
pub(super) const MOST_NAME: usize = 1_024;

/// Whether `id` can be one of a session or a task. What cannot has no object asked: each that is asked begins to live.
pub(super) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What the object called `object` is for. Its name is for nobody else to read: who knows the id of a session or a task
/// can use it.
pub(super) fn purpose(object: &str) -> &'static str {
    match object.split_once(':') {
        Some(("session", _)) => "a session",
        Some(("task", _)) => "a task",
        Some(("tasks-of", _)) => "the list of a principal's tasks",
        _ => "the changes that all may hear of",
    }
}

/// Reads JSON. From text, as all that the core reads is: another way would be all that code once more.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let text = std::str::from_utf8(json).map_err(serde::de::Error::custom)?;
    serde_json::from_str(text)
}

/// Before the bytes of a message: its number, whether it is the last, its length.
const HEAD: usize = 8 + 1 + 4;

pub(super) fn encode_events(events: &[StreamEvent]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.iter().map(|event| HEAD + event.message.len()).sum());
    for StreamEvent { number, message, is_last } in events {
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.push(u8::from(*is_last));
        // No message is as long as 4 GiB.
        bytes.extend_from_slice(&(message.len() as u32).to_le_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

/// `None` where that is something else.
pub(super) fn parse_events(mut bytes: &[u8]) -> Option<Vec<StreamEvent>> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (number, rest) = bytes.split_first_chunk()?;
        let (is_last, rest) = rest.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        events.push(StreamEvent {
            number: u64::from_le_bytes(*number),
            message: message.to_vec().into(),
            is_last: *is_last != 0,
        });
        bytes = rest;
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_written_and_nothing_else_is() {
        let event = |number, message: &'static str, is_last| StreamEvent { number, message: message.into(), is_last };
        let events = [event(1, "{}", false), event(2, "", false), event(u64::MAX, "\0\u{e9}\n", true)];
        let bytes = encode_events(&events);
        assert_eq!(parse_events(&bytes).as_deref(), Some(&events[..]));
        assert_eq!(parse_events(&[]), Some(Vec::new()));
        let ends: Vec<_> = (0..bytes.len()).filter(|end| parse_events(&bytes[..*end]).is_some()).collect();
        assert_eq!(ends, [0, 15, 28], "only between two messages");
    }

    #[test]
    fn a_question_is_read_as_it_was_written() {
        for ask in [
            Ask::Create { version: 0, life: Life::Idle(1) },
            Ask::Create { version: 1, life: Life::Until(2) },
            Ask::Load,
            Ask::Append { stream: "answer \"1\"".into(), token: "t".into(), is_last: true },
            Ask::Hear { words: None },
        ] {
            let json = serde_json::to_string(&ask).expect("JSON");
            assert_eq!(serde_json::from_str::<Ask>(&json).ok(), Some(ask), "{json}");
        }
    }

    #[test]
    fn an_object_is_told_of_without_its_name() {
        for (object, said) in [
            ("session:s3cret", "a session"),
            ("task:s3cret", "a task"),
            ("tasks-of:ada:s3cret", "the list of a principal's tasks"),
            ("changes", "the changes that all may hear of"),
        ] {
            assert_eq!(purpose(object), said);
        }
    }

    #[test]
    fn only_what_could_be_an_id_is_one() {
        assert!(is_id("s") && is_id("Az09-_") && is_id(&"x".repeat(128)));
        for id in ["", "a b", "a/b", "\u{e9}", "a\0", &"x".repeat(129)] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
