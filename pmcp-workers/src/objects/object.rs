//! The side of the object: one class for all that isolates share, of which each object has a name and a small part.
#![allow(missing_docs, reason = "what the macro writes has none")]

use pmcp_core::StreamEvent;
use serde::{Deserialize, Serialize};
// What the macro writes finds it by this name.
use worker::wasm_bindgen::{self, JsValue};
use worker::{
    DurableObject, Env, Method, Request, Response, Result, ScheduledTime, State, WebSocket, WebSocketIncomingMessage,
    WebSocketPair, durable_object,
    js_sys::{Date, decode_uri_component},
};

use super::{
    ask::{Ask, GONE, LOOK, encode_events},
    shelf::Shelf,
    streams::{Found, MOST_OPEN_STREAMS},
};

/// What goes over a socket at once, in bytes.
const MOST_SENT: usize = 512 << 10;

/// The class of the Durable Objects that [`Objects`](super::Objects) asks. The Worker exports it by itself; bind it in
/// `wrangler.toml`.
#[durable_object]
pub struct PmcpObject {
    state: State,
    shelf: Shelf,
}

/// What the one who holds a socket waits for; it stays with the socket while the object hibernates.
#[derive(Serialize, Deserialize)]
enum Waits {
    /// A message of a stream after a number.
    Message(String, u64),
    /// What is told under one of the words, or anything.
    Words(Option<Vec<String>>),
}

impl DurableObject for PmcpObject {
    fn new(state: State, _env: Env) -> Self {
        let shelf = Shelf::new(state.storage().sql());
        Self { state, shelf }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let url = request.inner().url();
        let json = url.split_once('?').and_then(|(_, query)| decode_uri_component(query).ok()).map(String::from);
        let Some(ask) = json.and_then(|json| serde_json::from_str(&json).ok()) else {
            return Response::error("This is no question that this version of pmcp-workers knows.", 400);
        };
        let payload = if request.method() == Method::Post { request.bytes().await? } else { Vec::new() };
        match self.answer(ask, &payload).await {
            Err(error) if error.to_string().contains("SQLITE_FULL") => Response::error(error.to_string(), 507),
            Err(error) => Response::error(error.to_string(), 500),
            answered => answered,
        }
    }

    /// What was to be kept until now is forgotten, unless it was in use since.
    async fn alarm(&self) -> Result<Response> {
        match self.shelf.until()? {
            Some(until) if until > now() => self.wake_at(until).await?,
            Some(_) => self.clear().await?,
            None => {}
        }
        Response::empty()
    }

    async fn websocket_message(&self, _socket: WebSocket, _message: WebSocketIncomingMessage) -> Result<()> {
        // Whoever waits has nothing to say.
        Ok(())
    }

    async fn websocket_close(&self, socket: WebSocket, _code: usize, _reason: String, _was_clean: bool) -> Result<()> {
        // Where the platform has answered already that is what was wanted.
        let _ = socket.close(None, None::<&str>);
        Ok(())
    }

    async fn websocket_error(&self, _socket: WebSocket, _error: worker::Error) -> Result<()> {
        // It is gone, and its reader asks again.
        Ok(())
    }
}

impl PmcpObject {
    async fn answer(&self, ask: Ask, payload: &[u8]) -> Result<Response> {
        match ask {
            Ask::Create { version, life } => {
                let until = self.shelf.create(version, life, payload, now())?;
                self.wake_at(until).await?;
                return yes(Vec::new());
            }
            Ask::Note { place, until, forget } => {
                let until = self.shelf.note(&place, until, &forget)?;
                self.wake_at(until).await?;
                return yes(Vec::new());
            }
            Ask::Hear { words } => return self.hold(&Waits::Words(words)),
            Ask::Tell { word } => {
                self.tell(word.as_deref(), payload);
                return yes(Vec::new());
            }
            _ if self.shelf.until()?.is_none_or(|until| until <= now()) => return no(),
            _ => {}
        }
        match ask {
            Ask::Load => self.shelf.load(now())?.map_or_else(no, yes),
            Ask::Replace { version } => either(self.shelf.replace(version, payload)?),
            Ask::Remove => {
                self.clear().await?;
                yes(Vec::new())
            }
            Ask::Open { stream } if self.shelf.open(&stream)? => yes(Vec::new()),
            Ask::Open { .. } => {
                Response::error(format!("a session has {MOST_OPEN_STREAMS} streams that have not ended"), 409)
            }
            Ask::Append { stream, token, is_last } => {
                let appended = self.shelf.append(&stream, &token, payload, is_last)?;
                if let Some(number) = appended.flatten() {
                    self.say(&stream, StreamEvent { number, message: payload.to_vec().into(), is_last });
                }
                either(appended.is_some())
            }
            Ask::Read { stream, after } => match self.shelf.read(&stream, after)? {
                Found::Nothing => no(),
                Found::Empty => self.hold(&Waits::Message(stream, after)),
                Found::Events(events) => yes(encode_events(&events)),
            },
            Ask::Close { stream } => {
                self.shelf.close(&stream)?;
                self.end(|name| name == stream);
                yes(Vec::new())
            }
            Ask::Places { after, most } => yes(serde_json::to_vec(&self.shelf.places(&after, most)?)?),
            Ask::Create { .. } | Ask::Note { .. } | Ask::Hear { .. } | Ask::Tell { .. } => no(),
        }
    }

