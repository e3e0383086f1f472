//! What is known of one task, and the only places where it changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    error::{Error, Result},
    jsonrpc::ErrorObject,
    protocol::{CallToolResult, Task, TaskStatus, timestamp},
    server::{Answer, AnswerBody, Outcome},
};

/// One task as a [`TaskStore`](super::TaskStore) keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskRecord {
    id: String,
    version: u64,
    /// Whom the task belongs to; anybody who knows its id, where nobody is known.
    owner: Option<String>,
    status: TaskStatus,
    status_message: Option<String>,
    created: Duration,
    updated: Duration,
    /// How many changes its client could see.
    #[serde(default)]
    changes: u64,
    ttl: Duration,
    poll_interval: Duration,
    /// Until when the process that runs the task has vouched for it.
    leased: Duration,
    /// Questions that are not answered.
    input_requests: Map<String, Value>,
    /// Answers that the process that runs the task has not taken yet.
    input_responses: Map<String, Value>,
    result: Option<Box<RawValue>>,
    error: Option<ErrorObject>,
}

/// Of the time in a place, in nanoseconds.
const DIGITS: usize = 20;

/// What a step did to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing: it need not be written.
    None,
    /// Nothing that the client sees.
    Unseen,
    /// Something that the client sees.
    Seen,
}

