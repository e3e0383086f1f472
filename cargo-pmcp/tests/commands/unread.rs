//! Output that nobody reads, or that cannot be written: what was done is done, and that is said.

use std::fs::File;
use std::process::Stdio;

use super::Folder;
use super::halfway::{aws, project, stack};

fn deployed(name: &str) -> Folder {
    let folder = project(name);
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.printed(&["deploy", "--yes"]);
    folder
}

#[test]
fn whoever_stops_reading_stops_no_deployment() {
    let folder = deployed("unread");
    // Each line that nobody reads ends a program that writes it to a pipe of its own.
    folder.program("npx", "for line in 1 2 3; do echo out; echo err >&2; /bin/sleep 0.1; done; echo > ../../deployed");
    let mut command = folder.command(&["deploy"]);
    let mut deploy = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    // As `head -0` does.
    drop(deploy.stderr.take());
    assert!(deploy.wait().expect("ends").success());
    assert!(folder.0.join("deployed").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn that_it_is_deployed_is_said_where_nothing_can_be_written() {
    let folder = deployed("full");
    let full = File::options().write(true).open("/dev/full").expect("is there");
    let output = folder.command(&["deploy"]).stdin(Stdio::null()).stdout(full).output().expect("starts");
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    let end = "error: crm is deployed, but writing standard output failed: No space left on device (os error 28)\nsee where it is \
               with `cargo pmcp deploy outputs`\n";
    assert!(output.status.code() == Some(1) && words.ends_with(end), "{words}");
}
