//! The report as people read it, and as programs do.

use serde_json::{Value, json};

use crate::{
    report::Report,
    targets::{Bound, TARGETS, Verdict},
};

/// `RESULTS.md`.
pub fn markdown(report: &Report, machine: &[(String, String)]) -> String {
    let mut text = "# Results\n\nWritten by `cargo xtask bench`; [README.md](README.md) says how to read it. Ratios are ours to \
                    theirs, taken pair by pair in\nalternating rounds; other figures are medians of this machine alone.\n\n"
        .to_owned();
    for (name, value) in machine {
        text.push_str(&format!("- {name}: {value}\n"));
    }
    text.push_str("\n## Targets\n\n| what | target | measured | verdict |\n|---|---|---|---|\n");
    for target in TARGETS {
        let (verdict, measured) = target.verdict(report);
        let bound = match target.bound {
            Bound::AtLeast(bound) => format!("≥ {}", shown(bound)),
            Bound::AtMost(bound) => format!("≤ {}", shown(bound)),
        };
        let measured = measured.map_or("–".to_owned(), |value| format!("{} {}", shown(value), target.unit));
        let verdict = match verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::NotMeasured => "not measured",
        };
        let row = format!("| {} | {bound} {} | {measured} | {verdict} |\n", target.what, target.unit);
        text.push_str(&row.replace("  |", " |").replace("  |", " |"));
    }
    for name in in_order(report.figures.iter().map(|figure| figure.table)) {
        text.push_str(&format!("\n## {name}\n\n{}", table(report, name)));
    }
    if !report.notes.is_empty() {
        text.push_str("\n## Notes\n\n");
    }
    for note in in_order(report.notes.iter()) {
        text.push_str(&format!("- {}\n", note.trim().replace('\n', " ")));
    }
    text
}

/// One table: a server a column, so that it stays narrow however much is measured.
fn table(report: &Report, name: &str) -> String {
    let figures: Vec<_> = report.figures.iter().filter(|figure| figure.table == name).collect();
    let servers = in_order(figures.iter().map(|figure| figure.server.as_str()));
    let mut text = format!("| | {} |\n|---|{}\n", servers.join(" | "), "---|".repeat(servers.len()));
    for what in in_order(figures.iter().map(|figure| figure.what.as_str())) {
        text.push_str(&format!("| {what} |"));
        for server in &servers {
            let found = figures.iter().find(|figure| figure.what == what && figure.server == *server);
            text.push_str(&format!(" {} |", found.map_or("–".to_owned(), |figure| shown(figure.value))));
        }
        text.push('\n');
    }
    text
}

/// `results.json`.
pub fn json(report: &Report, machine: &[(String, String)]) -> Value {
    let figures = report.figures.iter().map(
        |figure| json!({ "table": figure.table, "server": figure.server, "what": figure.what, "value": figure.value }),
    );
    let targets = TARGETS.iter().map(|target| {
        let (verdict, measured) = target.verdict(report);
        json!({ "what": target.what, "measured": measured, "verdict": format!("{verdict:?}") })
    });
    json!({
        "machine": machine.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "targets": targets.collect::<Vec<_>>(),
        "figures": figures.collect::<Vec<_>>(),
        "measured": report.measured,
        "notes": report.notes,
    })
}

/// Three digits, and as many before the point as there are.
pub fn shown(value: f64) -> String {
    let digits = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        size if size >= 0.01 => 4,
        _ => 5,
    };
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let places = whole.trim_start_matches('-').len();
    let mut grouped = String::new();
    for (place, digit) in whole.trim_start_matches('-').chars().enumerate() {
        if place > 0 && (places - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    match rest {
        Some(rest) => format!("{sign}{grouped}.{rest}"),
        None => format!("{sign}{grouped}"),
    }
}

/// Each once, in the order of its first appearance.
pub fn in_order<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut seen, one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (value, text) in [
            (168_700.4, "168,700"),
            (0.21, "0.210"),
            (0.000_154, "0.00015"),
            (3.0, "3"),
            (23.45, "23.4"),
            (-1234.5, "-1,234"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn what_was_not_measured_is_said() {
        let mut report = Report::default();
        report.figure("HTTP", "pmcp", "answers/s", 1000.0);
        report.figure("HTTP", "rmcp", "memory, MB", 5.0);
        report.measure("lambda/growth", 0.0);
        report.note("Left out: Node.");
        let text = markdown(&report, &[("Cores".to_owned(), "2".to_owned())]);
        for line in [
            "- Cores: 2",
            "| | pmcp | rmcp |",
            "| answers/s | 1,000 | – |",
            "| memory, MB | – | 5 |",
            "| Lambda: memory left by a request | ≤ 1 bytes | 0 bytes | met |",
            "| Lambda: binary | ≤ 2.50 MB | – | not measured |",
            "- Left out: Node.",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
