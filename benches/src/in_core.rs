//! The core by itself: instructions and allocations, and how they grow.

use crate::{
    builds::Workspace,
    micro::CASES,
    report::{OURS, Report},
};

const TABLE: &str = "The core: one answer, in instructions";

/// Counts all cases.
pub fn measure(report: &mut Report) {
    for case in CASES {
        let counted = report.try_to(case.name, |report| {
            let count = case.instructions()?;
            report.figure(TABLE, OURS, case.name, count);
            report.measure(format!("instructions/{}", case.name), count);
            Ok(())
        });
        // Without valgrind, or where it does not run, one note says it all.
        if counted.is_none() {
            break;
        }
    }
    let of = |name: &str| report.measured.get(&format!("instructions/{name}")).copied();
    if let (Some(call), Some(by_hand), Some(many)) = (of("call"), of("call by hand"), of("call, 1000 tools")) {
        report.measure("core/by hand", call / by_hand);
        report.measure("core/1000 tools", many / call);
    }
    report.try_to("allocations", |report| {
        // A program of its own: counting them costs instructions.
        let bench = ["bench", "--locked", "--quiet", "--package", "pmcp-benches", "--bench", "allocations"];
        let counted = Workspace::Own.cargo().args(bench).output()?;
        let said = String::from_utf8_lossy(&counted.stdout);
        for (name, rest) in said.lines().filter_map(|line| line.split_once(": ")) {
            let count = rest.split(' ').next().and_then(|count| count.parse::<f64>().ok()).ok_or("no count")?;
            report.figure("The core: one answer, in allocations", OURS, name, count);
            if name == "call" {
                report.measure("core/allocations", count);
            }
        }
        if counted.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&counted.stderr).into()) }
    });
}
