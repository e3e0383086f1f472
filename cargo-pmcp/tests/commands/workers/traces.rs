//! What `destroy --clean` removes of a project on Cloudflare Workers, and what it leaves.

use std::fs;
use std::net::TcpListener;

use super::{MINE, Place};

#[test]
fn what_was_made_is_removed_where_the_package_is() {
    let place = Place::new("workers-clean", &[("/settings", 200, MINE)]);
    let folder = &place.folder;
    let (code, _, words) = place.run(&["deploy", "init", "--target", "cloudflare-workers"]);
    assert_eq!(code, Some(0), "{words}");
    folder.write("w/wrangler.toml", "main = \"build/index.js\"\n[build]\ncommand = \"worker-build --release\"\n");
    // The first three are made by tools; a folder of the old name is the user's.
    for file in ["w/build/index.js", "w/wrangler.pmcp.json", "w/.wrangler/tmp/x", "w/.wrangler/state/v3/d1/x"] {
        folder.write(file, "");
    }
    folder.write("w/wrangler.pmcp.dev.json", "");
    folder.write("cloudflare-workers/build/mine", "");
    folder.write(".pmcp/lock", "");
    let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--yes", "--unrecorded"]);
    assert_eq!(code, Some(0), "{words}");
    let lines: Vec<&str> = printed.lines().skip(1).filter(|line| !line.starts_with("note: ")).collect();
    assert_eq!(
        lines,
        [
            "removed w/wrangler.pmcp.json",
            "removed w/wrangler.pmcp.dev.json",
            "removed w/.wrangler/tmp",
            "removed w/build",
            "removed .pmcp/.gitignore",
            "left    w/.wrangler/state",
            "        has the databases and buckets of `cargo pmcp dev`",
            "left    w/wrangler.toml",
            "        belongs to the Worker's package, which stays",
            "left    w/.gitignore",
            "        belongs to the Worker's package, which stays",
            "left    .pmcp/deploy.toml",
            "        was changed by you",
        ]
    );
    let there = |file: &str| folder.0.join(file).exists();
    for file in ["w/build", "w/wrangler.pmcp.json", "w/.wrangler/tmp", ".pmcp/lock", ".pmcp/build", ".pmcp/.gitignore"]
    {
        assert!(!there(file), "{file}");
    }
    for file in ["cloudflare-workers/build/mine", "w/.wrangler/state/v3/d1/x", "w/.gitignore", "w/wrangler.toml"] {
        assert!(there(file), "{file}");
    }
}

#[test]
fn dev_has_settings_of_its_own() {
    let place = Place::new("workers-dev", &[]);
    place.folder.write("w/wrangler.pmcp.json", "of a deployment");
    place.folder.program("wrangler", "echo \"$@\" >> called; exit 1");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port().to_string();
    let (code, words) = place.refused(&["dev", "--target", "cloudflare-workers", "--port", &free]);
    assert!(code == Some(1) && words.starts_with("error: `wrangler dev` has ended"), "{code:?} {words}");
    let read = |file: &str| fs::read_to_string(place.folder.0.join(file)).expect("is there");
    assert_eq!(read("w/wrangler.pmcp.json"), "of a deployment");
    assert!(
        read("w/called").contains("/w/wrangler.pmcp.dev.json ")
            && read("w/wrangler.pmcp.dev.json").contains("watch_dir")
    );
}

#[test]
fn what_something_else_built_and_a_package_that_is_gone_are_told_apart() {
    let place = Place::new("workers-clean-own", &[]);
    let folder = &place.folder;
    for file in ["w/build/mine", "w/.wrangler/tmp/x"] {
        folder.write(file, "");
    }
    let (code, printed, words) = place.run(&["deploy", "destroy", "--clean", "--dry-run"]);
    assert_eq!(code, Some(0), "{words}");
    let own = "leave   w/build\n        wrangler.toml does not say that worker-build made it\n";
    assert!(printed.contains("remove  w/.wrangler\n") && printed.contains(own), "{printed}");

    // One that is alone in its workspace is where the project is.
    let root = folder.0.display().to_string();
    let package = format!(
        r#"{{"name":"crm-workers","manifest_path":"{root}/Cargo.toml","dependencies":[{{"name":"pmcp-workers"}}]}}"#
    );
    let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target","workspace_root":"{root}"}}"#);
    folder.program("cargo", &format!("echo '{metadata}'"));
    let (code, _, words) = place.run(&["deploy", "init", "--target", "cloudflare-workers"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(fs::read_to_string(folder.0.join("wrangler.toml")).is_ok_and(|text| text.contains("worker-build")));
}
