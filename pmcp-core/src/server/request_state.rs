//! The state that a client carries from round to round: encrypted, authenticated, and good for one request only
//! (specification page `basic/patterns/mrtr`, "Security Considerations").
//!
//! Sealed with XChaCha20-Poly1305. What it belongs to (who asks, the method, the name and the arguments) is
//! authenticated with it, so that it opens for the same request alone. It expires, and it opens with any of the keys
//! while only the first one seals, which is how keys are changed without breaking what is under way.

use std::{collections::BinaryHeap, sync::OnceLock, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde_json::{Map, Value};

use super::{
    Answer, AnswerBody, Context, Outcome, Principal,
    mrtr::{Asked, Memory},
};
use crate::{
    error::{Error, Result},
    jsonrpc::Message,
    platform::Platform,
    protocol::{InputRequiredResult, RequestParams},
};

/// A key for sealing: 32 random bytes, the same on every instance of a server.
#[derive(Clone)]
pub struct StateKey([u8; 32]);

impl std::fmt::Debug for StateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateKey(…)")
    }
}

impl StateKey {
    /// A key of 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key from text, as `openssl rand -base64 32` or `openssl rand -hex 32` print it.
    ///
    /// # Errors
    /// When it is not 32 bytes in base64 or hexadecimal.
    pub fn parse(text: &str) -> Result<Self, InvalidStateKey> {
        let text = text.trim();
        let engines = [&base64::prelude::BASE64_STANDARD, &BASE64_URL_SAFE_NO_PAD];
        let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
        let bytes = if text.len() == 64 { decode_hex(text) } else { decoded };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidStateKey)
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    Some(digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 random bytes in base64 or hexadecimal; `openssl rand -base64 32` prints one")]
pub struct InvalidStateKey;

/// Seals and opens the states of one server.
pub(crate) struct Sealer {
    keys: Vec<StateKey>,
    /// For servers without keys: good for this process only.
    own: OnceLock<StateKey>,
    lifetime: Duration,
}

const NONCE: usize = 24;

impl Sealer {
    pub(crate) fn new(keys: Vec<StateKey>, lifetime: Duration) -> Self {
        Self { keys, own: OnceLock::new(), lifetime }
    }

    /// The answer to a request that cannot go on before the client has answered.
    pub(crate) fn answer(&self, asked: Asked, cx: &Context) -> Outcome {
        let request_state = self.seal(asked.memory, cx.body(), cx.principal(), &**cx.platform())?;
        let result = InputRequiredResult { input_requests: asked.requests, request_state };
        Ok(Answer(AnswerBody::InputRequired(result)))
    }

    /// What the rounds before have settled, for a request of a method whose handlers may ask the client.
    pub(crate) fn memory_of(
        &self,
        method: &str,
        params: &RequestParams<'_>,
        body: &[u8],
        principal: Option<&Principal>,
        platform: &dyn Platform,
    ) -> Result<Memory> {
        let is_next_round = params.request_state.is_some() || params.input_responses.is_some();
        if is_next_round && may_ask(method) {
            return self.recall(params, body, principal, platform);
        }
        Ok(Memory::default())
    }

    /// What the rounds before have settled, and what the client answers now.
    #[inline(never)] // V8 compiles a function when it first runs, and whole: few requests need this.
    fn recall(
        &self,
        params: &RequestParams<'_>,
        body: &[u8],
        principal: Option<&Principal>,
        platform: &dyn Platform,
    ) -> Result<Memory> {
        let state = RequestParams::optional_str(params.request_state, "requestState")?;
        let mut memory = match state {
            Some(state) => self.open(&state, body, principal, platform)?,
            None => Memory::default(),
        };
        let answers: Option<Map<String, Value>> = RequestParams::optional(params.input_responses, "inputResponses")?;
        for (key, answer) in answers.into_iter().flatten() {
            // What is settled stays so.
            memory.answers.entry(key).or_insert(answer);
        }
        Ok(memory)
    }

    /// Seals `memory` for the request in `body`.
    fn seal(
        &self,
        mut memory: Memory,
        body: &[u8],
        principal: Option<&Principal>,
        platform: &dyn Platform,
    ) -> Result<String> {
        memory.expires = millis(platform.now() + self.lifetime);
        let failed = |reason: &str| Error::Internal(format!("The state of the request cannot be sealed: {reason}."));
        let state = serde_json::to_vec(&memory).map_err(|error| failed(&error.to_string()))?;
        let mut nonce = [0; NONCE];
        platform.random(&mut nonce);
        let binding = binding(body, principal).ok_or_else(|| failed("the request cannot be read again"))?;
        let payload = Payload { msg: &state, aad: &binding };
        let cipher = XChaCha20Poly1305::new(&self.key(platform).0.into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| failed("it is too long"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a state that came back with the request in `body`.
    fn open(&self, state: &str, body: &[u8], principal: Option<&Principal>, platform: &dyn Platform) -> Result<Memory> {
        let refused = || {
            let text = "params.requestState does not open: it was changed, belongs to another request or another user, \
                        or comes from a server with other keys. Send the request again without it.";
            Error::InvalidParams(text.to_owned())
        };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(state).map_err(|_| refused())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(refused)?;
        let binding = binding(body, principal).ok_or_else(refused)?;
        let own = self.keys.is_empty().then(|| self.key(platform));
        let opened = self.keys.iter().chain(own).find_map(|key| {
            let payload = Payload { msg: sealed, aad: &binding };
            XChaCha20Poly1305::new(&key.0.into()).decrypt(&XNonce::from(*nonce), payload).ok()
        });
        let opened = String::from_utf8(opened.ok_or_else(refused)?).map_err(|_| refused())?;
        let memory: Memory = serde_json::from_str(&opened).map_err(|_| refused())?;
        if memory.expires <= millis(platform.now()) {
            let text = "params.requestState has expired. Send the request again without it.";
            return Err(Error::InvalidParams(text.to_owned()));
        }
        Ok(memory)
    }

    fn key(&self, platform: &dyn Platform) -> &StateKey {
        self.keys.first().unwrap_or_else(|| {
            self.own.get_or_init(|| {
                tracing::warn!(
                    "no key for request states: one made up for this process is used. Answers to questions that \
                     arrive at another instance, or after a restart, will be refused; set the same PMCP_STATE_KEYS for all"
                );
                let mut bytes = [0; 32];
                platform.random(&mut bytes);
                StateKey(bytes)
            })
        })
    }
}

/// Whether a request of this method may be answered with questions.
pub(super) fn may_ask(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a state belongs to: who asks, the method, the name and the arguments, in one form whatever order a client
/// writes them in.
fn binding(body: &[u8], principal: Option<&Principal>) -> Option<Vec<u8>> {
    let Ok(Message::Request(request)) = Message::parse(body) else { return None };
    let params = RequestParams::parse(request.params).ok()?;
    let arguments = params.arguments.map(|raw| serde_json::from_str(raw.get())).transpose().ok()?;
    let principal = principal.map(|principal| principal.0.as_ref());
    let (_, name) = params.named(&request.method)?;
    let name = name.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    serde_json::to_vec(&(principal, request.method, name, arguments.map(sorted))).ok()
}

/// The same value with the members of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            // A heap sorts them, as its code is a fifth of a sort's.
            let (names, mut values): (Vec<_>, Vec<_>) = members.into_iter().unzip();
            let names: BinaryHeap<_> = names.into_iter().zip(0_usize..).collect();
            let mut value = |place: usize| values.get_mut(place).map(Value::take).unwrap_or_default();
            let members = names.into_sorted_vec().into_iter().map(|(name, place)| (name, sorted(value(place))));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        value => value,
    }
}
