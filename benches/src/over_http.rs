//! Servers over HTTP, as on Cloud Run: how soon they answer after their start, how quickly from then on, and what
//! they hold in memory.

use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};

use crate::{
    Result, cores,
    http::Place,
    load,
    process::{Process, first_answer, free_port},
    report::{FLOOR, OURS, Report},
    request::Question,
    statistics::{in_turn, median},
};

/// A server that listens on `PORT`, or where its arguments say.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its row in the table.
    pub name: &'static str,
    /// Its program.
    pub program: PathBuf,
    /// What its program is told, with `ADDRESS` in place of where it listens.
    pub arguments: Vec<String>,
    /// Its endpoint, such as `/mcp`.
    pub path: &'static str,
    /// What it can be asked: the floor has no list.
    pub questions: &'static [Question],
}

impl Server {
    fn start(&self) -> Result<(Process, Place)> {
        self.start_with(&[])
    }

    /// The same, with more variables in its environment.
    fn start_with(&self, environment: &[(&str, String)]) -> Result<(Process, Place)> {
        let addr = free_port()?;
        let mut command = Command::new(&self.program);
        let arguments = self.arguments.iter().map(|argument| argument.replace("ADDRESS", &addr.to_string()));
        command.args(arguments).env("PORT", addr.port().to_string()).envs(environment.iter().cloned());
        Ok((Process::start(&mut command)?, Place { addr, path: self.path }))
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How often each is started.
    pub starts: usize,
    /// How many rounds a load has; in each every server has its turn.
    pub rounds: usize,
    /// How long a turn is.
    pub turn: Duration,
    /// The loads, by their numbers of connections.
    pub connections: &'static [usize],
}

/// Who measures is not to be what limits.
const BUSY: f64 = 0.97;

/// Measures `servers` side by side; the first is ours.
pub fn measure(report: &mut Report, table: &'static str, prefix: &str, servers: &[Server], extent: Extent) {
    let mut running: Vec<(&Server, Process, Place)> = Vec::new();
    starts(report, table, prefix, servers, extent.starts);
    for server in servers {
        report.try_to(server.name, |report| {
            let (mut process, place) = server.start()?;
            first_answer(&mut process, place)?;
            rest(report, table, server, &process, place)?;
            running.push((server, process, place));
            Ok(())
        });
    }
    for question in [Question::Call, Question::List] {
        let asked: Vec<_> = running.iter().filter(|(server, ..)| server.questions.contains(&question)).collect();
        for connections in extent.connections {
            loads(report, table, prefix, &asked, (question, *connections), extent);
        }
    }
    for (server, process, _) in &running {
        report.try_to(server.name, |report| {
            report.figure(table, server.name, "peak memory, MB", process.peak_memory()? / 1e6);
            Ok(())
        });
    }
}

/// Starts each in turn, again and again.
fn starts(report: &mut Report, table: &'static str, prefix: &str, servers: &[Server], rounds: usize) {
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for server in in_turn(servers, round) {
            report.try_to(server.name, |_| {
                let (mut process, place) = server.start()?;
                let time = cores::on(cores::METER, || first_answer(&mut process, place))?;
                times.entry(server.name).or_default().push(time);
                Ok(())
            });
        }
    }
    for server in servers {
        if let Some(times) = times.get(server.name) {
            report.figure(table, server.name, "start to first answer, ms", median(times));
        }
    }
    report.compare(&format!("{prefix}/start"), &times);
    if let (Some(ours), Some(floor)) = (times.get(OURS), times.get(FLOOR)) {
        report.measure(format!("{prefix}/start over floor"), median(ours) - median(floor));
    }
}

/// What it holds after a thousand answers, one after the other.
fn rest(report: &mut Report, table: &'static str, server: &Server, process: &Process, place: Place) -> Result<()> {
    for _ in 0..1_000 {
        crate::http::ask(Question::Call, place)?;
    }
    report.figure(table, server.name, "memory after 1,000, MB", process.memory()? / 1e6);
    Ok(())
}