impl TaskRecord {
    pub(super) fn new(
        id: String,
        owner: Option<String>,
        now: Duration,
        ttl: Duration,
        poll_interval: Duration,
    ) -> Self {
        Self {
            id,
            version: 1,
            owner,
            status: TaskStatus::Working,
            status_message: None,
            created: now,
            updated: now,
            changes: 0,
            ttl,
            poll_interval,
            leased: now,
            input_requests: Map::new(),
            input_responses: Map::new(),
            result: None,
            error: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Counts the changes, from 1 on.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it may be forgotten, and not before: the time since 1970.
    pub fn expires(&self) -> Duration {
        self.created.saturating_add(self.ttl)
    }

    /// Where it stands among others in the order in which they expire: text of digits first, to be compared as text.
    pub fn place(&self) -> String {
        format!("{}{}", place(self.expires()), self.id)
    }

    /// What stands before the places of all records that expire after `time`, and after those that expire before.
    pub fn places_until(time: Duration) -> String {
        place(time)
    }

    /// The id of the record at `place`; empty where that is none.
    pub fn id_at(place: &str) -> &str {
        let parts = place.split_at_checked(DIGITS).filter(|(time, _)| time.bytes().all(|byte| byte.is_ascii_digit()));
        parts.map_or("", |(_, id)| id)
    }

    /// Whom it belongs to: the principal that the task was created for.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Where it stands.
    pub fn status(&self) -> TaskStatus {
        self.status
    }

    /// The task as `tasks/get` and `notifications/tasks` show it.
    pub fn task(&self) -> Task {
        Task {
            input_requests: (self.status == TaskStatus::InputRequired).then(|| self.input_requests.clone()),
            result: self.result.as_deref().map(with_result_type),
            error: self.error.clone(),
            ..self.handle()
        }
    }

    /// The task as the answer to `tools/call` shows it.
    pub(crate) fn handle(&self) -> Task {
        Task {
            task_id: self.id.clone(),
            status: self.status,
            status_message: self.status_message.clone(),
            created_at: timestamp(self.created),
            last_updated_at: timestamp(self.updated),
            ttl_ms: Some(millis(self.ttl)),
            poll_interval_ms: Some(millis(self.poll_interval)),
            input_requests: None,
            result: None,
            error: None,
        }
    }

    /// Makes it the next version, changed at `now`.
    pub(super) fn advance(&mut self, change: Change, now: Duration) {
        self.version += 1;
        if change == Change::Seen {
            self.updated = now;
            self.changes += 1;
        }
    }

    /// How many changes its client could see.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Until when its process has vouched for it.
    pub(super) fn leased(&self) -> Duration {
        self.leased
    }

    pub(super) fn lease_ended(&self, now: Duration) -> bool {
        !self.status.is_terminal() && self.leased <= now
    }

    /// Vouches for the task until `until`, where that is much later than what was vouched for before.
    pub(super) fn lease(&mut self, now: Duration, lease: Duration) -> Change {
        let renewed = self.leased < now + lease * 2 / 3;
        if renewed {
            self.leased = now + lease;
        }
        if renewed { Change::Unseen } else { Change::None }
    }

    pub(super) fn say(&mut self, message: &str) -> Change {
        if self.status_message.as_deref() == Some(message) {
            return Change::None;
        }
        self.status_message = Some(message.to_owned());
        Change::Seen
    }

    pub(super) fn ask(&mut self, key: &str, request: &Value) -> Change {
        // Written before, by a step that failed all the same, and answered since.
        if self.input_responses.contains_key(key) {
            return Change::None;
        }
        self.input_requests.insert(key.to_owned(), request.clone());
        self.settle()
    }

    pub(super) fn withdraw(&mut self, key: &str) -> Change {
        self.input_responses.remove(key);
        if self.input_requests.remove(key).is_some() { self.settle() } else { Change::None }
    }

    /// Takes the answers to what is asked, and lets the others be.
    pub(super) fn answer(&mut self, responses: &Map<String, Value>) -> Change {
        let mut change = Change::None;
        for (key, response) in responses {
            if self.input_requests.remove(key).is_some() {
                self.input_responses.insert(key.clone(), response.clone());
                change = self.settle();
            }
        }
        change
    }

    pub(super) fn take_responses(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.input_responses)
    }

    fn settle(&mut self) -> Change {
        self.status = if self.input_requests.is_empty() { TaskStatus::Working } else { TaskStatus::InputRequired };
        Change::Seen
    }

    pub(super) fn cancel(&mut self) -> Change {
        self.end(TaskStatus::Cancelled)
    }

    pub(super) fn fail(&mut self, error: ErrorObject) -> Change {
        self.status_message = Some(error.message.clone());
        self.error = Some(error);
        self.end(TaskStatus::Failed)
    }

    pub(super) fn finish(&mut self, result: Result<Box<RawValue>, ErrorObject>) -> Change {
        match result {
            Ok(result) => {
                self.result = Some(result);
                self.end(TaskStatus::Completed)
            }
            Err(error) => self.fail(error),
        }
    }

    fn end(&mut self, status: TaskStatus) -> Change {
        self.status = status;
        self.input_requests.clear();
        self.input_responses.clear();
        Change::Seen
    }
}

/// What a handler came to, as it is kept: a result of `tools/call` as no revision in particular has it.
pub(super) fn kept(outcome: Outcome) -> Result<Box<RawValue>, ErrorObject> {
    let encoded = outcome.and_then(|Answer(body)| match body {
        AnswerBody::CallTool(result) => {
            encode(&result).map_err(|error| Error::Internal(format!("The result cannot be written as JSON: {error}.")))
        }
        _ => Err(Error::Internal("The handler of a tool came to something that is no result of one.".to_owned())),
    });
    encoded.map_err(|error| {
        let is_ours = matches!(error, Error::Internal(_));
        let object = ErrorObject::from(error);
        if is_ours {
            tracing::error!(error = object.message, "a task failed");
        }
        object
    })
}

fn encode(result: &CallToolResult) -> serde_json::Result<Box<RawValue>> {
    #[derive(Serialize)]
    struct WithMeta<'a> {
        #[serde(flatten)]
        result: Value,
        #[serde(rename = "_meta")]
        meta: &'a Map<String, Value>,
    }
    match &result.meta {
        None => serde_json::value::to_raw_value(result),
        Some(meta) => serde_json::value::to_raw_value(&WithMeta { result: serde_json::to_value(result)?, meta }),
    }
}

/// A result of revision 2026-07-28 says of what type it is, wherever it stands.
fn with_result_type(result: &RawValue) -> Box<RawValue> {
    // An object with at least its `content`.
    let open = result.get().strip_suffix('}').unwrap_or_default();
    RawValue::from_string(format!(r#"{open},"resultType":"complete"}}"#)).unwrap_or_else(|_| result.to_owned())
}

/// Where the records stand that expire at `time`.
fn place(time: Duration) -> String {
    format!("{:0DIGITS$}", time.as_nanos())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
