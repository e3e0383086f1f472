//! A project's whole life, from `new` to `destroy --clean`.

use std::collections::BTreeSet;
use std::path::Path;

use pmcp_tests::{Container, GoogleCloud, Project, assert_all_done, tool};
use serde_json::{Value, json};

use super::start;

const TEST: &str = "from_an_empty_folder_to_cloud_run_and_back";
const SECRET: &str = "Moin, \"dear\" ä";

/// More than a server needs that does little: its image, as it is sent and kept.
const LARGEST: u64 = 6_000_000;

#[test]
fn from_an_empty_folder_to_cloud_run_and_back() {
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let Some(node) = tool(TEST, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(skopeo) = tool(TEST, "PMCP_SKOPEO", "needs skopeo") else { return };
    let Some((mut cloud, mut project)) = start(TEST, "google") else { return };
    project.new_project("greeter", &["google-cloud-run"]);
    let init =
        ["deploy", "init", "--target", "google-cloud-run", "--project", "ada-project", "--region", "europe-west1"];
    project.pmcp(&init);
    assert_eq!(project.pmcp(&["deploy", "init"])["written"], json!([]));

    // Before the project is ready nothing is built or made, and the message has the line that mends it.
    cloud.command("disable artifactregistry");
    let (code, words) = project.refused_when_told(&["deploy"], "");
    let line = "the API artifactregistry.googleapis.com is not enabled in ada-project\nenable what deploying needs: \
                `gcloud services enable run.googleapis.com ";
    assert!(code == Some(4) && words.contains(line) && !words.contains("Compiling"), "{code:?} {words}");
    let (code, _) = project.refused(&["deploy", "doctor"]);
    assert_eq!(code, Some(4));
    cloud.command("enable artifactregistry");
    let before = cloud.inventory();
    assert_eq!(before, []);
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    project.pmcp(&["deploy", "doctor"]);
    assert_eq!(project.pmcp(&["deploy", "login"])["account"], "ada-project");
    secrets_come_first(&mut cloud, &project);

    // The first deployment, and the same source once more.
    let outputs = project.pmcp(&["deploy"]);
    assert_eq!(outputs["Url"], "https://greeter-123456789012.europe-west1.run.app/mcp");
    assert_eq!(project.pmcp(&["deploy", "outputs"]), outputs);
    let kinds: BTreeSet<String> = cloud.inventory().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["image", "repository", "revision", "secret", "service"].map(str::to_owned).into());
    assert_eq!(project.pmcp(&["deploy"])["Image"], outputs["Image"], "the same source must give the same image");
    assert_eq!(versions(&project), (json!(1), json!(1)));

    let image = outputs["Image"].as_str().expect("an image");
    assert!(image.contains("/ada-project/greeter/server@sha256:"), "{image}");
    what_was_sent_answers(&mut cloud, &project, image, [&skopeo, &node, &clients]);

    // A change is a new version; what was live before can be again, and the next deployment goes forward.
    project.edit("server/src/lib.rs", "Hello, ", "Good day, ");
    project.pmcp(&["deploy"]);
    assert_eq!(versions(&project), (json!(2), json!(2)));
    project.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(versions(&project), (json!(2), json!(2)));
    project.pmcp(&["deploy", "rollback"]);
    assert_eq!(versions(&project), (json!(1), json!(2)));
    project.pmcp(&["deploy"]);
    assert_eq!(versions(&project), (json!(2), json!(2)));

    // What never listens never answers, and the version before goes on.
    project.configure("\n[environment]\nNEVER_READY = \"1\"\n");
    let (code, words) = project.refused(&["deploy"]);
    let ending = "the deployment of greeter failed, and greeter-00002-ccc answers as before\nmend what it says, and deploy \
                  again; `cargo pmcp deploy logs` shows what the server said\n";
    assert!(code == Some(1) && words.ends_with(ending), "{code:?} {words}");
    assert_eq!(versions(&project), (json!(2), json!(2)));
    project.edit(".pmcp/deploy.toml", "NEVER_READY = \"1\"", "");
    secrets_go_last(&project);

    // Another name is another server, and not made by accident.
    project.edit(".pmcp/deploy.toml", "\"greeter\"", "\"welcomer\"");
    let (code, words) = project.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("add --beside to have both"), "{code:?} {words}");
    project.edit(".pmcp/deploy.toml", "\"welcomer\"", "\"greeter\"");

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = project.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    assert_eq!(cloud.inventory(), before, "left behind");
    assert!(!project.folder.join("deploy").exists() && project.folder.join(".pmcp/deploy.toml").exists());

    assert_all_done("google-cloud-run", |command| project.has_done(command));
}

