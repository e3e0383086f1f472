//! Images that Docker and Cloud Build make: what these are told, and that what is deployed is named by its digest.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use super::super::answers;
use super::{CONFIG, Folder, SERVICE, gcloud};

const MANIFEST: &str = "{\"schemaVersion\":2}";
const DIGEST: &str = "sha256:bafebd36189ad3688b7b3915ea55d461e0bfcfbdde11e54b0a123999fb6be50f";

/// A registry that wants a token of its own, and has one image. Returns its address.
pub(super) fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let own = address.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let head = head.join("\n").to_lowercase();
            let basic = "authorization: basic b2f1dggyywnjzxnzdg9rzw46ywrh";
            let challenge = format!("www-authenticate: Bearer realm=\"http://{own}/token\",service=\"registry\"\r\n");
            let is_known = head.contains("authorization: bearer granted");
            let (status, header, body) = match &head {
                head if head.starts_with("get /token?service=registry&scope=repository:p/crm/server:pull,push") => {
                    let is_told = head.contains(basic);
                    if is_told { ("200 OK", "", "{\"token\":\"granted\"}") } else { ("403 Forbidden", "", "") }
                }
                head if is_known && head.contains("/v2/p/crm/server/manifests/") => ("200 OK", "", MANIFEST),
                head if head.starts_with("get /v2/ ") => ("401 Unauthorized", &challenge as &str, ""),
                _ => ("404 Not Found", "", ""),
            };
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
            // A client that is gone has what it wants.
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

/// A project of which other programs make images; the further lines are branches of gcloud's.
pub(crate) fn project(name: &str, address: &str, service: &str, more: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write(".pmcp/deploy.toml", CONFIG);
    for file in ["Dockerfile", "cloudbuild.yaml"] {
        folder.write(&format!("deploy/google-cloud-run/{file}"), "");
    }
    let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    folder.program("cat", "while IFS= read -r line; do printf '%s\\n' \"$line\"; done");
    let repository =
        format!("{{\"format\":\"DOCKER\",\"labels\":{{\"pmcp-server\":\"crm\"}},\"registryUri\":\"{address}/p/crm\"}}");
    let branches =
        format!("{more}*'repositories describe'*) echo '{repository}' ;;\n*print-access-token*) echo ada ;;");
    folder.program("gcloud", &gcloud(service, &branches));
    folder
}

/// What Cloud Run was told to run.
fn deployed(folder: &Folder) -> String {
    let service = fs::read_to_string(folder.0.join(".pmcp/build/service.json")).expect("was written");
    let service: serde_json::Value = serde_json::from_str(&service).expect("JSON");
    service["spec"]["template"]["spec"]["containers"][0]["image"].as_str().expect("an image").to_owned()
}

/// A Docker whose context is elsewhere; the further line is what `push` does.
pub(crate) fn docker(folder: &Folder, push: &str) {
    let context = r#"[{"Name":"far","Endpoints":{"docker":{"Host":"ssh://ada@far"}},"Storage":{"TLSPath":"/t"}}]"#;
    let script = format!(
        "echo \"$@ $DOCKER_HOST\" >> docker\ncase \"$*\" in\n'context inspect') echo '{context}' ;;\n--config*) cat < \
         \"$2/config.json\" > settings; {push} ;;\nesac"
    );
    folder.program("docker", &script);
    folder.program("docker-credential-gcloud", "exit 1");
}

