//! Google Cloud Run: exact words and exit codes, with a gcloud that says what the test wants.

mod deployments;
mod failures;
mod halfway;
pub(super) mod images;

use super::{Folder, assert_snapshot};

const CONFIG: &str =
    "[target]\ntarget_type = \"google-cloud-run\"\n[server]\nname = \"crm\"\n[gcp]\nproject = \"ada-project\"\n";

/// A service as Cloud Run tells of it, that deploying has made.
pub(super) const SERVICE: &str = r#"{"metadata":{"name":"crm","labels":{"pmcp-server":"crm"}},"spec":{"template":{"spec":{"containers":[{"image":"i@sha256:1"}]}}},
"status":{"url":"https://u","latestCreatedRevisionName":"crm-1","conditions":[{"type":"Ready","status":"True"}],"traffic":[{"revisionName":"crm-1","percent":100}]}}"#;

const NO_SERVICE: &str = "echo 'ERROR: (gcloud.run.services.describe) Cannot find service [crm]' >&2; exit 1";

/// The line of the deployment that made the service as it is, if one did.
const DEPLOYMENT: &str = r#"deployment=
if [ -e .pmcp/build/service.json ]; then while read -r line; do
  case "$line" in '"pmcp-deployment"'*) deployment="${line%,}," ;; esac
done < .pmcp/build/service.json; fi"#;

/// A gcloud that knows this service; the further lines are branches of a shell's `case` over its arguments.
fn gcloud(service: &str, more: &str) -> String {
    let service = match service {
        "" => NO_SERVICE.to_owned(),
        service => {
            let service = service.replace("\"labels\":{", "\"labels\":{$deployment");
            format!("{DEPLOYMENT}\ncat <<END\n{service}\nEND\n")
        }
    };
    format!("echo \"$@\" >> calls\ncase \"$*\" in\n{more}\n*'services describe'*) {service} ;;\n*) echo '[]' ;;\nesac")
}

#[test]
fn a_dry_run_says_everything_and_asks_nobody() {
    let folder = Folder::new("google-plan");
    folder.write(
        ".pmcp/deploy.toml",
        &format!(
            "{CONFIG}max_instances = 3\nvpc = {{ connector = \"c\" }}\ncloud_sql = [\"ada-project:us-central1:i\"]\n[environment]\n\
             GREETING = \"Hello\"\n[secrets]\nKEY = {{}}\n"
        ),
    );
    let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    folder.program("cargo-zigbuild", "exit 1");
    folder.program("zig", "exit 1");
    folder.program("gcloud", "echo asked >> calls; exit 1");
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(!plan.contains("Hello"), "values stay out of what is printed: {plan}");
    assert!(!folder.0.join(".pmcp/build").exists() && !folder.0.join("calls").exists());
    // Elsewhere zig builds.
    assert_snapshot("plan-google.txt", &plan.replace("zigbuild", "build").replace("-musl", "-gnu"));
}

#[test]
fn init_asks_gcloud_for_what_it_is_not_told() {
    let folder = Folder::new("google-init");
    folder.write("Cargo.toml", "[workspace]\n");
    let init = ["deploy", "init", "--target", "google-cloud-run", "--name", "crm"];
    let package = r#"{"name":"crm-cloudrun","dependencies":[{"name":"pmcp-cloudrun"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    folder.program("gcloud", "[ \"$*\" = 'config get-value project' ] && echo ada-project");
    let printed = folder.printed(&init);
    let config = std::fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("was written");
    assert_snapshot("init-google.txt", &format!("{printed}\n=== .pmcp/deploy.toml\n{config}"));
    assert_eq!(folder.printed(&["deploy", "init"]), "everything is there already\n");
    for (option, value, words) in [
        (
            "--region",
            "us-east-1",
            "error: `us-east-1` is no region of Google Cloud\nthey look like this: --region europe-west1\n",
        ),
        (
            "--project",
            "My Project",
            "error: `My Project` is no id of a project\nthey look like this: --project my-project-123456\n",
        ),
        ("--account", "x", "error: Google Cloud Run knows no --account\nleave out --account\n"),
    ] {
        let refused = folder.refused(&[&init[..], &[option, value]].concat());
        assert_eq!(refused, (Some(2), words.to_owned()));
    }
}

#[test]
fn a_value_goes_to_standard_input_and_nowhere_else() {
    let folder = Folder::new("google-secrets");
    folder.write(".pmcp/deploy.toml", CONFIG);
    let absent = "*'secrets describe'*) echo 'ERROR: NOT_FOUND: Secret [crm-KEY] not found.' >&2; exit 1 ;;";
    let branches = format!("{absent}\n*'secrets create'*) cat > told ;;\n*'versions add'*) cat >> told ;;");
    folder.program("gcloud", &gcloud("", &branches));
    folder.program("cat", "while IFS= read -r line; do printf '%s\\n' \"$line\"; done; printf '%s|' \"$line\"");
    let set = |key: &str| {
        let mut command = folder.command(&["deploy", "secrets", "set", key, "--from-env", "FROM_HERE"]);
        command.env("FROM_HERE", "s3cret\r\n\"quoted\"").output().expect("starts")
    };
    let output = set("KEY");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.0.join(name)).expect("was written");
    assert_eq!(read("told"), "s3cret\r\n\"quoted\"|");
    let call = "secrets create crm-KEY --replication-policy automatic --labels pmcp-server=crm --data-file - --project ada-project";
    assert!(read("calls").contains(call) && !read("calls").contains("s3cret"), "{}", read("calls"));

    folder.program("gcloud", &gcloud("", "*'secrets describe'*) echo '{\"name\":\"crm-KEY\"}' ;;"));
    let output = set("KEY");
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: Secret Manager has an entry crm-KEY that cargo pmcp did not make\nname it: `KEY = { entry = \"crm-KEY\" }` \
         under [secrets] in .pmcp/deploy.toml\n"
    );
    folder.write(".pmcp/deploy.toml", &format!("{CONFIG}[secrets]\nKEY = {{ entry = \"mine\" }}\n"));
    let words = String::from_utf8(set("KEY").stderr).expect("UTF-8");
    assert!(
        words.starts_with("error: KEY is an entry of yours, which .pmcp/deploy.toml names by its name\n"),
        "{words}"
    );
}
