//! What the figures are held to.

use crate::report::Report;

/// A bound.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

/// Something that the server promises.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// In words.
    pub what: &'static str,
    /// The name in [`Report::measured`].
    pub name: &'static str,
    /// What it is held to.
    pub bound: Bound,
    /// What it is counted in.
    pub unit: &'static str,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// Nobody knows: the notes say why.
    NotMeasured,
}

const fn target(what: &'static str, name: &'static str, bound: Bound, unit: &'static str) -> Target {
    Target { what, name, bound, unit }
}

use Bound::{AtLeast, AtMost};

/// All targets. A ratio is ours to theirs, in one run on one machine.
pub const TARGETS: [Target; 23] = [
    target(
        "HTTP: `tools/call`, 16 connections, throughput to the floor's",
        "http/tools/call/16/rate/floor",
        AtLeast(0.80),
        "×",
    ),
    target("HTTP: the same to rmcp's", "http/tools/call/16/rate/rmcp", AtLeast(3.5), "×"),
    target("HTTP: p99 under that load, to rmcp's", "http/tools/call/16/p99/rmcp", AtMost(0.5), "×"),
    target("HTTP: start to first answer, to the floor's", "http/start/floor", AtMost(1.2), "×"),
    target("HTTP: memory after 1,000 requests, over the floor's", "http/memory over floor", AtMost(1.5), "MB"),
    target("HTTP: image from nothing", "http/image", AtMost(4.0), "MB"),
    target("HTTP: memory for one open stream", "http/stream", AtMost(16.0), "KB"),
    target("HTTP: crates in `calculator-cloudrun`", "crates/calculator-cloudrun", AtMost(100.0), ""),
    target("Lambda: start to first poll, to the floor's", "lambda/start/floor", AtMost(1.15), "×"),
    target("Lambda: warm p50, to the floor's", "lambda/tools/call/p50/floor", AtMost(1.25), "×"),
    target("Lambda: peak memory, to the floor's", "lambda/peak/floor", AtMost(1.3), "×"),
    target("Lambda: memory left by a request", "lambda/growth", AtMost(1.0), "bytes"),
    target("Lambda: binary", "lambda/binary", AtMost(2.5), "MB"),
    target("Lambda: crates in `calculator-lambda`", "crates/calculator-lambda", AtMost(140.0), ""),
    target("Workers: throughput to the bare Rust worker's", "workers/tools/call/16/rate/floor", AtLeast(0.90), "×"),
    target("Workers: the same to the TypeScript SDK's", "workers/tools/call/16/rate/TypeScript SDK", AtLeast(2.3), "×"),
    target(
        "Workers: start to first answer, over the bare Rust worker's",
        "workers/start over floor",
        AtMost(3.0),
        "ms",
    ),
    target("Workers: wasm", "workers/wasm/pmcp", AtMost(300.0), "KB"),
    target("Workers: wasm, gzipped", "workers/gzipped/pmcp", AtMost(120.0), "KB"),
    target(
        "Core: instructions of one `tools/call`, to parsing and printing the same JSON by hand",
        "core/by hand",
        AtMost(3.0),
        "×",
    ),
    target("Core: the same with 1,000 tools, to with its own few", "core/1000 tools", AtMost(1.02), "×"),
    target("Core: allocations of one `tools/call`", "core/allocations", AtMost(15.0), ""),
    target("Clean debug build of `calculator-cloudrun`, to the same server on rmcp", "build/rmcp", AtMost(0.9), "×"),
];

impl Target {
    /// Whether `report` says that it is met, and what was measured.
    pub fn verdict(&self, report: &Report) -> (Verdict, Option<f64>) {
        let Some(measured) = report.measured.get(self.name).copied().filter(|value| value.is_finite()) else {
            return (Verdict::NotMeasured, None);
        };
        let met = match self.bound {
            AtLeast(bound) => measured >= bound,
            AtMost(bound) => measured <= bound,
        };
        (if met { Verdict::Met } else { Verdict::Missed }, Some(measured))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        let mut report = Report::default();
        report.measure("http/tools/call/16/rate/floor", 0.79);
        report.measure("lambda/growth", 0.0);
        report.measure("core/by hand", f64::NAN);
        let verdict = |name: &str| TARGETS.iter().find(|target| target.name == name).map(|it| it.verdict(&report).0);
        assert_eq!(verdict("http/tools/call/16/rate/floor"), Some(Verdict::Missed));
        assert_eq!(verdict("lambda/growth"), Some(Verdict::Met));
        assert_eq!(verdict("core/by hand"), Some(Verdict::NotMeasured));
        assert_eq!(verdict("build/rmcp"), Some(Verdict::NotMeasured));
    }
}
