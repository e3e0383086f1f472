//! The side of the isolates: asks an object by its name, again where that may help, and waits on its socket.

use std::{cell::RefCell, sync::Arc, time::Duration};

use futures_util::StreamExt;
use worker::{
    Env, Error, Headers, Method, Request, RequestInit, WebSocket, WebsocketEvent,
    js_sys::{Uint8Array, encode_uri_component},
    wasm_bindgen::JsValue,
    web_sys::BinaryType,
};

use super::ask::{Ask, purpose};
use crate::instance::{Closing, Timer};

/// Between two attempts to reach an object: after the last it is given up.
const PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(3)];

thread_local! {
    /// The bindings of this Worker: the same for all its requests, and known from the first on.
    static ENV: RefCell<Option<Env>> = const { RefCell::new(None) };
    /// What the server was built with, to be looked for at the first request.
    static NEEDED: RefCell<Vec<Objects>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the bindings, for those who need one in a request that they do not know, unless one is missing that the server
/// was built with.
pub(crate) fn remember(env: &Env) -> Result<(), impl std::error::Error + 'static> {
    ENV.set(Some(env.clone()));
    let is_missing = |objects: &Objects| env.durable_object(&objects.binding).is_err();
    match NEEDED.take().into_iter().find(is_missing) {
        None => Ok(()),
        Some(Objects { binding }) => Err(ObjectError::Unbound { binding }),
    }
}

/// The Durable Objects in which the isolates of a Worker share what they know; cheap to clone.
///
/// Two lines of `wrangler.toml` bind them and make their class, which the Worker exports by itself:
///
/// ```toml
/// durable_objects.bindings = [{ name = "PMCP", class_name = "PmcpObject" }]
/// migrations = [{ tag = "pmcp-1", new_sqlite_classes = ["PmcpObject"] }]
/// ```
///
/// ```text
/// let objects = Objects::bound_as("PMCP");
/// let notifier = Notifier::new(ObjectBus::new(&objects));
/// let server = crm::server(&notifier).task_store(ObjectTaskStore::new(&objects));
/// pmcp_workers::start_with(server, move |config| config.share_sessions(ObjectSessionStore::new(&objects)));
/// ```
///
/// The class must be one with SQLite (`new_sqlite_classes`): the older kind keeps no value over 128 KiB.
#[derive(Clone, Debug)]
pub struct Objects {
    binding: Arc<str>,
}

