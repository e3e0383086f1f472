//! `cargo pmcp` from an empty folder to AWS Lambda and back: the real CDK and the real AWS CLI against moto.

mod builders;
mod dev;
mod journey;
#[cfg(unix)]
mod options;
mod templates;

use std::path::Path;

use pmcp_tests::{Aws, Project};

/// An account, and a folder for a project that is deployed to it.
fn start(test: &str, name: &str) -> Option<(Aws, Project)> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut project = Project::empty(scratch, name);
    let aws = Aws::start(test, &project.folder.join("account"))?;
    aws.tell(&mut project);
    Some((aws, project))
}

/// `deploy init`, for this machine's processor and with what the CDK needs in place.
fn init(aws: &Aws, project: &Project) {
    project.pmcp(&["deploy", "init", "--target", "aws-lambda"]);
    let processor = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    project.edit(".pmcp/deploy.toml", "# architecture = \"x86_64\"", &format!("architecture = \"{processor}\""));
    link(&aws.cdk.join("node_modules"), &project.folder.join("deploy/aws-lambda/node_modules"));
}

#[cfg(unix)]
fn link(target: &Path, link: &Path) {
    std::os::unix::fs::symlink(target, link).expect("a link");
}

// Windows lets only administrators and machines in developer mode make links.
#[cfg(windows)]
fn link(target: &Path, link: &Path) {
    std::os::windows::fs::symlink_dir(target, link).expect("a link");
}
