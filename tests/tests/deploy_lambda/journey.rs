//! A project's whole life, from `new` to `destroy --clean`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pmcp_tests::{Aws, Emulator, Project, assert_all_done, tool};
use serde_json::json;

use super::{init, start};

const TEST: &str = "from_an_empty_folder_to_lambda_and_back";
const SECRET: &str = "Moin, \"dear\"";

#[test]
fn from_an_empty_folder_to_lambda_and_back() {
    let Some(emulator) = tool(TEST, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let Some((aws, mut project)) = start(TEST, "deploy") else { return };

    // A project that tests green as it stands.
    project.new_project("greeter", &["aws-lambda"]);
    let tested = project.run(env!("CARGO"), &["test", "--release"]);
    assert!(tested.is_success() && tested.stdout.contains("it_greets ... ok"), "{tested}");
    init(&aws, &project);
    assert_eq!(project.pmcp(&["deploy", "init"])["written"], json!([]));

    // Before the account is ready nothing is built or made, and the message has the line that mends it.
    let (code, words) = project.refused_when_told(&["deploy"], "");
    let line = format!("do it once: npx aws-cdk@2 bootstrap aws://{}/us-east-1", Aws::ACCOUNT);
    assert!(code == Some(4) && words.contains(&line) && !words.contains("Compiling"), "{code:?} {words}");
    aws.bootstrap();
    let before = aws.inventory();
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    project.pmcp(&["deploy", "doctor"]);
    assert_eq!(project.pmcp(&["deploy", "login"])["account"], Aws::ACCOUNT);
    secrets_come_first(&project);

    // The first deployment, and the same source once more.
    let outputs = project.pmcp(&["deploy"]);
    let url = outputs["Url"].as_str().unwrap_or_default();
    assert!(url.starts_with("https://") && url.ends_with("/mcp"), "{outputs}");
    assert_eq!(outputs["FunctionName"], "greeter");
    assert_eq!(project.pmcp(&["deploy", "outputs"]), outputs);
    let between = aws.inventory();
    let made: BTreeSet<&str> = between.difference(&before).map(|(kind, _)| kind as &str).collect();
    let kinds = ["alias", "function", "log group", "object", "role", "role policy", "secret", "stack", "version"];
    assert_eq!(made, BTreeSet::from(kinds));
    assert!(before.is_subset(&between), "what was there is there");
    let zip = project.folder.join(".pmcp/build/greeter.zip");
    let first = fs::read(&zip).expect("a zip");
    project.pmcp(&["deploy"]);
    assert!(fs::read(&zip).expect("a zip") == first, "the same source must give the same bytes");
    let status = project.pmcp(&["deploy", "status"]);
    assert_eq!((&status["versions"], &status["url"]), (&json!(["1"]), &outputs["Url"]));
    assert!(status["times"]["1"].is_string(), "{status}");

    what_was_uploaded_answers(&aws, &project, &emulator, &clients);
    what_it_logs_is_printed(&aws, &project, outputs["LogGroup"].as_str().expect("a log group"));

    // A change is a new version; what was live before can be again, and the next deployment goes forward.
    project.edit("server/src/lib.rs", "Hello, ", "Good day, ");
    project.pmcp(&["deploy"]);
    let live = || {
        let status = project.pmcp(&["deploy", "status"]);
        (status["live_version"].clone(), status["versions"].clone())
    };
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    project.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(live().0, "2");
    project.pmcp(&["deploy", "rollback"]);
    assert_eq!(live().0, "1");
    project.pmcp(&["deploy"]);
    assert_eq!(live().0, "2");
    secrets_go_last(&project);

    // Another name is another server, and not made by accident.
    let config = project.folder.join(".pmcp/deploy.toml");
    let text = fs::read_to_string(&config).expect("a config");
    project.edit(".pmcp/deploy.toml", "\"greeter\"", "\"welcomer\"");
    let (code, words) = project.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("add --beside to have both"), "{code:?} {words}");
    fs::write(&config, text).expect("writes");

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = project.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(project.pmcp(&["deploy", "status"])["deployed"], json!(false));
    let left: Vec<_> = aws.inventory().difference(&before).cloned().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(before.is_subset(&aws.inventory()), "nothing else was removed");
    assert!(!project.folder.join("deploy").exists() && config.exists());
    assert!(aws.cdk.join("node_modules/aws-cdk").exists(), "a link is removed, not what it leads to");

    assert_all_done("aws-lambda", |command| project.has_done(command));
}

