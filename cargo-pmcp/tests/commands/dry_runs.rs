//! What only says what it would do waits for nobody, and leaves nothing.

use std::fs::File;

use super::Folder;

#[test]
fn a_dry_run_of_a_rollback_needs_no_lock() {
    for target in ["aws-lambda", "cloudflare-workers", "google-cloud-run", "pmcp-run"] {
        let folder = Folder::new(&format!("dry-rollback-{target}"));
        folder.config();
        let rollback = |more: &[&str]| folder.refused(&[&["deploy", "rollback", "--target", target], more].concat()).1;
        rollback(&["--dry-run"]);
        assert!(!folder.0.join(".pmcp/lock").exists(), "{target}: it made one");
        let other = File::create(folder.0.join(".pmcp/lock")).expect("a lock");
        other.lock().expect("nobody has it");
        let held = "another cargo pmcp is changing this project";
        assert!(!rollback(&["--dry-run"]).contains(held), "{target}: it waits");
        assert!(rollback(&[]).contains(held), "{target}: it does not wait");
    }
}
