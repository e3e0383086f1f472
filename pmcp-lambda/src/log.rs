//! Logs: one JSON object a line as Lambda writes its own, or readable lines where the function is configured for text.
//!
//! Fields as in <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io::Write as _,
    str::FromStr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use pmcp_core::{StreamableHttp, jsonrpc::cut, protocol::timestamp};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{Config, event::Front, platform::now, runtime::Invocation};

/// Logs to standard error as `config` says, unless the process has a subscriber of its own.
pub(crate) fn install(config: &Config) {
    let (filter, wrong) = match Targets::from_str(&config.log_filter) {
        Ok(filter) => (filter, None),
        Err(error) => (Targets::new().with_default(Level::INFO), Some(error)),
    };
    let layer = LogLayer { json: config.log_json }.with_filter(filter);
    let is_ours = tracing_subscriber::registry().with(layer).try_init().is_ok();
    if is_ours && config.log_json {
        // A panic prints lines of its own, which no program can read, whatever a handler puts into them.
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let text = panic.payload_as_str().unwrap_or("a panic without text");
            tracing::error!(location, "{}", cut(text.to_owned()));
        }));
    }
    if let (true, Some(error)) = (is_ours, wrong) {
        tracing::warn!("{:?} is no log filter ({error}); logging from info on", config.log_filter);
    }
}

/// The span of an invocation, whose fields stand in each of its lines.
pub(crate) fn span(invocation: &Invocation) -> Span {
    let trace = invocation.trace.as_ref().and_then(|trace| trace.to_str().ok());
    tracing::error_span!("invocation", requestId = invocation.id, xrayTraceId = trace)
}

/// Whether anybody reads of requests that were answered.
pub(crate) fn is_on() -> bool {
    tracing::enabled!(Level::INFO)
}

/// The line of one request.
pub(crate) struct Entry {
    begin: Instant,
    front: &'static str,
    cold: bool,
    era: Option<&'static str>,
    method: Option<String>,
    name: Option<String>,
    /// Filled in when the answer is there.
    pub(crate) status: u16,
}

impl Entry {
    pub(crate) fn new(endpoint: &StreamableHttp, request: &Request<Bytes>, front: Front, cold: bool) -> Self {
        let (era, method, name) = match endpoint.summarize(request.headers(), request.body()) {
            Some(about) => (about.revision, Some(about.method.into_owned()), about.name.map(Cow::into_owned)),
            None => (None, None, None),
        };
        let era = era.map(|revision| revision.as_str());
        Self { begin: Instant::now(), front: front.name(), cold, era, method, name, status: 0 }
    }

    /// Says that the request is answered, with so many bytes of body.
    pub(crate) fn write(self, bytes: usize) {
        let Self { begin, front, cold, era, method, name, status } = self;
        // Of microseconds whole ones: more digits would be none of the clock's.
        let duration = (begin.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        tracing::info!(cold, front, era, method, name, status, bytes, durationMs = duration, "answered");
    }
}

struct LogLayer {
    json: bool,
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.others.extend(of_span.others.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = match self.json {
            true => json_line(*metadata.level(), metadata.target(), fields, now()),
            false => readable(*metadata.level(), fields),
        };
        // Nobody is left to tell when standard error is gone.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.others.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

fn readable(level: Level, fields: Fields) -> String {
    let mut line = format!("{level:>5} {}", fields.message);
    for (name, value) in fields.others {
        // Writing to a string does not fail.
        let _ = write!(line, " {name}={value}");
    }
    line.push('\n');
    line
}

fn json_line(level: Level, target: &str, fields: Fields, now: Duration) -> String {
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), json!(timestamp(now)));
    line.insert("level".to_owned(), json!(level.as_str()));
    line.insert("message".to_owned(), Value::String(fields.message));
    line.extend(fields.others);
    line.insert("target".to_owned(), json!(target));
    Value::Object(line).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let others = json!({ "requestId": "4-2", "error": "it \"broke\"" });
        Fields { message: "two\nlines".to_owned(), others: others.as_object().cloned().unwrap_or_default() }
    }

    #[test]
    fn one_json_object_a_line_as_lambda_writes_its_own() {
        let line = json_line(Level::WARN, "pmcp_core", fields(), Duration::from_millis(1_785_240_000_007));
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(
            serde_json::from_str::<Value>(&line).expect("JSON"),
            json!({
                "timestamp": "2026-07-28T12:00:00.007Z", "level": "WARN", "message": "two\nlines",
                "requestId": "4-2", "error": "it \"broke\"", "target": "pmcp_core",
            })
        );
    }

    #[test]
    fn a_readable_line_for_people() {
        assert_eq!(readable(Level::INFO, fields()), " INFO two\nlines requestId=\"4-2\" error=\"it \\\"broke\\\"\"\n");
    }
}
