//! Batches, which only revision 2025-03-26 has: the responses to one array come as one array.

use std::collections::BTreeMap;

/// The batches whose requests are not all answered yet, by their number.
#[derive(Default)]
pub(super) struct Batches(BTreeMap<u64, Batch>);

#[derive(Default)]
struct Batch {
    unanswered: usize,
    /// The array so far, without its end.
    json: Vec<u8>,
}

impl Batches {
    /// Opens the batch `number`; [`leave`](Self::leave) closes it once all its messages were handled.
    pub(super) fn open(&mut self, number: u64) {
        self.0.insert(number, Batch { unanswered: 1, json: Vec::new() });
    }

    /// One more request of the batch runs.
    pub(super) fn enter(&mut self, number: u64) {
        if let Some(batch) = self.0.get_mut(&number) {
            batch.unanswered += 1;
        }
    }

    /// Adds a response.
    pub(super) fn add(&mut self, number: u64, response: &[u8]) {
        if let Some(batch) = self.0.get_mut(&number) {
            batch.json.push(if batch.json.is_empty() { b'[' } else { b',' });
            batch.json.extend_from_slice(response);
        }
    }

    /// One request less runs. The array, if that was the last one and there is anything in it.
    pub(super) fn leave(&mut self, number: u64) -> Option<Vec<u8>> {
        let batch = self.0.get_mut(&number)?;
        batch.unanswered -= 1;
        if batch.unanswered > 0 {
            return None;
        }
        let mut json = self.0.remove(&number)?.json;
        json.push(b']');
        (json.len() > 1).then_some(json)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