/// The number of the live version, and of all.
fn versions(project: &Project) -> (Value, Value) {
    let status = project.pmcp(&["deploy", "status"]);
    let all: Vec<&Value> = status["versions"].as_array().expect("versions").iter().collect();
    let live = all.iter().position(|version| **version == status["live_version"]).expect("one is live");
    (json!(live + 1), json!(all.len()))
}

/// A server that asks for a secret is not deployed before there is one.
fn secrets_come_first(cloud: &mut GoogleCloud, project: &Project) {
    project.configure("\n[secrets]\nGREETING = {}\n");
    project.edit(
        "server/src/lib.rs",
        "format!(\"Hello, {name}!\")",
        "format!(\"Hello, {name}! {}\", std::env::var(\"GREETING\").unwrap_or_default())",
    );
    let (code, words) = project.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("names secrets that have no value yet: GREETING\nstore each"), "{words}");
    project.told(&["deploy", "secrets", "set", "GREETING"], "wrong\n");
    project.told(&["deploy", "secrets", "set", "GREETING"], &format!("{SECRET}\n"));
    project.told(&["deploy", "secrets", "set", "UNUSED"], "x");
    assert_eq!(cloud.command("secret greeter-GREETING"), json!(["wrong", SECRET]));
    let list = project.pmcp(&["deploy", "secrets", "list"]);
    assert_eq!((&list[0]["key"], &list[0]["given"]), (&json!("GREETING"), &json!(true)));
    assert_eq!((&list[1]["key"], &list[1]["given"]), (&json!("UNUSED"), &json!(false)));
}

/// What is not read can be deleted; what is read cannot.
fn secrets_go_last(project: &Project) {
    let (code, words) = project.refused(&["deploy", "secrets", "delete", "GREETING"]);
    assert!(code == Some(5) && words.contains("the live version of greeter reads GREETING"), "{words}");
    project.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
    assert_eq!(project.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(1));
}

/// What was sent is an image that a real client can call, and that is given its secrets; what it logs is printed.
fn what_was_sent_answers(cloud: &mut GoogleCloud, project: &Project, image: &str, tools: [&Path; 3]) {
    let [skopeo, node, clients] = tools;
    let folder = project.folder.join("../pulled");
    cloud.pull(skopeo, image, &folder);
    let service = cloud.command("service greeter");
    assert!(!service.to_string().contains("Moin"), "{service}");
    let variables = service["spec"]["template"]["spec"]["containers"][0]["env"].as_array().expect("variables").clone();
    let stored = cloud.command("secret greeter-GREETING");
    let value = |variable: &Value| {
        let number = variable["valueFrom"]["secretKeyRef"]["key"].as_str().and_then(|key| key.parse::<usize>().ok());
        let value = number.map_or(&variable["value"], |number| &stored[number - 1]);
        (variable["name"].as_str().expect("a name").to_owned(), value.as_str().expect("a value").to_owned())
    };
    let environment: Vec<(String, String)> = variables.iter().map(value).collect();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let container = Container::start(&folder, &environment);
    assert!(container.size < LARGEST, "{} bytes", container.size);
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let url = container.url();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada"];
    let called = project.run(node, &[&[&inspector as &str, "--cli", &url][..], &call].concat());
    assert!(called.is_success() && called.stdout.contains("Hello, Ada! Moin, \\\"dear\\\" ä"), "{called}");
    let report = project.pmcp(&["deploy", "test", "--url", &url]);
    assert_eq!(report["passed"], json!(true), "{report}");
    // The stub tells a URL that leads nowhere.
    let (code, words) = project.refused(&["deploy", "test", "--timeout", "5"]);
    assert!(code == Some(1) && words.contains("failed the test at server/discover"), "{words}");

    cloud.command("log greeter {\"severity\":\"ERROR\",\"message\":\"greeted\",\"tool\":\"greet\"}");
    assert_eq!(project.pmcp(&["deploy", "logs"])[0]["message"], "ERROR greeted {\"tool\":\"greet\"}");
    assert_eq!(project.pmcp(&["deploy", "logs", "--filter", "severity>=ERROR"]).as_array().map(Vec::len), Some(1));
    assert_eq!(project.pmcp(&["deploy", "logs", "--filter", "\"nothing\""]), json!([]));
}
