//! An image that Cloud Build makes, and what it is sent for that.

use serde_json::json;

use super::start;

#[test]
fn what_is_secret_or_built_is_not_uploaded() {
    const TEST: &str = "what_is_secret_or_built_is_not_uploaded";
    let Some((mut cloud, project)) = start(TEST, "google-builds") else { return };
    // All of it is in this folder, as a container build wants it.
    project.write("Cargo.toml", "[workspace]\nmembers = [\"server\", \"adapter\"]\nresolver = \"3\"\n");
    for (folder, name, more, source) in [
        ("server", "packer-cloudrun", "[dependencies]\npmcp-cloudrun = { path = \"../adapter\" }\n", "main.rs"),
        ("adapter", "pmcp-cloudrun", "", "lib.rs"),
    ] {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}");
        project.write(&format!("{folder}/Cargo.toml"), &package);
        project.write(&format!("{folder}/src/{source}"), if source == "main.rs" { "fn main() {}" } else { "" });
    }
    let init = ["deploy", "init", "--target", "google-cloud-run", "--name", "packer", "--project", "ada-project"];
    project.pmcp(&[&init[..], &["--region", "europe-west1"]].concat());
    let sent = ["server/src/target/mod.rs", "server/src/envelope.rs", "notes.txt"];
    let kept = [
        ".env",
        ".env.local",
        ".dev.vars",
        ".git/config",
        ".gitignore.swp",
        "adapter/node_modules/x/index.js",
        "server/.dev.vars.production",
        "server/.env",
        "server/.wrangler/state",
        "server/target/debug/server",
        "server/built elsewhere/debug/server",
        "workers/build/index.js",
    ];
    for file in sent.iter().chain(&kept) {
        project.write(file, "");
    }
    project.write(".gitignore", "*.swp\n!.env\n/bin\n/cloud\n");
    project.write("workers/.gitignore", "/build\n");
    for folder in ["server/target", "server/built elsewhere"] {
        project.write(&format!("{folder}/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55");
    }
    let outputs = project.pmcp(&["deploy", "--builder", "cloud-build"]);
    assert!(outputs["Image"].as_str().is_some_and(|image| image.contains("/packer/server@sha256:")), "{outputs}");
    let mut expected = vec![
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "adapter/Cargo.toml",
        "adapter/src/lib.rs",
        "deploy/google-cloud-run/Dockerfile",
        "deploy/google-cloud-run/Dockerfile.dockerignore",
        "deploy/google-cloud-run/cloudbuild.yaml",
        "server/Cargo.toml",
        "server/src/main.rs",
        "workers/.gitignore",
    ];
    expected.extend(sent);
    expected.sort_unstable();
    assert_eq!(cloud.command("uploaded"), json!(expected));

    // An API that nobody has switched on is named, with the line that does it.
    cloud.command("disable cloudbuild");
    let (code, words) = project.refused(&["deploy", "--builder", "cloud-build"]);
    let line = "error: the API cloudbuild.googleapis.com is not enabled in ada-project\nenable what deploying needs: `gcloud \
                services enable run.googleapis.com ";
    assert!(code == Some(4) && words.contains(line), "{code:?} {words}");
    assert_eq!(project.pmcp(&["deploy", "status"])["versions"].as_array().map(Vec::len), Some(1));

    cloud.command("enable cloudbuild");
    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(json!(cloud.inventory()), json!([]), "left behind");
}
