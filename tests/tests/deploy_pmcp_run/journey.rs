//! A project's whole life on pmcp.run, from `new` to `logout`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use pmcp_tests::{Authority, PmcpRun, Project, Trouble, assert_all_done, interrupt, tool};
use serde_json::json;

use super::authorization_server::AuthorizationServer;
use super::start;

const TEST: &str = "from_an_empty_folder_to_pmcp_run_and_back";
const SECRET: &str = "Moin, \"dear\"";

#[test]
fn from_an_empty_folder_to_pmcp_run_and_back() {
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let Some(server) = AuthorizationServer::start(TEST, 3600) else { return };
    let (service, mut project) = start("pmcp-run", Authority::Server(server.issuer.clone()));
    project.new_project("greeter", &["pmcp-run"]);
    project.pmcp(&["deploy", "init", "--target", "pmcp-run"]);
    let processor = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    project.configure(&format!("[pmcp_run]\narchitecture = \"{processor}\"\n[environment]\nMOOD = \"good\"\n"));
    project.edit(".pmcp/deploy.toml", "\n[pmcp_run]\n# url", "\n# url");
    let config = fs::read_to_string(project.folder.join(".pmcp/deploy.toml")).expect("a config");

    // Before anybody is logged in nothing is built.
    let words = "error: not logged in to pmcp.run\nlog in: `cargo pmcp deploy login`\n";
    assert_eq!(project.refused(&["deploy"]), (Some(4), words.into()));
    log_in(&project, &server);
    project.pmcp(&["deploy", "doctor"]);
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    secrets_come_first(&project);

    // The first deployment, and the same source once more. An answer that is lost is asked for again, and nothing is made twice.
    service.trouble("deploy", Trouble::Lost);
    service.trouble("storeArtifact", Trouble::Problem(503, "internal", "one moment"));
    // Nor is it given up while nobody can ask how it goes on.
    for _ in 0..3 {
        service.trouble("describeDeployment", Trouble::Broken(500));
    }
    let outputs = project.pmcp(&["deploy"]);
    assert_eq!((service.count("deploy"), service.count("describeDeployment")), (2, 4));
    assert_eq!(
        (&outputs["Server"], &outputs["Account"], &outputs["Version"]),
        (&json!("greeter"), &json!("acme"), &json!("1"))
    );
    assert_eq!(project.pmcp(&["deploy", "outputs"]), outputs);
    let zip = project.folder.join(".pmcp/build/greeter.zip");
    let first = fs::read(&zip).expect("a zip");
    let sent = service.count("storeArtifact");
    project.pmcp(&["deploy"]);
    assert!(fs::read(&zip).expect("a zip") == first, "the same source must give the same bytes");
    assert_eq!(service.count("storeArtifact"), sent, "what is there is not sent again");
    assert_eq!(project.pmcp(&["deploy", "status"])["versions"], json!(["1"]));
    assert_eq!(service.archives(), [first]);

    what_was_uploaded_answers(&project, &server, &clients, outputs["Url"].as_str().expect("a URL"));
    what_it_logs_is_printed(&project);
    a_change_is_a_version(&service, &project);
    secrets_go_last(&project);

    // Another name is another server, and not made by accident; one that is taken is not to be had.
    project.edit(".pmcp/deploy.toml", "\"greeter\"", "\"welcomer\"");
    let (code, words) = project.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("add --beside to have both"), "{code:?} {words}");
    service.take("welcomer");
    project.edit(".pmcp/deploy.toml", "GREETING = {}", "");
    let words =
        "error: the name welcomer is taken on pmcp.run\nchoose another `name` under [server] in .pmcp/deploy.toml\n";
    assert_eq!(project.refused(&["deploy", "--beside"]), (Some(5), words.into()));
    project.write(".pmcp/deploy.toml", &config);

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = project.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    // An answer that is lost is asked for again, and what is gone was to go.
    service.trouble("removeServer", Trouble::Lost);
    project.pmcp(&["deploy", "destroy", "--yes"]);
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    assert_eq!(service.inventory(), ["logs greeter", "secret greeter/GREETING"]);
    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert!(service.inventory().is_empty(), "left behind: {:?}", service.inventory());
    assert!(project.folder.join(".pmcp/deploy.toml").exists() && !zip.exists());
    assert_eq!(project.pmcp(&["deploy", "logout"])["was_logged_in"], json!(true));

    service.assert_kept();
    assert_eq!(service.never_asked(), [""; 0], "operations of the OpenAPI file that nothing here needs");
    assert_all_done("pmcp-run", |command| project.has_done(command));
}