/// A server that asks for a secret is not deployed before there is one.
fn secrets_come_first(project: &Project) {
    project.configure("\n[secrets]\nGREETING = {}\n");
    project.edit(
        "server/src/lib.rs",
        "format!(\"Hello, {name}!\")",
        "format!(\"Hello, {name}! {}\", std::env::var(\"GREETING\").unwrap_or_default())",
    );
    // Where most people read it: while the server is made.
    project.edit(
        "server/src/lib.rs",
        "    GreeterServer\n",
        "    std::env::var(\"GREETING\").expect(\"GREETING is set\");\n    GreeterServer\n",
    );
    let (code, words) = project.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("has [secrets], and greeter-lambda could not read them"), "{words}");
    let line = "pmcp-lambda = { workspace = true, features = [\"secrets\"] }";
    assert!(words.contains(&format!("write `{line}` under [dependencies] in ")), "{words}");
    project.edit("aws-lambda/Cargo.toml", "pmcp-lambda.workspace = true", line);
    let (code, words) = project.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("names secrets that have no value yet: GREETING\nstore each"), "{words}");
    project.told(&["deploy", "secrets", "set", "GREETING"], "wrong\n");
    project.told(&["deploy", "secrets", "set", "GREETING"], &format!("{SECRET}\n"));
    project.told(&["deploy", "secrets", "set", "UNUSED"], "x");
    let list = project.pmcp(&["deploy", "secrets", "list"]);
    assert_eq!((&list[0]["key"], &list[0]["given"]), (&json!("GREETING"), &json!(true)));
    assert_eq!((&list[1]["key"], &list[1]["given"]), (&json!("UNUSED"), &json!(false)));
}

/// What is not read can be deleted, and stored again; what is read cannot.
fn secrets_go_last(project: &Project) {
    let (code, words) = project.refused(&["deploy", "secrets", "delete", "GREETING"]);
    assert!(code == Some(5) && words.contains("the live version of greeter reads GREETING"), "{words}");
    project.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
    assert_eq!(project.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(1));
    project.told(&["deploy", "secrets", "set", "UNUSED"], "y");
    assert_eq!(project.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(2));
    project.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
}

/// What was uploaded is a function that a real client can call, and that finds its secrets; nobody else does.
fn what_was_uploaded_answers(aws: &Aws, project: &Project, emulator: &Path, clients: &Path) {
    let bootstrap = aws.uploaded("greeter");
    let mut environment = aws.variables("greeter");
    let template = aws.template("greeter").to_string();
    assert!(!template.contains("Moin") && !format!("{environment:?}").contains("Moin"));
    environment.extend([
        // What Lambda sets, and what leads to this account.
        ("AWS_ACCESS_KEY_ID".into(), "test".into()),
        ("AWS_SECRET_ACCESS_KEY".into(), "test".into()),
        ("AWS_ENDPOINT_URL".into(), aws.endpoint()),
    ]);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name as &str, value as &str)).collect();
    let function = Emulator::start_executable(emulator, "greeter", &bootstrap, &environment);
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let url = function.url();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada"];
    let called = project.run(&aws.node, &[&[&inspector as &str, "--cli", &url][..], &call].concat());
    assert!(called.is_success() && called.stdout.contains("Hello, Ada! Moin, \\\"dear\\\""), "{called}");
    assert!(!function.log().contains("Moin"), "{}", function.log());

    let report = project.pmcp(&["deploy", "test", "--url", &url]);
    let step = |index: usize| (report["steps"][index]["step"].clone(), report["steps"][index]["outcome"].clone());
    assert_eq!(step(0), (json!("server/discover"), json!("ok")));
    assert_eq!(step(1), (json!("tools/list"), json!("ok")));
    assert_eq!(step(5), (json!("tools/call greet"), json!("ok")));
    assert!(report["steps"][5]["milliseconds"].as_f64().is_some_and(|time| time > 0.0), "{report}");
    // moto tells a URL that leads nowhere.
    let (code, words) = project.refused(&["deploy", "test"]);
    assert!(code == Some(1) && words.contains("failed the test at server/discover"), "{words}");
}

fn what_it_logs_is_printed(aws: &Aws, project: &Project, group: &str) {
    aws.log(group, "greeted");
    assert_eq!(project.pmcp(&["deploy", "logs"])[0]["message"], "greeted");
    assert_eq!(project.pmcp(&["deploy", "logs", "--filter", "nothing"]), json!([]));
}
