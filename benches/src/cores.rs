//! Which core does what: whoever measures runs on one, what is measured on another.

use std::{fs, process::Command, thread};

use crate::Result;

/// The core of whoever measures.
pub const METER: usize = 0;

/// The core of what is measured: the second, or the only one there is.
pub fn measured() -> usize {
    thread::available_parallelism().map_or(0, |cores| usize::from(cores.get() > 1))
}

/// Does `work` in a thread of its own that runs on `core` alone, as do the processes that it starts.
///
/// # Errors
/// Where this machine cannot pin a thread: without `taskset` (package `util-linux`), or on a system other than Linux.
///
/// # Panics
/// If `work` does.
pub fn on<T: Send>(core: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let pinned = scope.spawn(|| {
            pin(core)?;
            work()
        });
        pinned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Threads and processes inherit it, so this program needs no unsafe call, and what it starts no wrapper.
fn pin(core: usize) -> Result<()> {
    let thread =
        fs::read_link("/proc/thread-self").map_err(|error| format!("no thread can be pinned here: {error}"))?;
    let id = thread.file_name().unwrap_or_default();
    let pinned = Command::new("taskset").args(["-cp", &core.to_string()]).arg(id).output();
    let pinned = pinned.map_err(|error| format!("taskset of util-linux did not start: {error}"))?;
    if pinned.status.success() {
        return Ok(());
    }
    Err(format!("taskset failed: {}", String::from_utf8_lossy(&pinned.stderr)).into())
}

/// How long this thread has run on a core so far, in seconds.
pub fn busy() -> Option<f64> {
    let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = times.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_one_core_and_so_has_what_it_starts() {
        let counted = on(METER, || Ok(String::from_utf8(Command::new("nproc").output()?.stdout)?));
        assert_eq!(counted.expect("taskset is there").trim(), "1");
    }
}
