//! The id of a request: a string or an integer, echoed with its JSON type unchanged.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::RawJson;

/// The longest id that is taken, as it stands between its quotes: it is kept for as long as its request runs, which may
/// be for good, and each message of a subscription repeats it.
pub(super) const MOST_ID_BYTES: usize = 1 << 10;

/// A request id; text of at most 1024 bytes where a client sends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum RequestId {
    /// An integer id.
    Number(i64),
    /// A string id.
    String(Box<str>),
}

impl RequestId {
    /// The id that `json` is, if it is one.
    pub(crate) fn read(json: RawJson<'_>) -> Option<Self> {
        match json.string() {
            Some(string) => (json.get().len() <= MOST_ID_BYTES + 2).then(|| Self::String(string.into())),
            // A zero with a sign is none that could be echoed.
            None => json.get().parse().ok().filter(|_| json.get() != "-0").map(Self::Number),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(string) => string.fmt(f),
        }
    }
}

impl From<i64> for RequestId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for RequestId {
    fn from(string: &str) -> Self {
        Self::String(string.into())
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = RequestId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RequestId, E> {
                Ok(RequestId::Number(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RequestId, E> {
                i64::try_from(number).map(RequestId::Number).map_err(|_| E::custom("an integer beyond 64 bits, signed"))
            }

            fn visit_str<E: de::Error>(self, string: &str) -> Result<RequestId, E> {
                Ok(RequestId::String(string.into()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
