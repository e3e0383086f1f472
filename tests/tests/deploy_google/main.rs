//! `cargo pmcp` from an empty folder to Google Cloud Run and back: the real gcloud against the APIs' own messages, and a
//! real registry, from which the image is pulled and started.

#![cfg(target_os = "linux")]

mod builds;
mod journey;
mod options;

use std::path::Path;

use pmcp_tests::{GoogleCloud, Project};

/// A cloud, and a folder for a project that is deployed to it.
fn start(test: &str, name: &str) -> Option<(GoogleCloud, Project)> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut project = Project::empty(scratch, name);
    let cloud = GoogleCloud::start(test, &project.folder.join("cloud"))?;
    cloud.tell(&mut project);
    Some((cloud, project))
}
