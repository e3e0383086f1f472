//! What an object keeps, in its SQLite: until when, a record with its version, places in order; streams.rs has the rest.
//!
//! Nothing is written for a name that nobody created, so that asking for ids that never were costs no storage. A step
//! is one turn without waiting, and what it has written becomes durable before its answer is sent.

use std::cell::Cell;

use worker::{Error, Result, SqlStorage, SqlStorageValue};

use super::ask::Life;

/// The longest record or message, in bytes.
pub(super) const MOST_BYTES: usize = 16 << 20;
/// In one row; SQLite takes 2 MB here.
const PART: usize = 1 << 20;

const TABLES: [&str; 5] = [
    // Until when, in milliseconds since 1970, and how long after each use where that counts.
    "CREATE TABLE IF NOT EXISTS life (only INTEGER PRIMARY KEY, until INTEGER NOT NULL, idle INTEGER)",
    "CREATE TABLE IF NOT EXISTS record (part INTEGER PRIMARY KEY, version INTEGER NOT NULL, bytes BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS place (place TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sent INTEGER NOT NULL, \
     ended INTEGER NOT NULL, token TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS message (stream INTEGER NOT NULL, number INTEGER NOT NULL, part INTEGER NOT NULL, \
     ended INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (stream, number, part)) WITHOUT ROWID",
];

pub(super) struct Shelf {
    sql: SqlStorage,
    is_made: Cell<bool>,
}

pub(super) type Row = Vec<SqlStorageValue>;

impl Shelf {
    pub(super) fn new(sql: SqlStorage) -> Self {
        Self { sql, is_made: Cell::new(false) }
    }

    /// All rows that `query` gives.
    pub(super) fn rows(&self, query: &str, values: Row) -> Result<Vec<Row>> {
        self.each(query, values)?.collect()
    }

    /// The rows that `query` gives, one by one.
    pub(super) fn each(&self, query: &str, values: Row) -> Result<impl Iterator<Item = Result<Row>> + use<>> {
        Ok(self.sql.exec(query, values)?.raw())
    }

    /// The numbers in the first row.
    fn numbers(&self, query: &str, values: Row) -> Result<Option<Vec<i64>>> {
        Ok(self.rows(query, values)?.first().map(|row| row.iter().map(number).collect()))
    }

    fn make(&self) -> Result<()> {
        if !self.is_made.get() {
            for table in TABLES {
                self.rows(table, Row::new())?;
            }
            self.is_made.set(true);
        }
        Ok(())
    }

    /// Everything is forgotten: the platform has been told to.
    pub(super) fn is_cleared(&self) {
        self.is_made.set(false);
    }

    /// Until when something is kept; `None` where there is nothing.
    pub(super) fn until(&self) -> Result<Option<u64>> {
        if !self.is_made.get() {
            let query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'message'";
            self.is_made.set(!self.rows(query, Row::new())?.is_empty());
        }
        if !self.is_made.get() {
            return Ok(None);
        }
        let until = self.numbers("SELECT until FROM life", Row::new())?;
        Ok(until.and_then(|until| until.first().and_then(|until| u64::try_from(*until).ok())))
    }

    /// Keeps a record, and says until when.
    pub(super) fn create(&self, version: u64, life: Life, record: &[u8], now: u64) -> Result<u64> {
        self.make()?;
        let (until, idle) = match life {
            Life::Idle(idle) => (now.saturating_add(idle), integer(idle)),
            Life::Until(until) => (until, SqlStorageValue::Null),
        };
        self.rows("REPLACE INTO life VALUES (1, ?, ?)", vec![integer(until), idle])?;
        self.put(version, record)?;
        Ok(until)
    }

