//! Zig, with which cargo-lambda and cargo-zigbuild link for other machines: both look for it only once they have compiled.

use std::env;

use crate::exec::Program;

const ZIG: Program = Program { name: "zig", install: "pip install ziglang" };
const PYTHON: Program = Program { name: "python3", ..ZIG };

/// Whether they would find it: on `PATH`, or as a package of Python.
pub(super) fn is_there() -> bool {
    let as_package = || {
        let call = PYTHON.call(["-m", "ziglang", "version"]).and_then(|call| call.capture());
        call.is_ok_and(|said| said.is_ok())
    };
    // The second names a Python of its own, which is theirs to ask.
    let is_named = |name| env::var_os(name).is_some();
    is_named("CARGO_ZIGBUILD_ZIG_PATH")
        || is_named("CARGO_ZIGBUILD_PYTHON_PATH")
        || ZIG.find().is_some()
        || as_package()
}

/// What is missing where only that is, and the line that gets it.
pub(super) fn missing(builder: &Program) -> (String, &'static str) {
    (format!("{} is there, and Zig, with which it links for other machines, is not", builder.name), ZIG.install)
}
