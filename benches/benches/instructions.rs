//! What one answer of the core costs in instructions; with `--gate`, whether that is still what it was.
#![allow(clippy::print_stdout, reason = "a command line program speaks through stdout")]

use std::process::ExitCode;

use pmcp_benches::{Result, micro};

fn main() -> Result<ExitCode> {
    if micro::run_if_counted()? {
        return Ok(ExitCode::SUCCESS);
    }
    let gate = std::env::args().any(|argument| argument == "--gate");
    let mut failed = false;
    for case in micro::CASES.iter().filter(|case| !gate || case.measured.is_some()) {
        let count = case.instructions()?;
        match case.limit() {
            Some(limit) if count > limit => {
                failed = true;
                println!(
                    "FAILED {}: {count:.0} instructions, at most {limit:.0}: make it less, or argue the",
                    case.name
                );
                println!("       new figure in benches/src/micro.rs");
            }
            Some(limit) => println!("{}: {count:.0} instructions of {limit:.0}", case.name),
            None => println!("{}: {count:.0} instructions", case.name),
        }
    }
    Ok(if gate && failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
