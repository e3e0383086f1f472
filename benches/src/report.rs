//! What was measured, in the order in which it was.

use std::collections::BTreeMap;

use crate::statistics::ratio;

/// The name that this project's own server has in every table.
pub const OURS: &str = "pmcp";

/// The name of the least that is possible.
pub const FLOOR: &str = "floor";

/// One figure of one server.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The table that it is in, such as `HTTP`.
    pub table: &'static str,
    /// The server: its row.
    pub server: String,
    /// What was measured: its column, with the unit.
    pub what: String,
    /// What it came to.
    pub value: f64,
}

/// All that was measured in one run.
#[derive(Debug, Default)]
pub struct Report {
    /// The figures.
    pub figures: Vec<Figure>,
    /// What the targets are about, by name: ratios taken pair by pair, and counts.
    pub measured: BTreeMap<String, f64>,
    /// What a reader must know besides, such as what was left out and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a figure.
    pub fn figure(&mut self, table: &'static str, server: &str, what: impl Into<String>, value: f64) {
        self.figures.push(Figure { table, server: server.to_owned(), what: what.into(), value });
    }

    /// Adds what a target is about.
    pub fn measure(&mut self, name: impl Into<String>, value: f64) {
        self.measured.insert(name.into(), value);
    }

    /// Adds how ours compares with each of the others, pair by pair: what was measured in each round, by server.
    pub fn compare(&mut self, name: &str, rounds: &BTreeMap<&str, Vec<f64>>) {
        let Some(ours) = rounds.get(OURS) else { return };
        for (server, theirs) in rounds.iter().filter(|(server, _)| **server != OURS) {
            self.measure(format!("{name}/{server}"), ratio(ours, theirs));
        }
    }

    /// Adds a remark, and says it at once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        eprintln!("{note}");
        self.notes.push(note);
    }

    /// What `work` comes to; where it fails, a note instead.
    pub fn try_to<T>(&mut self, what: &str, work: impl FnOnce(&mut Self) -> crate::Result<T>) -> Option<T> {
        match work(self) {
            Ok(done) => Some(done),
            Err(failure) => {
                self.note(format!("Not measured: {what}: {failure}"));
                None
            }
        }
    }
}
