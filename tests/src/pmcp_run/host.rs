//! Runs what was deployed, as the service would: the executable of an archive, its variables, a port.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use zip::ZipArchive;

/// How long an executable may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process; dropping it ends it.
#[derive(Debug)]
pub(super) struct Host {
    child: Child,
}

/// A port that nobody has.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}

/// The only file of an archive, which must be called `server` and executable.
pub(super) fn executable(archive: &[u8]) -> Result<Vec<u8>, String> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|error| error.to_string())?;
    if archive.len() != 1 {
        return Err(format!("the archive has {} files", archive.len()));
    }
    let mut file = archive.by_name("server").map_err(|error| error.to_string())?;
    if file.unix_mode().is_none_or(|mode| mode & 0o111 == 0) {
        return Err("the file may not be run".into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

impl Host {
    /// Starts it in an empty environment but for what it is given, and waits until it listens.
    pub(super) fn start(
        executable: &[u8],
        folder: &Path,
        port: u16,
        environment: &[(String, String)],
        log: &Arc<Mutex<Vec<String>>>,
    ) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let path = folder.join(format!("server-{port}-{}", environment.len() + log.lock().expect("no panic").len()));
        fs::write(&path, executable).map_err(|error| error.to_string())?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(|error| error.to_string())?;
        }
        let mut child = Command::new(&path)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("PORT", port.to_string())
            .env("HOST", "127.0.0.1")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the executable cannot be started: {error}"))?;
        follow(child.stdout.take(), log);
        follow(child.stderr.take(), log);
        let mut host = Self { child };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = host.child.try_wait() {
                return Err(format!("the executable ended before it listened ({status})"));
            }
            if begin.elapsed() > PATIENCE {
                return Err("the executable did not listen in time".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(host)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn follow(pipe: Option<impl Read + Send + 'static>, log: &Arc<Mutex<Vec<String>>>) {
    let (pipe, log) = (BufReader::new(pipe.expect("the pipe was asked for")), Arc::clone(log));
    thread::spawn(move || {
        for line in pipe.lines().map_while(Result::ok) {
            log.lock().expect("no reader panics").push(line);
        }
    });
}
