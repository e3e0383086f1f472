//! How often one answer of the core allocates; with `--gate`, whether that is still as often as it was.
#![allow(clippy::print_stdout, reason = "a command line program speaks through stdout")]

use std::{hint::black_box, process::ExitCode};

use allocation_counter::measure;
use pmcp_benches::{endpoint::Endpoint, request::Question};

/// Allocations when this was written, and no margin: they are the same with every compiler.
const MEASURED: [(&str, Question, u64); 3] =
    [("call", Question::Call, 7), ("list", Question::List, 5), ("discover", Question::Discover, 5)];

fn main() -> ExitCode {
    let gate = std::env::args().any(|argument| argument == "--gate");
    let endpoint = Endpoint::new(0);
    let mut failed = false;
    for (name, question, most) in MEASURED {
        // Once to warm up.
        black_box(endpoint.respond(question.request_with(0)));
        let request = question.request_with(0);
        let mut response = None;
        // The response is still there at the end, so that it is counted and its end is not.
        let counted = measure(|| response = Some(endpoint.respond(request)));
        black_box(response);
        let (count, bytes) = (counted.count_total, counted.bytes_total);
        println!("{name}: {count} allocations of {most}, {bytes} bytes");
        failed |= count > most;
    }
    let body = Question::Call.body();
    let by_hand = measure(|| drop(black_box(by_hand::answer(body.as_bytes()))));
    println!("call by hand: {} allocations, {} bytes", by_hand.count_total, by_hand.bytes_total);
    if gate && failed {
        println!("FAILED: more allocations than there were; the figures are in benches/benches/allocations.rs");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