    /// The alarm comes at `until`, since 1970 in milliseconds.
    async fn wake_at(&self, until: u64) -> Result<()> {
        let date = Date::new(&JsValue::from_f64(until.min(LATEST) as f64));
        self.state.storage().set_alarm(ScheduledTime::new(date)).await
    }

    /// Forgets everything, and tells those who wait.
    async fn clear(&self) -> Result<()> {
        let storage = self.state.storage();
        storage.delete_alarm().await?;
        storage.delete_all().await?;
        self.shelf.is_cleared();
        self.end(|_| true);
        Ok(())
    }

    /// Answers with a socket on which that will come what is waited for.
    fn hold(&self, waits: &Waits) -> Result<Response> {
        let pair = WebSocketPair::new()?;
        self.state.accept_web_socket(&pair.server);
        pair.server.serialize_attachment(serde_json::to_string(waits)?)?;
        Response::from_websocket(pair.client)
    }

    /// Those who wait, each with what for.
    fn waiting(&self) -> impl Iterator<Item = (WebSocket, Waits)> {
        self.state.get_websockets().into_iter().filter_map(|socket| {
            let waits: String = socket.deserialize_attachment().ok()??;
            Some((socket, serde_json::from_str(&waits).ok()?))
        })
    }

    /// Hands a message to those who wait for it.
    fn say(&self, stream: &str, event: StreamEvent) {
        let number = event.number;
        let bytes = encode_events(&[event]);
        for (socket, waits) in self.waiting() {
            if matches!(&waits, Waits::Message(name, after) if name == stream && number > *after) {
                // One whose reader is gone, who asks again if it is not.
                let _ =
                    if bytes.len() <= MOST_SENT { socket.send_with_bytes(&bytes) } else { socket.send_with_str(LOOK) };
                let _ = socket.close(None, None::<&str>);
            }
        }
    }

    /// Tells those who wait for messages of streams that there will be none.
    fn end(&self, is_ended: impl Fn(&str) -> bool) {
        for (socket, waits) in self.waiting() {
            if matches!(&waits, Waits::Message(name, _) if is_ended(name)) {
                let _ = socket.send_with_str(GONE);
                let _ = socket.close(None, None::<&str>);
            }
        }
    }

    /// Tells those who listen.
    fn tell(&self, word: Option<&str>, message: &[u8]) {
        let message = String::from_utf8_lossy(message);
        for (socket, waits) in self.waiting() {
            let Waits::Words(heard) = waits else { continue };
            let hears = match (word, heard) {
                (Some(word), Some(heard)) => heard.iter().any(|other| other == word),
                _ => true,
            };
            if hears {
                let _ = socket.send_with_str(&message);
            }
        }
    }
}

/// The latest time for which the platform takes an alarm, in 2188.
const LATEST: u64 = 6_900_000_000_000;

fn now() -> u64 {
    // Before 1970 and not a number are both 0.
    Date::now() as u64
}

fn yes(bytes: Vec<u8>) -> Result<Response> {
    Response::from_bytes(bytes)
}

fn no() -> Result<Response> {
    Ok(Response::empty()?.with_status(404))
}

fn either(is_so: bool) -> Result<Response> {
    if is_so { yes(Vec::new()) } else { no() }
}
