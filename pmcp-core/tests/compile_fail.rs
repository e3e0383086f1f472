//! An author's mistake is a compile error that names it.
//!
//! What the macro says is the same with every compiler. What the compiler says about a trait is not, so
//! `compile_fail/compiler` runs with the one version that its `.stderr` files were written by. After a change of the
//! words, `TRYBUILD=overwrite cargo test -p pmcp-core --test compile_fail` writes them anew.
// The compiler does not run as WebAssembly.
#![cfg(not(target_family = "wasm"))]

/// The compiler whose words are in `compile_fail/compiler`.
const WORDS_OF: &str = "rustc 1.95.";

#[test]
fn mistakes_are_named() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
    if cfg!(feature = "skills") {
        cases.compile_fail("tests/compile_fail/skills/*.rs");
    }
    if compiler().starts_with(WORDS_OF) {
        cases.compile_fail("tests/compile_fail/compiler/*.rs");
    } else {
        eprintln!("not run: compile_fail/compiler holds the words of {WORDS_OF}x, this is {}", compiler());
    }
}

#[test]
fn names_and_types_are_free() {
    trybuild::TestCases::new().pass("tests/compile_pass/*.rs");
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("--version").output().expect("a compiler");
    String::from_utf8(output.stdout).expect("its version in UTF-8")
}
