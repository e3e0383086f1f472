//! A program with all that it has started: who stands between, as npx does, passes no signal on.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(super) struct Family(Vec<i32>);

impl Family {
    /// As it is now: once one of them has ended, nobody knows any more what that one has started.
    pub(super) fn of(program: u32) -> Self {
        let everybody = processes();
        let mut family: Vec<i32> = i32::try_from(program).into_iter().collect();
        let mut asked = 0;
        while let Some(&parent) = family.get(asked) {
            family.extend(everybody.iter().filter(|(_, its)| *its == parent).map(|(child, _)| child));
            asked += 1;
        }
        Self(family)
    }

    pub(super) fn tell(&self, signal: Signal) {
        for member in &self.0 {
            // It fails only for those that have ended already, which is as good.
            let _ = kill(Pid::from_raw(*member), signal);
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.0.iter().all(|member| kill(Pid::from_raw(*member), None).is_err())
    }
}

/// All that run on this machine, each with its parent.
fn processes() -> Vec<(i32, i32)> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found: Vec<_> = folders
        .filter_map(|folder| {
            let child = folder.file_name().to_str()?.parse().ok()?;
            Some((child, parent(&fs::read_to_string(folder.path().join("stat")).ok()?)?))
        })
        .collect();
    if !found.is_empty() {
        return found;
    }
    // macOS has no such folder. Without an answer the program is ended alone.
    let said = Command::new("/bin/ps").args(["-A", "-o", "pid=", "-o", "ppid="]).output();
    said.map(|said| parse_table(&String::from_utf8_lossy(&said.stdout))).unwrap_or_default()
}

/// `4711 (its name) S 42 …`, whatever its name has.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn parse_table(said: &str) -> Vec<(i32, i32)> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    said.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn what_a_program_has_started_is_known() {
        assert_eq!(parent("4711 (a) S 9) S 42 4711 0"), Some(42));
        assert_eq!(parse_table("    1     0\n 4711    42\n"), [(1, 0), (4711, 42)]);
        let script = "/bin/sleep 60 & echo $!; wait";
        let mut child =
            Command::new("/bin/sh").args(["-c", script]).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says whom it started");
        let family = Family::of(child.id());
        assert!(family.0.contains(&line.trim().parse().expect("a number")), "{line} is in {:?}", family.0);
        assert!(!family.is_gone());
        family.tell(Signal::SIGKILL);
        child.wait().expect("ends");
    }
}
