//! Functions built by the tools that build for Amazon's C library, wherever they are built.

use pmcp_tests::{Emulator, tool};

use super::place::Place;

#[test]
fn cargo_lambda_and_cargo_zigbuild_build_functions() {
    const TEST: &str = "cargo_lambda_and_cargo_zigbuild_build_functions";
    let Some(cargo_lambda) = tool(TEST, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some(zigbuild) = tool(TEST, "PMCP_ZIGBUILD", "needs cargo-zigbuild") else { return };
    let Some(mut place) = Place::start(TEST, "builders") else { return };
    place.new_project("builder");
    place.init();
    place.bootstrap();
    let own = place.path.clone();
    let folder = |program: &std::path::Path| program.parent().expect("a folder").display().to_string();
    for (path, words) in [
        (format!("{}:{own}", folder(&zigbuild)), "cargo zigbuild --release"),
        // It builds with zig as well, which it asks the first Python for.
        (format!("{}:{}:{own}", folder(&zigbuild), folder(&cargo_lambda)), "cargo lambda build --release"),
    ] {
        place.path = path;
        let plan = place.pmcp(&["deploy", "--dry-run"]).to_string();
        assert!(plan.contains(words), "{plan}");
        place.pmcp(&["deploy"]);
        let function = Emulator::start_executable(&cargo_lambda, "builder", &place.uploaded(), &[]);
        place.pmcp(&["deploy", "test", "--url", &function.url()]);
    }
}
