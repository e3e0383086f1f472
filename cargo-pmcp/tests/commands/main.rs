//! The commands as a person meets them: exact words and exit codes, with an AWS CLI that says what the test wants.

#[cfg(unix)]
mod advice;
#[cfg(unix)]
mod answers;
#[cfg(unix)]
mod cdk;
#[cfg(unix)]
mod completions;
mod deploy;
#[cfg(unix)]
mod dev;
mod dry_runs;
mod failures;
mod folders;
#[cfg(unix)]
mod google;
#[cfg(unix)]
mod halfway;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod lambda;
#[cfg(unix)]
mod lies;
mod light;
#[cfg(unix)]
mod links;
#[cfg(unix)]
mod login;
#[cfg(unix)]
mod logs;
#[cfg(unix)]
mod moving;
mod new;
#[cfg(unix)]
mod pmcp_run;
#[cfg(unix)]
mod records;
#[cfg(unix)]
mod removal;
#[cfg(unix)]
mod repeated;
#[cfg(unix)]
mod rollback;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod states;
#[cfg(unix)]
mod table;
#[cfg(unix)]
mod unread;
#[cfg(unix)]
mod workers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that goes when the test ends well.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cargo-pmcp-{name}"));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        Self(folder)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("writes");
    }

    /// Puts a program on PATH that is this shell script.
    #[cfg(unix)]
    fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        let path = self.0.join("bin").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable");
    }

    /// `cargo pmcp` with nothing on PATH but what the test put there.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pmcp"));
        command.arg("pmcp").args(arguments).current_dir(&self.0).env("PATH", self.0.join("bin"));
        // Nobody is logged in, and nothing that listens is asked.
        command.env("XDG_CONFIG_HOME", self.0.join("home")).env("APPDATA", self.0.join("home"));
        command.env("PMCP_RUN_URL", "http://127.0.0.1:9").env_remove("PMCP_RUN_TOKEN");
        command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").env_remove("AWS_ACCESS_KEY_ID");
        for name in ["TOKEN", "KEY"] {
            command.env_remove(format!("CLOUDFLARE_API_{name}"));
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("starts")
    }

    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What a terminal shows of `cargo pmcp` when this is typed after the prompt, how that ended, and how the terminal is
    /// set then.
    #[cfg(target_os = "linux")]
    fn at_terminal(&self, arguments: &str, prompt: &str, typed: &[u8]) -> String {
        use std::io::{Read, Write};
        use std::sync::mpsc::RecvTimeoutError;
        let tool = env!("CARGO_BIN_EXE_cargo-pmcp");
        // What is typed may end the tool, and not the shell.
        let line = format!("trap : INT; '{tool}' pmcp {arguments}; echo \"ended with $?\"; /usr/bin/stty -a");
        // Of util-linux: gives a program a terminal.
        let mut script = Command::new("/usr/bin/script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(&self.0).env("PATH", self.0.join("bin"));
        script.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().expect("`script` starts");
        let (mut keyboard, mut screen) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        // Of a tool that does not end the test says so.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if ended.recv_timeout(std::time::Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
                drop(Command::new("/bin/kill").args(["-KILL", &id]).status());
            }
        });
        let mut shown = Vec::new();
        while !shown.ends_with(prompt.as_bytes()) {
            let mut byte = [0];
            assert!(screen.read_exact(&mut byte).is_ok(), "no prompt: {}", String::from_utf8_lossy(&shown));
            shown.extend(byte);
        }
        keyboard.write_all(typed).expect("is typed");
        screen.read_to_end(&mut shown).expect("an end");
        let is_ended = child.wait().expect("ends").code().is_some();
        assert!(is_ended, "it does not end: {}", String::from_utf8_lossy(&shown));
        drop(end);
        String::from_utf8(shown).expect("UTF-8").replace('\r', "")
    }

    fn config(&self) {
        self.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n");
    }
}

/// What is said of a server that no record knows.
#[cfg(unix)]
fn not_known(place: &str) -> String {
    format!(
        "note: crm is deployed in {place} already, and .pmcp/deployed.json does not say that it is this project's\n"
    )
}

/// Compares with the file in tests/snapshots; `PMCP_UPDATE=1` writes it.
fn assert_snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("PMCP_UPDATE").is_some() {
        fs::write(&path, found).expect("writes");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; look, and run the tests with PMCP_UPDATE=1", path.display());
}