    /// The record, which is in use at `now`.
    pub(super) fn load(&self, now: u64) -> Result<Option<Vec<u8>>> {
        let bytes = self.record()?;
        if let Some([until, idle]) = self.numbers("SELECT until, idle FROM life WHERE idle > 0", Row::new())?.as_deref()
        {
            let next = now.saturating_add(idle.unsigned_abs());
            // Each use written would cost more than it is worth.
            if next.saturating_sub(until.unsigned_abs()) > idle.unsigned_abs() / 60 {
                self.rows("UPDATE life SET until = ?", vec![integer(next)])?;
            }
        }
        Ok(bytes)
    }

    /// Replaces the record by its next version; `false` where that is not what `version` is.
    pub(super) fn replace(&self, version: u64, record: &[u8]) -> Result<bool> {
        let Some(kept) = self.numbers("SELECT version FROM record WHERE part = 0", Row::new())? else {
            return Ok(false);
        };
        let kept = kept.first().map(|kept| kept.unsigned_abs());
        // Asked again, because the answer was lost on its way: it says again what it did.
        if kept == Some(version) {
            return Ok(self.record()?.as_deref() == Some(record));
        }
        let follows = version.checked_sub(1) == kept;
        if follows {
            self.put(version, record)?;
        }
        Ok(follows)
    }

    fn record(&self) -> Result<Option<Vec<u8>>> {
        let parts = self.rows("SELECT bytes FROM record ORDER BY part", Row::new())?;
        Ok((!parts.is_empty()).then(|| parts.into_iter().flatten().flat_map(bytes).collect()))
    }

    fn put(&self, version: u64, record: &[u8]) -> Result<()> {
        let parts = split(record)?;
        self.rows("DELETE FROM record WHERE part >= ?", vec![integer(parts.len() as u64)])?;
        for (part, bytes) in parts.into_iter().enumerate() {
            let values = vec![integer(part as u64), integer(version), bytes.to_vec().into()];
            self.rows("REPLACE INTO record VALUES (?, ?, ?)", values)?;
        }
        Ok(())
    }

    /// Remembers a place, forgets those up to `forget`, and says until when something is kept.
    pub(super) fn note(&self, place: &str, until: u64, forget: &str) -> Result<u64> {
        self.make()?;
        let until = self.until()?.unwrap_or_default().max(until);
        self.rows("REPLACE INTO life VALUES (1, ?, NULL)", vec![integer(until)])?;
        self.rows("DELETE FROM place WHERE place <= ?", vec![forget.into()])?;
        self.rows("REPLACE INTO place VALUES (?)", vec![place.into()])?;
        Ok(until)
    }

    /// The first `most` places after `after`.
    pub(super) fn places(&self, after: &str, most: usize) -> Result<Vec<String>> {
        let values = vec![after.into(), integer(most as u64)];
        let rows = self.rows("SELECT place FROM place WHERE place > ? ORDER BY place LIMIT ?", values)?;
        Ok(rows.into_iter().flatten().filter_map(text).collect())
    }
}

/// What of a record or a message goes into each row, one at least.
pub(super) fn split(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    if bytes.len() > MOST_BYTES {
        return Err(Error::RustError(format!("{} bytes are more than it keeps at once: {MOST_BYTES}", bytes.len())));
    }
    Ok(if bytes.is_empty() { vec![bytes] } else { bytes.chunks(PART).collect() })
}

/// As SQLite takes it: JavaScript's numbers are exact up to here.
pub(super) fn integer(number: u64) -> SqlStorageValue {
    const EXACT: u64 = (1 << 53) - 1;
    SqlStorageValue::Integer(i64::try_from(number.min(EXACT)).unwrap_or_default())
}

pub(super) fn number(value: &SqlStorageValue) -> i64 {
    match value {
        SqlStorageValue::Integer(number) => *number,
        _ => 0,
    }
}

pub(super) fn bytes(value: SqlStorageValue) -> Vec<u8> {
    match value {
        SqlStorageValue::Blob(bytes) => bytes,
        _ => Vec::new(),
    }
}

pub(super) fn text(value: SqlStorageValue) -> Option<String> {
    match value {
        SqlStorageValue::String(text) => Some(text),
        _ => None,
    }
}
