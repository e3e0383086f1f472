//! Builds the Worker: Rust to WebAssembly, and what loads it.

use super::settings::Settings;
use crate::exec::{Program, WORKER_BUILD, shell};
use crate::failure::{Failure, Result};

const RUSTC: Program = Program { name: "rustc", install: crate::exec::CARGO.install };

/// Whether the standard library for WebAssembly is there.
pub(super) fn target() -> Result<String> {
    let call = RUSTC.call(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])?;
    let folder = call.capture()?.map_err(|said| said.failed("update Rust: rustup update"))?;
    let folder = folder.trim();
    match std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()) {
        true => Ok(folder.to_owned()),
        false => Err(Failure::missing(
            "Rust has no standard library for WebAssembly here",
            "to get it: rustup target add wasm32-unknown-unknown",
        )),
    }
}

/// Whether what builds is there; whoever has a command of their own knows what that needs.
pub(super) fn check(settings: &Settings) -> Result {
    if settings.calls_worker_build() {
        WORKER_BUILD.call([""; 0])?;
        target()?;
    }
    Ok(())
}

pub(super) fn run(settings: &Settings) -> Result {
    let (command, folder) = settings.build();
    shell(&command)?.folder(&folder).run("mend what the compiler says above; nothing new was deployed")
}
