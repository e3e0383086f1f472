//! Functions built by the tools that build for Amazon's C library, wherever they are built.

use pmcp_tests::{Emulator, tool};

use super::{init, start};

#[test]
fn cargo_lambda_and_cargo_zigbuild_build_functions() {
    const TEST: &str = "cargo_lambda_and_cargo_zigbuild_build_functions";
    let Some(cargo_lambda) = tool(TEST, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some(zigbuild) = tool(TEST, "PMCP_ZIGBUILD", "needs cargo-zigbuild") else { return };
    let Some((aws, mut project)) = start(TEST, "builders") else { return };
    project.new_project("builder", &["aws-lambda"]);
    init(&aws, &project);
    aws.bootstrap();
    // cargo-lambda builds with zig as well, which it asks the first Python for.
    for (programs, words) in
        [(&[&zigbuild][..], "cargo zigbuild --release"), (&[&cargo_lambda, &zigbuild], "cargo lambda build --release")]
    {
        programs.iter().for_each(|program| project.find(program));
        let plan = project.pmcp(&["deploy", "--dry-run"]).to_string();
        assert!(plan.contains(words), "{plan}");
        project.pmcp(&["deploy"]);
        let function = Emulator::start_executable(&cargo_lambda, "builder", &aws.uploaded("builder"), &[]);
        project.pmcp(&["deploy", "test", "--url", &function.url()]);
    }
}