#[test]
fn docker_makes_an_image_and_is_told_no_login() {
    let address = registry();
    let folder = project("google-docker", &address, SERVICE, "");
    docker(&folder, "");
    let settings = folder.0.join(".pmcp/build/docker");
    folder.write(".pmcp/build/docker/config.json", "a token of an older version");
    folder.printed(&["deploy", "--yes", "--builder", "docker"]);
    assert_eq!(deployed(&folder), format!("{address}/p/crm/server@{DIGEST}"));
    let calls = fs::read_to_string(folder.0.join("docker")).expect("was called");
    let build = "build --platform linux/amd64 --file deploy/google-cloud-run/Dockerfile --build-arg PACKAGE=crm-cloudrun --tag ";
    assert!(calls.starts_with(&format!("{build}{address}/p/crm/server:")), "{calls}");
    // The engine that has built is the one that sends.
    let push = calls.lines().find(|line| line.contains(" push ")).expect("was called");
    assert!(push.ends_with(" ssh://ada@far"), "{push}");
    let told = fs::read_to_string(folder.0.join("settings")).expect("was told");
    assert_eq!(told, format!("{{\"credHelpers\":{{\"{address}\":\"gcloud\"}}}}\n"));
    assert!(!calls.contains("login") && !settings.exists(), "{calls}");

    folder.program("docker", "echo 'no space left' >&2; exit 1");
    let (code, words) = folder.refused(&["deploy", "--yes", "--builder", "docker"]);
    assert!(code == Some(1) && words.ends_with("\nmend what Docker says above; nothing was deployed\n"), "{words}");
    fs::remove_file(folder.0.join("bin/docker-credential-gcloud")).expect("is removed");
    let (code, words) = folder.refused(&["deploy", "--yes", "--builder", "docker"]);
    assert!(
        code == Some(4) && words.starts_with("error: `docker-credential-gcloud` was not found on PATH\n"),
        "{words}"
    );
    fs::remove_file(folder.0.join("bin/docker")).expect("is removed");
    let words = "error: `docker` was not found on PATH\nto get it: install Docker: https://docs.docker.com/get-docker/; without \
                 --builder nothing like it is needed\n";
    assert_eq!(folder.refused(&["deploy", "--yes", "--builder", "docker"]), (Some(4), words.into()));
}

#[test]
fn an_interrupted_docker_leaves_no_login() {
    let folder = project("google-docker-interrupted", &registry(), SERVICE, "");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    docker(&folder, "kill -INT $PPID; exec sleep 60");
    let (code, words) = folder.refused(&["deploy", "--yes", "--builder", "docker"]);
    assert!(code == Some(130) && words.contains("interrupted during `docker --config "), "{words}");
    let told = fs::read_to_string(folder.0.join("settings")).expect("was told");
    assert!(told.contains("credHelpers") && !told.contains("ada"), "{told}");
    assert!(!folder.0.join(".pmcp/build/docker").exists());
    let calls = fs::read_to_string(folder.0.join("calls")).expect("was called");
    assert!(!calls.contains("replace"), "{calls}");
}

#[test]
fn cloud_build_makes_an_image() {
    let address = registry();
    let folder = project("google-cloud-build", &address, SERVICE, "");
    folder.printed(&["deploy", "--yes", "--builder", "cloud-build"]);
    assert_eq!(deployed(&folder), format!("{address}/p/crm/server@{DIGEST}"));
    let calls = fs::read_to_string(folder.0.join("calls")).expect("was called");
    let submit = "builds submit . --config deploy/google-cloud-run/cloudbuild.yaml --ignore-file .pmcp/build/gcloudignore \
                  --substitutions _IMAGE=";
    assert!(calls.contains(&format!("{submit}{address}/p/crm/server:")), "{calls}");
    assert!(calls.contains(",_PACKAGE=crm-cloudrun --region us-central1 --project ada-project"), "{calls}");
    fs::remove_file(folder.0.join("deploy/google-cloud-run/cloudbuild.yaml")).expect("is removed");
    let words = "error: deploy/google-cloud-run/cloudbuild.yaml is not there\nwrite it with `cargo pmcp deploy init`, or leave out \
                 --builder\n";
    assert_eq!(folder.refused(&["deploy", "--yes", "--builder", "cloud-build"]), (Some(5), words.into()));
}

