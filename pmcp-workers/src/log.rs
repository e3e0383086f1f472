//! Logs: one JSON object a line to the console, which Workers Logs takes apart into fields.

use std::{cell::Cell, fmt};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use worker::{wasm_bindgen::JsValue, web_sys::console};

thread_local! {
    /// Set at the first request: before, the settings cannot be read.
    static LEVEL: Cell<LevelFilter> = const { Cell::new(LevelFilter::INFO) };
}

/// Logs to the console, unless the isolate has a subscriber of its own.
pub(crate) fn install() {
    // There is one already: then it is that one's business.
    let _ = tracing::subscriber::set_global_default(Console);
}

/// Logs nothing less grave from now on.
pub(crate) fn set_level(level: LevelFilter) {
    LEVEL.set(level);
    tracing::callsite::rebuild_interest_cache();
}

/// Keeps no spans: a line says itself what it is about.
struct Console;

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && *metadata.level() <= LEVEL.get()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LEVEL.get())
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(Map::new());
        let metadata = event.metadata();
        line.put("level", metadata.level().as_str().to_ascii_lowercase());
        event.record(&mut line);
        line.put("target", metadata.target());
        let text = JsValue::from(Value::Object(line.0).to_string());
        match *metadata.level() {
            Level::ERROR => console::error_1(&text),
            Level::WARN => console::warn_1(&text),
            Level::INFO => console::log_1(&text),
            _ => console::debug_1(&text),
        }
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }
}