fn log_in(project: &Project, server: &AuthorizationServer) {
    let mut command = project.tool(&["--json", "deploy", "login"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let url = lines.find_map(|line| line.strip_prefix("or go to ").map(str::to_owned)).expect("a URL");
    server.visit(&url, true);
    assert!(child.wait().expect("ends").success());
    assert_eq!(project.pmcp(&["deploy", "login", "--status"])["account"], "acme");
}

/// A server that asks for a secret is not deployed before there is one.
fn secrets_come_first(project: &Project) {
    project.configure("\n[secrets]\nGREETING = {}\n");
    project.edit(
        "server/src/lib.rs",
        "format!(\"Hello, {name}!\")",
        "format!(\"Hello, {name}! {}\", [\"GREETING\", \"MOOD\"].map(|key| std::env::var(key).unwrap_or_default()).join(\" \"))",
    );
    let words = "error: .pmcp/deploy.toml names secrets that have no value yet: GREETING\nstore each: `cargo pmcp deploy secrets \
                 set GREETING`\n";
    assert_eq!(project.refused(&["deploy"]), (Some(5), words.into()));
    project.told(&["deploy", "secrets", "set", "GREETING"], "wrong\n");
    project.told(&["deploy", "secrets", "set", "GREETING"], &format!("{SECRET}\n"));
    project.told(&["deploy", "secrets", "set", "UNUSED"], "x");
    let list = project.pmcp(&["deploy", "secrets", "list"]);
    assert_eq!((&list[0]["key"], &list[0]["given"]), (&json!("GREETING"), &json!(true)));
    assert_eq!((&list[1]["key"], &list[1]["given"]), (&json!("UNUSED"), &json!(false)));
    assert!(!list.to_string().contains("Moin"), "{list}");
}

/// What is not read can be deleted; what is read cannot.
fn secrets_go_last(project: &Project) {
    let words = "error: the live version of greeter reads GREETING whenever an instance starts\ntake it out of [secrets] in \
                 .pmcp/deploy.toml and run `cargo pmcp deploy` first\n";
    assert_eq!(project.refused(&["deploy", "secrets", "delete", "GREETING"]), (Some(5), words.into()));
    project.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
    assert_eq!(project.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(1));
}

/// A real client calls it, and it finds what it was given.
fn what_was_uploaded_answers(project: &Project, server: &AuthorizationServer, clients: &Path, url: &str) {
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada"];
    let called = project.run(&server.node, &[&[&inspector as &str, "--cli", url][..], &call].concat());
    assert!(called.is_success() && called.stdout.contains("Hello, Ada! Moin, \\\"dear\\\" good"), "{called}");
    let report = project.pmcp(&["deploy", "test"]);
    assert_eq!(
        (&report["passed"], &report["steps"][5]["step"]),
        (&json!(true), &json!("tools/call greet")),
        "{report}"
    );
}

/// What the server says is printed once, and as it comes.
fn what_it_logs_is_printed(project: &Project) {
    let all = project.pmcp(&["deploy", "logs"]);
    let lines: Vec<&str> = all.as_array().expect("lines").iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(!lines.is_empty() && !all.to_string().contains("Moin"), "{all}");
    assert_eq!(project.pmcp(&["deploy", "logs", "--filter", "nothing has this in it"]), json!([]));
    let word = lines[0].split_whitespace().next().expect("a word");
    assert!(!project.pmcp(&["deploy", "logs", "--filter", word]).as_array().expect("lines").is_empty());

    let mut child = project
        .tool(&["deploy", "logs", "--tail"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut printed = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_line(&mut printed).expect("a line");
    assert!(printed.trim_end().ends_with(&format!("Z {}", lines[0].trim_end())), "{printed}");
    assert!(interrupt(&mut child).success());
}

/// What was live before can be again, and the next deployment goes forward; one that fails changes nothing.
fn a_change_is_a_version(service: &PmcpRun, project: &Project) {
    let live = || {
        let status = project.pmcp(&["deploy", "status"]);
        (status["live_version"].clone(), status["versions"].clone())
    };
    project.edit("server/src/lib.rs", "Hello, ", "Good day, ");
    service.fail_next("the executable ended before it listened");
    let words = "error: pmcp.run refused: the executable ended before it listened (status 422)\nthe deployment of greeter \
                 failed, and version 1 answers as before\nsee `cargo pmcp deploy logs --since 5m`, mend what it says, and \
                 deploy again\n";
    assert_eq!(project.refused(&["deploy"]), (Some(1), words.into()));
    assert_eq!(live(), (json!("1"), json!(["1"])));
    service.trouble("deploy", Trouble::Problem(409, "under-way", "another deployment is under way"));
    let words = "error: another change of greeter is under way\nwait until `cargo pmcp deploy status` says live, and run this \
                 again\n";
    assert_eq!(project.refused(&["deploy"]), (Some(5), words.into()));

    project.pmcp(&["deploy"]);
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    project.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(live().0, "2");
    project.pmcp(&["deploy", "rollback"]);
    assert_eq!(live().0, "1");
    project.pmcp(&["deploy"]);
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    // A value that changed makes a version without a change of the source; more of them than are on a page.
    for value in ["Servus", "Grüezi", SECRET] {
        project.told(&["deploy", "secrets", "set", "GREETING"], value);
        project.pmcp(&["deploy"]);
    }
    assert_eq!(live(), (json!("5"), json!(["1", "2", "3", "4", "5"])));
    project.pmcp(&["deploy", "rollback", "2"]);
    assert_eq!(live().0, "2");
}
