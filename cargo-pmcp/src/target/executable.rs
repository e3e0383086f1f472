//! The executable that is deployed, wherever that is: what this build made, and never what one before it left.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::exec::Call;
use crate::failure::{Failure, Result};

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
