//! The throughput of all servers as bars, in SVG: for the README.

use crate::{
    report::{FLOOR, OURS, Report},
    table::shown,
};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const ROW: f64 = 26.0;

/// One group of bars for each table that has the figure.
pub fn svg(report: &Report) -> String {
    const WHAT: &str = "tools/call, 16 open: answers/s";
    let mut body = String::new();
    let mut top = 10.0;
    for table in crate::table::in_order(report.figures.iter().map(|figure| figure.table)) {
        let figures: Vec<_> =
            report.figures.iter().filter(|figure| figure.table == table && figure.what == WHAT).collect();
        let most = figures.iter().map(|figure| figure.value).fold(0.0, f64::max);
        if most <= 0.0 {
            continue;
        }
        top += ROW;
        label(&mut body, 0.0, top - 8.0, "title", &format!("{table}: answers a second to tools/call, 16 connections"));
        for figure in figures {
            let length = (WIDTH - LEFT - 80.0) * figure.value / most;
            let kind = match figure.server.as_str() {
                OURS => "ours",
                FLOOR => "floor",
                _ => "theirs",
            };
            label(&mut body, 0.0, top + 17.0, "name", &figure.server);
            let (y, height) = (top + 3.0, ROW - 6.0);
            body.push_str(&format!(
                "<rect class=\"{kind}\" x=\"{LEFT}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{height:.0}\" rx=\"2\"/>\n"
            ));
            label(&mut body, LEFT + length + 6.0, top + 17.0, "name", &shown(figure.value.round()));
            top += ROW;
        }
        top += 14.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" width=\"{WIDTH}\" height=\"{top}\" \
         role=\"img\">\n<style>\n\
         text {{ font: 13px system-ui, sans-serif; fill: #57606a; }}\n.title {{ font-weight: 600; }}\n\
         .ours {{ fill: #0969da; }}\n.theirs {{ fill: #afb8c1; }}\n.floor {{ fill: none; stroke: #afb8c1; }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #9198a1; }} }}\n\
         </style>\n<title>Throughput of MCP servers</title>\n{body}</svg>\n"
    )
}

fn label(body: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    body.push_str(&format!("<text class=\"{class}\" x=\"{x:.0}\" y=\"{y:.0}\">{text}</text>\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_quickest_server() {
        let mut report = Report::default();
        for (server, rate) in [("pmcp", 100.0), ("R & D", 50.0)] {
            report.figure("HTTP", server, "tools/call, 16 open: answers/s", rate);
        }
        let svg = svg(&report);
        assert!(svg.contains("class=\"ours\" x=\"150\" y=\"39\" width=\"490.0\""), "{svg}");
        assert!(svg.contains("width=\"245.0\"") && svg.contains("R &amp; D"), "{svg}");
    }
}
