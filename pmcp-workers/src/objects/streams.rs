//! The streams of a session, as its object keeps them: numbered messages, the last of them for a while.

use pmcp_core::StreamEvent;
use worker::Result;

use super::shelf::{Row, Shelf, bytes, integer, number, split, text};

/// How many streams of one session are kept; beyond that the oldest that has ended is forgotten.
const MOST_STREAMS: u64 = 64;
/// How many streams of one session there are at the most; those that have not ended cannot be forgotten.
pub(super) const MOST_OPEN_STREAMS: u64 = 256;
/// How many messages of one stream are kept; beyond that the oldest is forgotten.
const MOST_MESSAGES: u64 = 1_000;
/// How much is read at once: messages, and bytes unless the first has more.
const MOST_READ: (usize, usize) = (100, 1 << 20);

/// A stream as it is now.
struct Stream {
    id: u64,
    sent: u64,
    has_ended: bool,
    token: String,
}

/// What there is to read.
pub(super) enum Found {
    /// No such stream, or nothing can follow.
    Nothing,
    /// Nothing yet.
    Empty,
    Events(Vec<StreamEvent>),
}

impl Shelf {
    fn stream(&self, name: &str) -> Result<Option<Stream>> {
        let rows = self.rows("SELECT id, sent, ended, token FROM stream WHERE name = ?", vec![name.into()])?;
        Ok(rows.into_iter().next().and_then(|row| {
            let [id, sent, ended, token] = <[_; 4]>::try_from(row).ok()?;
            let (id, sent) = (number(&id).unsigned_abs(), number(&sent).unsigned_abs());
            Some(Stream { id, sent, has_ended: number(&ended) != 0, token: text(token)? })
        }))
    }

    fn count(&self) -> Result<u64> {
        let rows = self.rows("SELECT count(*) FROM stream", Row::new())?;
        Ok(rows.first().and_then(|row| row.first()).map(number).unwrap_or_default().unsigned_abs())
    }

    /// Opens a stream, where it is not open; `false` where there are too many.
    pub(super) fn open(&self, name: &str) -> Result<bool> {
        if self.stream(name)?.is_some() {
            return Ok(true);
        }
        let count = self.count()?;
        if count >= MOST_STREAMS {
            let oldest = self.rows("SELECT name FROM stream WHERE ended = 1 ORDER BY id LIMIT 1", Row::new())?;
            match oldest.into_iter().flatten().next().and_then(text) {
                Some(oldest) => self.close(&oldest)?,
                None if count >= MOST_OPEN_STREAMS => return Ok(false),
                None => {}
            }
        }
        self.rows("INSERT INTO stream (name, sent, ended, token) VALUES (?, 0, 0, '')", vec![name.into()])?;
        Ok(true)
    }

    /// Adds a message; its number, where it was not there before. `None` where there is no such stream or it has ended.
    pub(super) fn append(&self, name: &str, token: &str, message: &[u8], is_last: bool) -> Result<Option<Option<u64>>> {
        let Some(stream) = self.stream(name)? else { return Ok(None) };
        if stream.token == token {
            return Ok(Some(None));
        }
        if stream.has_ended {
            return Ok(None);
        }
        let (number, ended) = (stream.sent + 1, integer(u64::from(is_last)));
        let parts = split(message)?;
        // What a step that failed has left of it.
        let values = vec![integer(stream.id), integer(stream.sent)];
        self.rows("DELETE FROM message WHERE stream = ? AND number > ?", values)?;
        for (part, bytes) in parts.into_iter().enumerate() {
            let place = [integer(stream.id), integer(number), integer(part as u64)];
            let values = place.into_iter().chain([ended.clone(), bytes.to_vec().into()]).collect();
            self.rows("INSERT INTO message VALUES (?, ?, ?, ?, ?)", values)?;
        }
        if let Some(forgotten) = number.checked_sub(MOST_MESSAGES).filter(|forgotten| *forgotten > 0) {
            let values = vec![integer(stream.id), integer(forgotten)];
            self.rows("DELETE FROM message WHERE stream = ? AND number <= ?", values)?;
        }
        let values = vec![integer(number), ended, token.into(), integer(stream.id)];
        self.rows("UPDATE stream SET sent = ?, ended = ?, token = ? WHERE id = ?", values)?;
        Ok(Some(Some(number)))
    }

    /// The messages after the number `after`, as many as are read at once.
    pub(super) fn read(&self, name: &str, after: u64) -> Result<Found> {
        let Some(stream) = self.stream(name)? else { return Ok(Found::Nothing) };
        let (most, most_bytes) = MOST_READ;
        let mut events: Vec<StreamEvent> = Vec::new();
        let mut size = 0;
        let values = vec![integer(stream.id), integer(after), integer(stream.sent)];
        let query = "SELECT number, ended, bytes FROM message WHERE stream = ? AND number > ? AND number <= ? \
                     ORDER BY number, part";
        let mut message = Vec::new();
        for row in self.each(query, values)? {
            let Ok([place, ended, part]) = <[_; 3]>::try_from(row?) else { continue };
            let place = number(&place).unsigned_abs();
            let part = bytes(part);
            size += part.len();
            match events.last_mut() {
                Some(last) if last.number == place => message.extend_from_slice(&part),
                last => {
                    if let Some(last) = last {
                        last.message = std::mem::take(&mut message).into();
                    }
                    if events.len() >= most || (size > most_bytes && !events.is_empty()) {
                        break;
                    }
                    message = part;
                    let is_last = number(&ended) != 0;
                    events.push(StreamEvent { number: place, message: Default::default(), is_last });
                }
            }
        }
        if let Some(last) = events.last_mut().filter(|last| last.message.is_empty()) {
            last.message = message.into();
        }
        Ok(match (events.is_empty(), stream.has_ended) {
            (false, _) => Found::Events(events),
            (true, true) => Found::Nothing,
            (true, false) => Found::Empty,
        })
    }

    /// Forgets a stream.
    pub(super) fn close(&self, name: &str) -> Result<()> {
        if let Some(stream) = self.stream(name)? {
            self.rows("DELETE FROM message WHERE stream = ?", vec![integer(stream.id)])?;
            self.rows("DELETE FROM stream WHERE id = ?", vec![integer(stream.id)])?;
        }
        Ok(())
    }
}
