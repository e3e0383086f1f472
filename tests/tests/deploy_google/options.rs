//! A server that was made for AWS Lambda, with every option that Cloud Run has, and what it logs while somebody looks.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use pmcp_tests::{GoogleCloud, Project, interrupt};
use serde_json::json;

use super::start;

#[test]
fn every_option_is_deployed_and_removed() {
    const TEST: &str = "every_option_is_deployed_and_removed";
    let Some((mut cloud, mut project)) = start(TEST, "google-options") else { return };
    // A project that was made for another platform.
    project.new_project("teller", &["aws-lambda"]);
    project.pmcp(&["deploy", "init", "--target", "aws-lambda"]);
    let place = ["--project", "ada-project", "--region", "europe-west1"];
    let moved = project.pmcp(&[&["deploy", "init", "--target", "google-cloud-run"][..], &place].concat());
    assert!(moved["written"].to_string().contains("google-cloud-run/src/main.rs"), "{moved}");
    // Its section is the last.
    project.configure(
        "service_account = \"teller@ada-project.iam.gserviceaccount.com\"\ncpu = 2\n\
         memory_mb = 1024\nconcurrency = 10\nmin_instances = 1\nmax_instances = 5\ntimeout_seconds = 3600\n\
         ingress = \"internal-and-cloud-load-balancing\"\nauthentication = \"iam\"\ncpu_always = true\n\
         cloud_sql = [\"ada-project:europe-west1:one\", \"example.com:ada-project:europe-west1:two\"]\n\
         vpc = { network = \"default\", subnet = \"default\", tags = [\"teller\"], egress = \"all-traffic\" }\n",
    );
    let list = "a, b = \"c\" ä\u{2028}\u{7f}\u{85}\u{feff} x\n'y': #z\t\\";
    project.configure(&format!(
        "\n[environment]\nLIST = {}\n[secrets]\nKEY = {{}}\nCERT = {{ file = \"/keys/cert.pem\" }}\n",
        json!(list).to_string().replace('\u{7f}', "\\u007f")
    ));
    for key in ["KEY", "CERT"] {
        project.told(&["deploy", "secrets", "set", key], "s3cret\r\nand more\n");
    }
    assert_eq!(cloud.command("secret teller-CERT"), json!(["s3cret\r\nand more"]));
    project.pmcp(&["deploy"]);
    let service = cloud.command("service teller");
    let revision = &service["spec"]["template"]["spec"];
    let variable = |name: &str| {
        let all = revision["containers"][0]["env"].as_array().expect("variables");
        all.iter().find(|variable| variable["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(variable("LIST")["value"], list, "any character is kept");
    // The adapter is told of the time that Cloud Run gives a request.
    assert_eq!(variable("PMCP_TIME_LIMIT_MS")["value"], "3600000");
    assert_eq!(variable("KEY")["valueFrom"]["secretKeyRef"], json!({ "name": "teller-KEY", "key": "1" }));
    assert_eq!(revision["volumes"][0]["secret"]["secretName"], "teller-CERT");
    assert_eq!(service["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"], "false");
    let annotations = &service["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["run.googleapis.com/vpc-access-egress"], "all-traffic");
    what_comes_is_shown(&mut cloud, &project);

    // What a container build cannot see is found before one begins.
    let (code, words) = project.refused(&["deploy", "--builder", "cloud-build"]);
    let ending = "which no container build of this folder sees\ndepend on it by `git` instead of `path`, or leave out --builder\n";
    assert!(code == Some(5) && words.ends_with(ending), "{code:?} {words}");

    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(cloud.inventory(), [], "left behind");
}

/// `logs --tail` shows a line that is logged after it began, until it is ended.
fn what_comes_is_shown(cloud: &mut GoogleCloud, project: &Project) {
    let mut command = project.tool(&["deploy", "logs", "--tail", "--since", "1m"]);
    let mut tail = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(tail.stdout.take().expect("a pipe"));
    std::thread::sleep(Duration::from_secs(2));
    cloud.command("log teller {\"message\":\"told in time\"}");
    let mut line = String::new();
    assert!(lines.read_line(&mut line).expect("text") > 0, "it ended");
    assert!(line.starts_with("20") && line.ends_with("Z told in time\n"), "{line}");
    interrupt(&mut tail);
}
