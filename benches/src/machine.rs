//! What this was measured on and with.

use std::{fs, process::Command, thread, time::SystemTime};

use crate::cores;

/// What a reader must know of the machine.
pub fn describe(quick: bool) -> Vec<(String, String)> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let first = |path: &str, field: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        Some(line.trim_start_matches([' ', '\t', ':', '=']).trim_matches('"').to_owned())
    };
    let pinned = if cores::on(cores::METER, || Ok(())).is_ok() {
        format!("the load runs on core {}, the server on core {}", cores::METER, cores::measured())
    } else {
        "nothing is pinned to a core here, so figures are rough".to_owned()
    };
    let parts = [
        ("Taken", said("date", &["-u", "+%F %H:%M UTC"]).or_else(|| Some(format!("{:?}", SystemTime::now())))),
        ("Extent", Some(if quick { "quick: fewer rounds, fewer loads, fewer peers" } else { "full" }.to_owned())),
        ("Commit", said("git", &["describe", "--always", "--dirty"])),
        ("Processor", first("/proc/cpuinfo", "model name")),
        ("Cores", thread::available_parallelism().ok().map(|cores| format!("{cores}; {pinned}"))),
        ("System", first("/etc/os-release", "PRETTY_NAME")),
        ("Kernel", said("uname", &["-sr"])),
        ("Rust", said("rustc", &["--version"])),
        ("Load of the machine at the end", first("/proc/loadavg", "")),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
