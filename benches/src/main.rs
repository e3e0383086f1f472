//! `cargo xtask bench`: measures what `README.md` says, and writes `RESULTS.md`, `results.json` and `throughput.svg`.
#![allow(clippy::print_stdout, reason = "a command line program speaks through stdout")]

use std::{fs, path::Path, process::ExitCode, time::Duration};

use pmcp_benches::{
    Result, cost, from_clone, in_core, machine, micro, on_lambda, on_workers, over_http, plot,
    report::Report,
    servers::{self, HTTP},
    table,
};

/// What is asked of this program.
struct Options {
    quick: bool,
    /// The parts to be measured; all where none is named.
    parts: Vec<String>,
}

const HELP: &str = "\
cargo xtask bench [--quick] [PART...]   measure everything, or these parts: core http lambda workers builds
                                        what is measured in part is printed, and not written";

const PARTS: [&str; 5] = ["core", "http", "lambda", "workers", "builds"];

fn main() -> ExitCode {
    let done = micro::run_if_counted().and_then(|counted| if counted { Ok(()) } else { run() });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("pmcp-benches: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options { quick: false, parts: Vec::new() };
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--quick" => options.quick = true,
            part if PARTS.contains(&part) => options.parts.push(word),
            _ => return Err(format!("there is no {word}\n{HELP}").into()),
        }
    }
    Ok(options)
}

fn run() -> Result<()> {
    let Options { quick, parts } = options()?;
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|named| named == part);
    let mut report = Report::default();
    if wanted("http") {
        let servers = servers::http(&mut report, quick)?;
        over_http::measure(&mut report, HTTP, "http", &servers, http_extent(quick));
        servers::weigh_http(&mut report, &servers, quick);
        report.try_to("open streams", |report| over_http::streams(report, &servers, if quick { 100 } else { 10_000 }));
    }
    if wanted("lambda") {
        let functions = servers::lambda(&mut report, quick)?;
        on_lambda::measure(&mut report, &functions, lambda_extent(quick));
        servers::weigh_lambda(&mut report, &functions);
    }
    if wanted("workers") {
        report.try_to("Workers", |report| {
            let workers = servers::workers(report)?;
            over_http::measure(report, on_workers::TABLE, "workers", &workers, workers_extent(quick));
            Ok(())
        });
    }
    if wanted("core") {
        in_core::measure(&mut report);
    }
    if wanted("builds") {
        from_clone::measure(&mut report, quick);
    }
    cost::estimate(&mut report, HTTP, on_lambda::TABLE)?;
    let machine = machine::describe(quick);
    let text = table::markdown(&report, &machine);
    println!("{text}");
    // A quick run is for whoever looks on; what is kept is a full one.
    if !quick && parts.is_empty() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::write(folder.join("RESULTS.md"), text)?;
        fs::write(folder.join("results.json"), format!("{:#}\n", table::json(&report, &machine)))?;
        fs::write(folder.join("throughput.svg"), plot::svg(&report))?;
    }
    Ok(())
}

fn http_extent(quick: bool) -> over_http::Extent {
    if quick {
        over_http::Extent { starts: 11, rounds: 5, turn: Duration::from_millis(500), connections: &[16] }
    } else {
        over_http::Extent { starts: 41, rounds: 7, turn: Duration::from_millis(1_500), connections: &[1, 16, 256] }
    }
}

fn workers_extent(quick: bool) -> over_http::Extent {
    if quick {
        over_http::Extent { starts: 11, rounds: 5, turn: Duration::from_secs(1), connections: &[16] }
    } else {
        over_http::Extent { starts: 41, rounds: 7, turn: Duration::from_secs(2), connections: &[1, 16, 256] }
    }
}

fn lambda_extent(quick: bool) -> on_lambda::Extent {
    if quick {
        on_lambda::Extent { starts: 11, rounds: 5, turn: 2_000, soak: 20_000 }
    } else {
        on_lambda::Extent { starts: 41, rounds: 11, turn: 5_000, soak: 60_000 }
    }
}
