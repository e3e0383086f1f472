//! Deployments that stop before their end: what is said of what exists now, and what was not begun.

use std::fs::File;

use super::{CONFIG, Folder, SERVICE, gcloud};
use crate::not_known;

/// A project whose server is built already, as the script says.
fn project(name: &str, build: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write(".pmcp/deploy.toml", CONFIG);
    let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
    let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target"}}"#);
    folder.program("cargo", &format!("if [ $1 = metadata ]; then echo '{metadata}'; exit 0; fi\n{build}"));
    folder.program("cargo-zigbuild", "exit 1");
    folder.program("zig", "exit 1");
    folder.program("cat", "while IFS= read -r line; do printf '%s\\n' \"$line\"; done");
    folder
}

/// The exit code, and the message without what led to it.
fn deploy(folder: &Folder) -> (Option<i32>, String) {
    let (code, words) = folder.refused(&["deploy"]);
    let message = words.find("error: ").map(|begin| words[begin..].to_owned());
    (code, message.unwrap_or(words))
}

fn calls(folder: &Folder) -> String {
    std::fs::read_to_string(folder.0.join("calls")).unwrap_or_default()
}

#[test]
fn what_does_not_compile_is_not_deployed() {
    let folder = project("google-build-error", "echo 'expected `;`' >&2; exit 101");
    let absent = "*'repositories describe'*) echo 'ERROR: NOT_FOUND: Requested entity was not found.' >&2; exit 1 ;;";
    folder.program("gcloud", &gcloud("", absent));
    let (code, words) = deploy(&folder);
    let ending = "failed (exit status: 101); its own words are above\nmend what the compiler says above; nothing new was deployed\n";
    assert!(code == Some(1) && words.ends_with(ending), "{words}");
    assert!(!calls(&folder).contains("create") && !calls(&folder).contains("replace"), "{}", calls(&folder));
}

#[test]
fn another_ones_repository_is_left_alone() {
    let folder = project("google-repository", "echo built >> began");
    folder.program("gcloud", &gcloud("", "*'repositories describe'*) echo '{\"format\":\"DOCKER\",\"labels\":{}}' ;;"));
    let words = "error: Artifact Registry has a repository crm in us-central1 of ada-project that cargo pmcp did not make\n\
                 choose another `name` under [server] in .pmcp/deploy.toml\n";
    assert_eq!(deploy(&folder), (Some(5), words.into()));
    assert!(!folder.0.join("began").exists(), "nothing was built");
}

#[test]
fn two_at_once_do_not_meet() {
    let folder = project("google-two", "exit 0");
    folder.program("gcloud", &gcloud(SERVICE, ""));
    let other = File::create(folder.0.join(".pmcp/lock")).expect("a lock");
    other.lock().expect("nobody has it");
    let (code, words) = deploy(&folder);
    assert!(code == Some(5) && words.starts_with("error: another cargo pmcp is changing this project"), "{words}");
}

#[test]
fn what_is_removed_is_this_servers() {
    let folder = project("google-destroy", "exit 0");
    let branches = "*'secrets list'*) echo '[{\"name\":\"projects/1/secrets/crm-KEY\",\"labels\":{\"pmcp-server\":\"crm\"}}]' ;;\n\
                    *'repositories describe'*) echo '{\"format\":\"DOCKER\",\"labels\":{\"pmcp-server\":\"crm\"}}' ;;";
    folder.program("gcloud", &gcloud(SERVICE, branches));
    let removed = folder.printed(&["deploy", "destroy", "--yes", "--unrecorded"]);
    let words = "removed crm in us-central1 of ada-project, with its URL and all its versions\nleft    the secret crm-KEY\n        \
                 --clean removes it\nleft    the repository of Artifact Registry, with all images of the server, crm\n        \
                 --clean removes it\n";
    assert_eq!(removed, words.to_owned() + &not_known("us-central1 of ada-project"));
    assert!(calls(&folder).contains("services delete crm --region us-central1 --quiet --project ada-project"));
    assert!(!calls(&folder).contains("secrets delete") && !calls(&folder).contains("repositories delete"));
    folder.printed(&["deploy", "destroy", "--clean", "--yes", "--unrecorded"]);
    for call in ["secrets delete crm-KEY --quiet", "repositories delete crm --location us-central1 --quiet"] {
        assert!(calls(&folder).contains(call), "{}", calls(&folder));
    }
}

#[test]
fn what_another_answers_in_googles_place_forgets_nothing() {
    let folder = project("google-proxy", "exit 0");
    let record =
        r#"{"deployments":[{"target_type":"google-cloud-run","name":"crm","place":"us-central1 of ada-project"}]}"#;
    folder.write(".pmcp/deployed.json", record);
    let page = "echo 'ERROR: (gcloud.run.services.list) HTTPError 404: <!DOCTYPE html>NOT_FOUND' >&2; exit 1";
    let words = "error: gcloud finds no service crm in us-central1 of ada-project, and no list of services without it\nsee that no \
                 proxy answers in Google's place, and run the command again\n";
    for list in [page, "echo '[{}]'"] {
        folder.program("gcloud", &gcloud("", &format!("*'services list --filter metadata.name=crm'*) {list} ;;")));
        assert_eq!(folder.refused(&["deploy", "status"]), (Some(1), words.into()));
        let (code, told) = folder.refused(&["deploy", "destroy", "--yes"]);
        assert!(code == Some(1) && told.ends_with(words), "{told}");
    }
    assert_eq!(std::fs::read_to_string(folder.0.join(".pmcp/deployed.json")).expect("it is known"), record);
}

#[test]
fn a_build_that_is_interrupted_leaves_nothing() {
    let folder = project("google-interrupted-build", "kill -INT $PPID; exec /bin/sleep 60");
    let absent = "*'repositories describe'*) echo 'ERROR: NOT_FOUND: Requested entity was not found.' >&2; exit 1 ;;";
    folder.program("gcloud", &gcloud("", absent));
    let (code, words) = deploy(&folder);
    let advice = "\nnothing was deployed; run `cargo pmcp deploy` again\n";
    assert!(code == Some(130) && words.ends_with(advice), "{code:?} {words}");
    assert!(!folder.0.join(".pmcp/deployed.json").exists(), "nothing is remembered");
}