/// Loads each in turn, again and again.
fn loads(
    report: &mut Report,
    table: &'static str,
    prefix: &str,
    servers: &[&(&Server, Process, Place)],
    (question, connections): (Question, usize),
    extent: Extent,
) {
    let mut samples: BTreeMap<&str, Vec<load::Sample>> = BTreeMap::new();
    let mut cpu: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for round in 0..=extent.rounds {
        for (server, process, place) in in_turn(servers, round) {
            report.try_to(server.name, |_| {
                let before = process.cpu_time()?;
                let load = || load::run(question, *place, connections, extent.turn);
                let sample = cores::on(cores::METER, load)?;
                // The first round is for warming up.
                if round > 0 {
                    samples.entry(server.name).or_default().push(sample);
                    let spent = cpu.entry(server.name).or_default();
                    *spent = (spent.0 + process.cpu_time()? - before, spent.1 + sample.answers);
                }
                Ok(())
            });
        }
    }
    let what = format!("{}, {connections} open", question.method());
    let of = |name: &str, figure: fn(&load::Sample) -> f64| -> Vec<f64> {
        samples.get(name).map(|samples| samples.iter().map(figure).collect()).unwrap_or_default()
    };
    for (server, ..) in servers.iter().filter(|(server, ..)| samples.contains_key(server.name)) {
        let name = server.name;
        report.figure(table, name, format!("{what}: answers/s"), median(&of(name, |sample| sample.rate)));
        report.figure(table, name, format!("{what}: p50, µs"), median(&of(name, |sample| sample.p50)));
        report.figure(table, name, format!("{what}: p99, µs"), median(&of(name, |sample| sample.p99)));
        if let Some((seconds, answers)) = cpu.get(name) {
            report.figure(table, name, format!("{what}: CPU an answer, µs"), seconds * 1e6 / *answers as f64);
        }
        let busy = median(&of(name, |sample| sample.busy));
        if busy > BUSY {
            report.note(format!("{table}, {name}, {what}: the load's own core was busy for {:.0} %.", busy * 100.0));
        }
    }
    let by = |figure: fn(&load::Sample) -> f64| -> BTreeMap<&str, Vec<f64>> {
        samples.keys().map(|name| (*name, of(name, figure))).collect()
    };
    let name = format!("{prefix}/{}/{connections}", question.method());
    report.compare(&format!("{name}/rate"), &by(|sample| sample.rate));
    report.compare(&format!("{name}/p50"), &by(|sample| sample.p50));
    report.compare(&format!("{name}/p99"), &by(|sample| sample.p99));
}

/// What one open stream takes, of ours: a countdown over each of `count` connections, that has begun and goes on.
///
/// # Errors
/// Where the streams cannot be opened, such as for want of file descriptors.
pub fn streams(report: &mut Report, servers: &[Server], count: usize) -> Result<()> {
    let ours = servers.iter().find(|server| server.name == OURS).ok_or("ours was not built")?;
    // The other end of each is the server's, which inherits the limit.
    raise_open_files(count + 100)?;
    let mut opened = 0;
    while opened < count {
        opened = (opened * 10).max(1).min(count);
        // More than the server takes at once by itself.
        let (mut process, place) = ours.start_with(&[("PMCP_MAX_CONCURRENCY", (opened + 1).to_string())])?;
        first_answer(&mut process, place)?;
        let before = process.memory()?;
        let streams: Vec<_> = (0..opened).map(|_| crate::http::open_stream(place)).collect::<Result<_>>()?;
        // All have sent their first event by then, and none its last.
        for stream in &streams {
            crate::http::first_event(stream)?;
        }
        let each = (process.memory()? - before) / opened as f64 / 1e3;
        report.figure(STREAMS, OURS, format!("{opened} open: KB a stream"), each);
        report.measure("http/stream", each);
    }
    Ok(())
}

/// Lets this program, and what it starts, have so many files open.
fn raise_open_files(count: usize) -> Result<()> {
    let (pid, limit) = (std::process::id().to_string(), format!("--nofile={count}:"));
    let raised = Command::new("prlimit").args(["--pid", &pid, &limit]).output();
    let raised = raised.map_err(|error| format!("prlimit of util-linux did not start: {error}"))?;
    if raised.status.success() {
        return Ok(());
    }
    Err(format!("{count} files may not be open at once: {}", String::from_utf8_lossy(&raised.stderr)).into())
}

/// The table of open streams.
const STREAMS: &str = "Open streams over HTTP";