#[test]
fn a_build_that_is_interrupted_may_go_on_by_itself() {
    let more = "*'builds submit'*) kill -INT $PPID; exec sleep 60 ;;\n";
    let folder = project("google-cloud-build-interrupted", "127.0.0.1:9", SERVICE, more);
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    let (code, words) = folder.refused(&["deploy", "--yes", "--builder", "cloud-build"]);
    let ending = "\nnothing was deployed, but Cloud Build may go on by itself: see `gcloud builds list --ongoing --region \
                  us-central1 --project ada-project`; run `cargo pmcp deploy` again\n";
    assert!(code == Some(130) && words.ends_with(ending), "{words}");
}

#[test]
fn what_cloud_build_lacks_is_told() {
    // A build may say anything, of which nothing is about Google Cloud.
    let log = "error: failed to get `serde`: Connection refused";
    for (said, code, words) in [
        (
            "ERROR: (gcloud.builds.submit) build 1 completed with status \"FAILURE\"",
            1,
            "completed with status \"FAILURE\"\nmend what Cloud Build says above; nothing was deployed\n",
        ),
        (
            "ERROR: (gcloud.builds.submit) The user is forbidden from accessing the bucket [ada-project_cloudbuild].",
            1,
            "\nsee that `project` under [gcp] in .pmcp/deploy.toml is the one that you mean, and ask whoever looks after it for \
             this permission\n",
        ),
        (
            "API [cloudbuild.googleapis.com] not enabled on project [ada-project].",
            4,
            "\nerror: the API cloudbuild.googleapis.com is not enabled in ada-project\nenable what deploying needs: `gcloud \
             services enable run.googleapis.com artifactregistry.googleapis.com secretmanager.googleapis.com \
             logging.googleapis.com cloudbuild.googleapis.com --project ada-project`\n",
        ),
    ] {
        let log = if said.starts_with("ERROR") { log } else { "" };
        let more = format!("*'builds submit'*) echo '{log}' >&2; echo '{said}' >&2; exit 1 ;;\n");
        let folder = project("google-cloud-build-fails", "127.0.0.1:9", SERVICE, &more);
        let (found, all) = folder.refused(&["deploy", "--yes", "--builder", "cloud-build"]);
        assert!(found == Some(code) && all.ends_with(words) && all.contains(&format!("{log}\n{said}\n")), "{all}");
    }
}

#[test]
fn a_login_goes_to_the_registry_alone() {
    let header = "401 Unauthorized\nwww-authenticate: Bearer realm=\"https://127.0.0.1:9/token\",service=\"registry\"";
    let address = answers::start(move |_, _| (header, String::new()));
    let address = address.trim_start_matches("http://");
    let folder = project("google-realm", address, SERVICE, "");
    let (code, words) = folder.refused(&["deploy", "--yes", "--builder", "cloud-build"]);
    let ending = format!(
        "error: the registry {address} wants the login sent to https://127.0.0.1:9/token, which is not its own\nsee that `region` under [gcp] in \
         .pmcp/deploy.toml is a region of Google Cloud\n"
    );
    assert!(code == Some(1) && words.ends_with(&ending), "{words}");
}

#[test]
fn a_dry_run_calls_no_compiler() {
    let folder = project("google-dry-compiler", "127.0.0.1:9", SERVICE, "");
    let cargo = |more: &str| {
        let package = format!(
            r#"{{"name":"crm-cloudrun","dependencies":[{{"name":"pmcp-cloudrun"}},{{"name":"shared"{more}}}]}}"#
        );
        // Without that, cargo asks the compiler which one it is, or the program that .cargo/config.toml puts in its place.
        let compiles = "case \"$*\" in *--no-deps*) ;; *) echo >> compiled ;; esac";
        folder.program(
            "cargo",
            &format!("{compiles}\necho '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"),
        );
    };
    let dry_run = ["deploy", "--dry-run", "--builder", "cloud-build"];
    cargo("");
    folder.printed(&dry_run);
    assert!(!folder.0.join("compiled").exists());
    cargo(r#","path":"/elsewhere/shared""#);
    let words = "error: the server is made of /elsewhere/shared too, which no container build of this folder sees\ndepend on it by \
                 `git` instead of `path`, or leave out --builder\n";
    assert_eq!(folder.refused(&dry_run), (Some(5), words.into()));
}
