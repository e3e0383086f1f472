//! One answer of the core in this process, counted by callgrind in instructions: they do not move with the machine's
//! load, so a change that costs something shows.

use std::process::Command;

use crate::{Result, endpoint::Endpoint, request::Question};

/// By how much a count may exceed what was measured: compilers and C libraries differ from release to release.
pub const MARGIN: f64 = 0.10;

/// Something that is counted.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What is done.
    work: Work,
    /// How often it is done, so that what is done once does not count.
    times: u32,
    /// Instructions each time when this was written; what is not given is only reported.
    pub measured: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// `respond()` of a server with so many tools, to a request with so many more bytes.
    Respond(Question, usize, usize),
    /// Parsing a message, without its parameters.
    Parse,
    /// Parsing the same request, with so many bytes more, and printing the same answer by hand.
    ByHand(usize),
}

/// All that is counted. The figures are of November 2026: Rust 1.95, glibc 2.36, x86-64.
pub const CASES: [Case; 14] = [
    Case::new("call", Work::Respond(Question::Call, 0, 0)).measured(15_280.0),
    Case::new("call by hand", Work::ByHand(0)),
    Case::new("parse", Work::Parse).measured(4_350.0),
    Case::new("list", Work::Respond(Question::List, 0, 0)).measured(11_490.0),
    Case::new("discover", Work::Respond(Question::Discover, 0, 0)).measured(11_190.0),
    Case::new("call, 10 tools", Work::Respond(Question::Call, 10, 0)),
    Case::new("call, 100 tools", Work::Respond(Question::Call, 100, 0)),
    Case::new("call, 1000 tools", Work::Respond(Question::Call, 1_000, 0)).measured(15_280.0),
    Case::new("list, 1000 tools", Work::Respond(Question::List, 1_000, 0)),
    Case::new("call, 1 KB more", Work::Respond(Question::Call, 0, 1_000)).times(100),
    Case::new("call, 64 KB more", Work::Respond(Question::Call, 0, 64_000)).times(10),
    Case::new("call, 1 MB more", Work::Respond(Question::Call, 0, 1_000_000)).times(2),
    Case::new("call by hand, 1 MB more", Work::ByHand(1_000_000)).times(2),
    Case::new("call, 4 MB more", Work::Respond(Question::Call, 0, 4_000_000)).times(2),
];

impl Case {
    const fn new(name: &'static str, work: Work) -> Self {
        Self { name, work, times: 1_000, measured: None }
    }

    const fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    const fn measured(self, instructions: f64) -> Self {
        Self { measured: Some(instructions), ..self }
    }

    /// The most instructions that it may take.
    pub fn limit(&self) -> Option<f64> {
        self.measured.map(|measured| measured * (1.0 + MARGIN))
    }

    /// Counts it, in this program run once more under callgrind.
    ///
    /// # Errors
    /// Without valgrind, or where it cannot run here.
    pub fn instructions(&self) -> Result<f64> {
        let counted = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
            .arg(format!("--toggle-collect=*{COUNTED}*"))
            .arg(std::env::current_exe()?)
            .args([UNDER_CALLGRIND, self.name])
            .output()
            .map_err(|error| format!("instructions are counted by valgrind, which did not start: {error}"))?;
        let said = String::from_utf8_lossy(&counted.stderr);
        let total = said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, total)| total.trim());
        match total.and_then(|total| total.parse::<f64>().ok()).filter(|total| counted.status.success() && *total > 0.0)
        {
            Some(total) => Ok(total / f64::from(self.times)),
            None => Err(format!("callgrind counted nothing of {}: {said}", self.name).into()),
        }
    }

    fn run(&self) -> Result<()> {
        let Work::Respond(question, tools, padding) = self.work else {
            let body = Question::Call.body_with(if let Work::ByHand(padding) = self.work { padding } else { 0 });
            for _ in 0..self.times {
                let done = match self.work {
                    Work::Parse => counted_by_callgrind(|| pmcp_core::jsonrpc::Message::parse(body.as_bytes()).is_ok()),
                    _ => counted_by_callgrind(|| by_hand::answer(body.as_bytes())).is_some(),
                };
                assert!(done, "{} failed", self.name);
            }
            return Ok(());
        };
        let endpoint = Endpoint::new(tools);
        let request = question.request_with(padding);
        // Checked once and not each time: what a check leaves on the heap would be counted when it is next allocated from.
        question.check(endpoint.respond(request.clone()).body().as_full().ok_or("a stream")?)?;
        for _ in 0..self.times {
            let request = request.clone();
            let response = counted_by_callgrind(|| endpoint.respond(request));
            assert!(response.status().is_success(), "{} failed", self.name);
        }
        Ok(())
    }
}

/// Tells this program that it is run under callgrind; the name of a case follows.
const UNDER_CALLGRIND: &str = "--under-callgrind";

/// The name of the function that callgrind looks into.
const COUNTED: &str = "counted_by_callgrind";

/// If this program was started to be counted, does that.
///
/// # Errors
/// Where an answer is wrong.
///
/// # Panics
/// Likewise.
pub fn run_if_counted() -> Result<bool> {
    let mut arguments = std::env::args().skip_while(|argument| argument != UNDER_CALLGRIND).skip(1);
    let Some(name) = arguments.next() else { return Ok(false) };
    let case = CASES.iter().find(|case| case.name == name).ok_or_else(|| format!("there is no case {name}"))?;
    case.run()?;
    Ok(true)
}

#[inline(never)]
fn counted_by_callgrind<T>(work: impl FnOnce() -> T) -> T {
    work()
}
