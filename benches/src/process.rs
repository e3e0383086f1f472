//! A server as a process: started on its core, looked at from outside, ended.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result, cores,
    http::{self, Place},
    request::Question,
};

/// How long a server may take to give its first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before asking again whether a server listens: short against what is measured.
const PAUSE: Duration = Duration::from_micros(50);

/// A running process; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// When it was started.
    pub started: Instant,
}

impl Process {
    /// Starts it on the core of what is measured, without input and without an audience.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start(command: &mut Command) -> Result<Self> {
        cores::on(cores::measured(), || {
            let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let started = Instant::now();
            let child =
                command.spawn().map_err(|error| format!("{:?} did not start: {error}", command.get_program()))?;
            Ok(Self { child, started })
        })
    }

    /// Whether it has ended by itself, and how.
    pub fn has_ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// What it has in memory now, in bytes.
    pub fn memory(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The most it has had in memory so far, in bytes.
    pub fn peak_memory(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    /// The seconds of processor time that it has used, in steps of 10 ms.
    pub fn cpu_time(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
        let mut fields = after.split_whitespace().skip(11);
        let mut ticks = || Ok::<f64, crate::Failure>(fields.next().ok_or("no times in /proc/PID/stat")?.parse()?);
        Ok((ticks()? + ticks()?) / 100.0)
    }

    fn status(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("the process has ended")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A free port on loopback.
///
/// # Errors
/// Where there is none.
pub fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits for the first right answer, and says how many milliseconds after its start it came.
///
/// # Errors
/// Where the process ends, or there is none after half a minute.
pub fn first_answer(process: &mut Process, place: Place) -> Result<f64> {
    loop {
        match http::ask(Question::Call, place) {
            Ok(_) => return Ok(process.started.elapsed().as_secs_f64() * 1e3),
            Err(error) if process.started.elapsed() > PATIENCE => {
                return Err(format!("no right answer after {} s: {error}", PATIENCE.as_secs()).into());
            }
            Err(error) => {
                if let Some(status) = process.has_ended() {
                    return Err(format!("it ended with {status}: {error}").into());
                }
                thread::sleep(PAUSE);
            }
        }
    }
}
