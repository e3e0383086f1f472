//! Logs: readable lines on a terminal, one JSON object a line in Cloud Logging's form on Cloud Run.
//!
//! Fields as in <https://cloud.google.com/logging/docs/structured-logging>.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::HeaderMap;
use pmcp_core::jsonrpc::cut;
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

use crate::Config;

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
        tracing::warn!("RUST_LOG={:?} is no filter ({error}); logging from info on", config.log_filter);
    }
}

/// The span of a request that belongs to the trace its headers name; none where nobody traces.
pub(crate) fn span(headers: &HeaderMap, project: Option<&str>) -> Span {
    let Some((project, id)) = project.and_then(|project| Some((project, trace_id(headers)?))) else {
        return Span::none();
    };
    tracing::info_span!("request", { TRACE } = format!("projects/{project}/traces/{id}"))
}

/// The trace id of `traceparent` (W3C Trace Context) or `X-Cloud-Trace-Context`.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let id = match value("traceparent") {
        Some(parent) => parent.split('-').nth(1),
        None => value("x-cloud-trace-context").and_then(|context| context.split('/').next()),
    };
    id.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The field by which Cloud Logging joins the lines of one request.
const TRACE: &str = "logging.googleapis.com/trace";

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
        let line = if self.json {
            cloud_logging(*metadata.level(), metadata.target(), fields, SystemTime::now())
        } else {
            readable(*metadata.level(), fields)
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

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.others.insert(field.name().to_owned(), Value::String(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
        } else {
            self.others.insert(field.name().to_owned(), Value::String(value.to_owned()));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.insert(field.name().to_owned(), json!(value));
    }
}

fn readable(level: Level, fields: Fields) -> String {
    let mut line = format!("{level:>5} {}", fields.message);
    for (name, value) in fields.others {
        match value {
            Value::String(text) => write!(line, " {name}={text:?}"),
            value => write!(line, " {name}={value}"),
        }
        .unwrap_or_default();
    }
    line.push('\n');
    line
}

fn cloud_logging(level: Level, target: &str, fields: Fields, now: SystemTime) -> String {
    let mut entry = fields.others;
    entry.insert("severity".to_owned(), json!(severity(level)));
    entry.insert("message".to_owned(), Value::String(fields.message));
    entry.insert("target".to_owned(), json!(target));
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    entry.insert("timestamp".to_owned(), json!({ "seconds": since.as_secs(), "nanos": since.subsec_nanos() }));
    Value::Object(entry).to_string() + "\n"
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn fields() -> Fields {
        let others = json!({ "error": "it \"broke\"", "count": 3 });
        Fields { message: "two\nlines".to_owned(), others: others.as_object().cloned().unwrap_or_default() }
    }

    #[test]
    fn one_json_object_a_line_for_cloud_logging() {
        let now = UNIX_EPOCH + Duration::new(5, 7);
        let line = cloud_logging(Level::WARN, "pmcp_core", fields(), now);
        assert_eq!(line.matches('\n').count(), 1);
        let entry: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            entry,
            json!({
                "severity": "WARNING", "message": "two\nlines", "target": "pmcp_core",
                "timestamp": { "seconds": 5, "nanos": 7 }, "error": "it \"broke\"", "count": 3,
            })
        );
    }

    #[test]
    fn finds_the_trace_in_either_header() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let trace = |name: &'static str, value: String| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().expect("a header"))]);
            trace_id(&headers).map(str::to_owned)
        };
        assert_eq!(trace("traceparent", format!("00-{id}-b7ad6b7169203331-01")).as_deref(), Some(id));
        assert_eq!(trace("x-cloud-trace-context", format!("{id}/123;o=1")).as_deref(), Some(id));
        assert_eq!(trace("traceparent", "00-no-id".to_owned()), None);
    }

    #[test]
    fn a_readable_line_for_people() {
        assert_eq!(readable(Level::INFO, fields()), " INFO two\nlines error=\"it \\\"broke\\\"\" count=3\n");
    }
}
