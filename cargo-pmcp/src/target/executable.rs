//! The executable that is deployed, wherever that is: what this build made, and never what one before it left.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::exec::Call;
use crate::failure::{Failure, Result};

/// What has cargo build a package's own binary for this machine's processor, and with a C library of its own. An argument of
/// the last step says so: RUSTFLAGS would take the place of what `.cargo/config.toml` says, and other variables that of it.
pub(super) fn static_build(package: &str, target: &str) -> Vec<String> {
    let what = format!("--release --target {target} --package {package} --bin {package}");
    words(&format!("rustc {what} -- -C target-feature=+crt-static"))
}

/// Arguments, none of which has a space.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Runs the build of a package, which puts its executable there.
pub(super) fn build(call: Call, package: &str, executable: PathBuf) -> Result<PathBuf> {
    // Cargo puts it there anew even where nothing has changed, unless the binary is called otherwise by now.
    match fs::remove_file(&executable) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::file("removing", executable)(error));
        }
        _ => {}
    }
    call.run("mend what the compiler says above; nothing new was deployed")?;
    if executable.is_file() {
        return Ok(executable);
    }
    Err(Failure::failed(
        format!("the package {package} was built, but there is no {}", executable.display()),
        format!(
            "give it a binary that is called {package}, or name another `package` under [server] in .pmcp/deploy.toml"
        ),
    ))
}
