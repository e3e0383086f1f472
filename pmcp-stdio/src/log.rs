//! Logs: readable lines on standard error, which clients keep or show.

use std::str::FromStr;

use tracing::Level;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Logs to standard error as `RUST_LOG` says, unless the process has a subscriber of its own.
pub(crate) fn install() {
    let chosen = std::env::var("RUST_LOG").ok();
    let (filter, wrong) = match chosen.as_deref().map(Targets::from_str) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (Targets::new().with_default(Level::INFO), Some(error)),
        None => (Targets::new().with_default(Level::INFO), None),
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false).without_time().with_target(false);
    let is_ours = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().is_ok();
    if let (true, Some(error)) = (is_ours, wrong) {
        tracing::warn!("RUST_LOG={:?} is no filter ({error}); logging from info on", chosen.unwrap_or_default());
    }
}
