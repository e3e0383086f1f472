//! `cargo pmcp` from an empty folder to AWS Lambda and back: the real CDK and the real AWS CLI against moto.

mod builders;
mod dev;
mod journey;
#[cfg(unix)]
mod options;
mod place;
mod templates;

use std::path::Path;

#[cfg(unix)]
fn link(target: &Path, link: &Path) {
    std::os::unix::fs::symlink(target, link).expect("a link");
}

// Windows lets only administrators and machines in developer mode make links.
#[cfg(windows)]
fn link(target: &Path, link: &Path) {
    std::os::windows::fs::symlink_dir(target, link).expect("a link");
}
