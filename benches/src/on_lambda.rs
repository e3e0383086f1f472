//! Functions on AWS Lambda: from the start of the process to its first poll, warm invocations, and memory.

use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    Result,
    process::Process,
    report::{FLOOR, OURS, Report},
    request::Question,
    runtime_api::{RuntimeApi, on_one_core},
    statistics::{in_turn, median, percentile},
};

/// The table of all functions.
pub const TABLE: &str = "AWS Lambda";
const PATIENCE: Duration = Duration::from_secs(60);

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its row in the table.
    pub name: &'static str,
    /// Its program.
    pub program: PathBuf,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How often each is started.
    pub starts: usize,
    /// How many rounds of invocations there are; in each every function has its turn.
    pub rounds: usize,
    /// How many invocations a turn has.
    pub turn: usize,
    /// After how many invocations memory is looked at again.
    pub soak: usize,
}

impl Function {
    fn start(&self, question: Question) -> Result<(Process, RuntimeApi)> {
        let api = RuntimeApi::start(event(question))?;
        let mut command = Command::new(&self.program);
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.addr.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "calculator")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "calculator")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "1")
            .env("AWS_REGION", "eu-central-1");
        Ok((Process::start(&mut command)?, api))
    }
}

/// As an HTTP API or a Function URL sends it, payload format 2.0.
fn event(question: Question) -> Vec<u8> {
    let mut headers = json!({ "host": "abc.lambda-url.eu-central-1.on.aws", "x-forwarded-proto": "https" });
    for (name, value) in question.headers() {
        headers[name] = value.into();
    }
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "abc.lambda-url.eu-central-1.on.aws",
            "domainPrefix": "abc",
            "http": {
                "method": "POST",
                "path": "/mcp",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "pmcp-benches",
            },
            "requestId": "00000000-0000-4000-8000-000000000001",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1_793_491_200_000_u64,
        },
        "body": question.body(),
        "isBase64Encoded": false,
    });
    event.to_string().into_bytes()
}

/// Whether a function's answer is a right one.
fn check(question: Question, answer: &[u8]) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    if answer["statusCode"] != 200 {
        return Err(format!("no right answer: {answer}").into());
    }
    question.check(answer["body"].as_str().ok_or("an answer without a body")?.as_bytes())
}

/// Measures `functions` side by side; the first is ours.
pub fn measure(report: &mut Report, functions: &[Function], extent: Extent) {
    starts(report, functions, extent.starts);
    for question in [Question::Call, Question::List] {
        warm(report, functions, question, extent);
    }
    memory(report, functions, extent.soak);
}

/// Starts each in turn, again and again.
fn starts(report: &mut Report, functions: &[Function], rounds: usize) {
    let (mut polls, mut firsts) = (BTreeMap::<_, Vec<f64>>::new(), BTreeMap::<_, Vec<f64>>::new());
    for round in 0..rounds {
        for function in in_turn(functions, round) {
            report.try_to(function.name, |_| {
                let (poll, first) = on_one_core(|| {
                    let (process, api) = function.start(Question::Call)?;
                    let poll = api.first_poll(PATIENCE)? - process.started;
                    let (times, answer) = api.invoke(1, PATIENCE)?;
                    check(Question::Call, &answer)?;
                    Ok((poll.as_secs_f64() * 1e3, times[0]))
                })?;
                polls.entry(function.name).or_default().push(poll);
                firsts.entry(function.name).or_default().push(first);
                Ok(())
            });
        }
    }
    for function in functions {
        if let (Some(polls), Some(firsts)) = (polls.get(function.name), firsts.get(function.name)) {
            report.figure(TABLE, function.name, "start to first poll, ms", median(polls));
            report.figure(TABLE, function.name, "first invocation, ms", median(firsts));
        }
    }
    report.compare("lambda/start", &polls);
    report.compare("lambda/first", &firsts);
}

/// Invokes each in turn, again and again; harness and function share a core.
fn warm(report: &mut Report, functions: &[Function], question: Question, extent: Extent) {
    let mut halves = BTreeMap::<_, Vec<f64>>::new();
    let mut tails = BTreeMap::<_, Vec<f64>>::new();
    let asked = functions.iter().filter(|function| question == Question::Call || function.name != FLOOR);
    let mut running = Vec::new();
    for function in asked {
        report.try_to(function.name, |_| {
            running.push((function.name, on_one_core(|| function.start(question))?));
            Ok(())
        });
    }
    for round in 0..=extent.rounds {
        for (name, (process, api)) in in_turn(&running, round) {
            report.try_to(name, |report| {
                let before = process.cpu_time()?;
                let (mut times, answer) = api.invoke(extent.turn, PATIENCE)?;
                check(question, &answer)?;
                // The first round is for warming up.
                if round > 0 {
                    halves.entry(*name).or_default().push(percentile(&mut times, 50.0));
                    tails.entry(*name).or_default().push(percentile(&mut times, 99.0));
                }
                if round == extent.rounds && question == Question::Call {
                    let cpu = (process.cpu_time()? - before) * 1e6 / extent.turn as f64;
                    report.figure(TABLE, name, "tools/call: CPU an answer, µs", cpu);
                }
                Ok(())
            });
        }
    }
    for (name, _) in &running {
        if let (Some(halves), Some(tails)) = (halves.get(name), tails.get(name)) {
            report.figure(TABLE, name, format!("{}: p50, ms", question.method()), median(halves));
            report.figure(TABLE, name, format!("{}: p99, ms", question.method()), median(tails));
        }
    }
    report.compare(&format!("lambda/{}/p50", question.method()), &halves);
    report.compare(&format!("lambda/{}/p99", question.method()), &tails);
}

/// The most that each has had in memory, and what a request leaves behind.
fn memory(report: &mut Report, functions: &[Function], soak: usize) {
    let mut peaks = BTreeMap::<_, Vec<f64>>::new();
    for function in functions {
        report.try_to(function.name, |report| {
            let (peak, growth) = on_one_core(|| {
                let (process, api) = function.start(Question::Call)?;
                api.invoke(soak / 10, PATIENCE)?;
                let before = process.memory()?;
                let (_, answer) = api.invoke(soak - soak / 10, PATIENCE)?;
                check(Question::Call, &answer)?;
                Ok((process.peak_memory()?, (process.memory()? - before) / (soak - soak / 10) as f64))
            })?;
            report.figure(TABLE, function.name, "peak memory, MB", peak / 1e6);
            report.figure(TABLE, function.name, "memory left by a request, bytes", growth);
            peaks.entry(function.name).or_default().push(peak);
            if function.name == OURS {
                report.measure("lambda/growth", growth);
            }
            Ok(())
        });
    }
    report.compare("lambda/peak", &peaks);
}