/// Why an object did not do what it was asked. It says what the object is for, and not its name.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ObjectError {
    /// The Worker has no such binding.
    #[error(
        "the Worker has no Durable Object bound as {binding}; add durable_objects.bindings = [{{ name = {binding:?}, \
         class_name = \"PmcpObject\" }}] and migrations = [{{ tag = \"pmcp-1\", new_sqlite_classes = [\"PmcpObject\"] }}] \
         to wrangler.toml"
    )]
    Unbound { binding: Arc<str> },
    /// It cannot be reached, or ended in the middle.
    #[error("the Durable Object of {object} cannot be reached: {reason}")]
    Away { object: &'static str, reason: String },
    /// It has no room.
    #[error("the Durable Object of {object} has no room: {reason}")]
    Full { object: &'static str, reason: String },
    /// It says that it cannot.
    #[error("the Durable Object of {object} failed ({status}): {reason}")]
    Failed { object: &'static str, status: u16, reason: String },
}

/// What an object says.
pub(super) enum Answer {
    Yes(Vec<u8>),
    No,
    /// It will say more on this.
    Socket(Socket),
}

/// The isolate's end of a socket; dropping it tells the object that nobody waits.
pub(super) struct Socket {
    socket: WebSocket,
    _closing: Closing,
}

/// What came on a socket.
pub(super) enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

impl Objects {
    /// Those that the Worker has bound under the name `binding`. Where it is made when the isolate starts and the Worker has
    /// no such binding, every request is answered 500, and the log says what is missing.
    pub fn bound_as(binding: &str) -> Self {
        let objects = Self { binding: binding.into() };
        if ENV.with_borrow(Option::is_none) {
            NEEDED.with_borrow_mut(|needed| needed.push(objects.clone()));
        }
        objects
    }

    /// Asks what is answered at once, and says whether that was a yes.
    pub(super) async fn ask(
        &self,
        object: &str,
        ask: Ask,
        payload: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, ObjectError> {
        match self.send(object, &ask, payload, false).await? {
            Answer::Yes(bytes) => Ok(Some(bytes)),
            Answer::No => Ok(None),
            Answer::Socket(_) => {
                let reason = "it answered with a socket that nobody asked for".to_owned();
                Err(ObjectError::Failed { object: purpose(object), status: 101, reason })
            }
        }
    }

    /// Asks for what may still be to come.
    pub(super) async fn wait(&self, object: &str, ask: &Ask) -> Result<Answer, ObjectError> {
        self.send(object, ask, None, true).await
    }

    /// All that is asked may be asked again: a connection that broke says nothing of what it has done.
    async fn send(&self, object: &str, ask: &Ask, payload: Option<&[u8]>, waits: bool) -> Result<Answer, ObjectError> {
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.attempt(object, ask, payload, waits).await {
                Ok(mut response) => return answer(object, &mut response).await,
                Err(Failure::Unbound) => return Err(ObjectError::Unbound { binding: Arc::clone(&self.binding) }),
                Err(Failure::Away(error)) => error.to_string(),
            };
            match pauses.next() {
                // Asking again is what an overloaded object needs least.
                Some(pause) if !error.contains("overloaded") => Timer::of(*pause).await,
                _ => return Err(ObjectError::Away { object: purpose(object), reason: error }),
            }
        }
    }

    async fn attempt(
        &self,
        object: &str,
        ask: &Ask,
        payload: Option<&[u8]>,
        waits: bool,
    ) -> Result<worker::Response, Failure> {
        let namespace = ENV.with_borrow(|env| env.as_ref().and_then(|env| env.durable_object(&self.binding).ok()));
        let namespace = namespace.ok_or(Failure::Unbound)?;
        let headers = Headers::new();
        let mut init = RequestInit::new();
        if waits {
            headers.set("upgrade", "websocket")?;
        } else {
            init.with_method(Method::Post);
            init.with_body(payload.map(|payload| JsValue::from(Uint8Array::from(payload))));
        }
        init.with_headers(headers);
        let json = serde_json::to_string(ask).map_err(Error::from)?;
        // By JavaScript: what Rust has for addresses is larger than all the rest here.
        let url = format!("https://object/?{}", String::from(encode_uri_component(&json)));
        // A stub belongs to the request that made it.
        let stub = namespace.id_from_name(object)?.get_stub()?;
        Ok(stub.fetch_with_request(Request::new_with_init(&url, &init)?).await?)
    }
}

enum Failure {
    Unbound,
    Away(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

async fn answer(object: &str, response: &mut worker::Response) -> Result<Answer, ObjectError> {
    let status = response.status_code();
    let object = purpose(object);
    if status == 101 {
        let socket = std::mem::replace(response, worker::Response::builder().empty()).websocket();
        let reason = || "it switches protocols without a socket".to_owned();
        return match socket {
            Some(socket) => {
                let _closing = Closing::of(socket.as_ref());
                Ok(Answer::Socket(Socket { socket, _closing }))
            }
            None => Err(ObjectError::Failed { object, status, reason: reason() }),
        };
    }
    let bytes = match response.bytes().await {
        Ok(bytes) => bytes,
        Err(error) => return Err(ObjectError::Away { object, reason: error.to_string() }),
    };
    let reason = || String::from_utf8_lossy(&bytes).into_owned();
    match status {
        200 => Ok(Answer::Yes(bytes)),
        404 => Ok(Answer::No),
        507 => Err(ObjectError::Full { object, reason: reason() }),
        _ => Err(ObjectError::Failed { object, status, reason: reason() }),
    }
}

impl Socket {
    /// Hands each message to `hear`, until that has heard enough; `false` where the socket ended before.
    pub(super) async fn listen(self, mut hear: impl FnMut(Message) -> bool) -> bool {
        // And not a blob, which is read in a task of its own.
        self.socket.as_ref().set_binary_type(BinaryType::Arraybuffer);
        let Ok(mut events) = self.socket.events() else { return false };
        // What came before waits until now.
        if self.socket.accept().is_err() {
            return false;
        }
        while let Some(Ok(WebsocketEvent::Message(event))) = events.next().await {
            let text = event.text().map(Message::Text);
            if let Some(message) = text.or_else(|| event.bytes().map(Message::Bytes))
                && !hear(message)
            {
                return true;
            }
        }
        false
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Where it has ended already that is what was wanted.
        let _ = self.socket.close(None, None::<&str>);
    }
}
