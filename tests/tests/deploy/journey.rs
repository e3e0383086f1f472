//! A project's whole life, from `new` to `destroy --clean`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pmcp_tests::{Emulator, tool};
use serde_json::json;

use super::place::{ACCOUNT, Place};

const TEST: &str = "from_an_empty_folder_to_lambda_and_back";
const SECRET: &str = "Moin, \"dear\"";

#[test]
fn from_an_empty_folder_to_lambda_and_back() {
    let Some(emulator) = tool(TEST, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let Some(mut place) = Place::start(TEST, "deploy") else { return };

    // A project that tests green as it stands.
    place.new_project("greeter");
    let tested = place.run(env!("CARGO"), &["test", "--release"]);
    assert!(tested.is_success() && tested.stdout.contains("it_greets ... ok"), "{tested}");
    place.init();
    assert_eq!(place.pmcp(&["deploy", "init"])["written"], json!([]));

    // Before the account is ready nothing is built or made, and the message has the line that mends it.
    let (code, words) = place.refused(&["deploy"]);
    let line = format!("do it once: npx aws-cdk@2 bootstrap aws://{ACCOUNT}/us-east-1");
    assert!(code == Some(4) && words.contains(&line) && !words.contains("Compiling"), "{code:?} {words}");
    place.bootstrap();
    let before = place.inventory();
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    place.pmcp(&["deploy", "doctor"]);
    assert_eq!(place.pmcp(&["deploy", "login"])["account"], ACCOUNT);
    secrets_come_first(&place);

    // The first deployment, and the same source once more.
    let outputs = place.pmcp(&["deploy"]);
    let url = outputs["Url"].as_str().unwrap_or_default();
    assert!(url.starts_with("https://") && url.ends_with("/mcp"), "{outputs}");
    assert_eq!(outputs["FunctionName"], "greeter");
    assert_eq!(place.pmcp(&["deploy", "outputs"]), outputs);
    let between = place.inventory();
    let made: BTreeSet<&str> = between.difference(&before).map(|(kind, _)| kind as &str).collect();
    let kinds = ["alias", "function", "log group", "object", "role", "role policy", "secret", "stack", "version"];
    assert_eq!(made, BTreeSet::from(kinds));
    assert!(before.is_subset(&between), "what was there is there");
    let zip = place.folder.join(".pmcp/build/greeter.zip");
    let first = fs::read(&zip).expect("a zip");
    place.pmcp(&["deploy"]);
    assert!(fs::read(&zip).expect("a zip") == first, "the same source must give the same bytes");
    assert_eq!(place.pmcp(&["deploy", "status"])["versions"], json!(["1"]));

    what_was_uploaded_answers(&place, &emulator, &clients);
    what_it_logs_is_printed(&place, outputs["LogGroup"].as_str().expect("a log group"));

    // A change is a new version; what was live before can be again, and the next deployment goes forward.
    place.edit("server/src/lib.rs", "Hello, ", "Good day, ");
    place.pmcp(&["deploy"]);
    let live = || {
        let status = place.pmcp(&["deploy", "status"]);
        (status["live_version"].clone(), status["versions"].clone())
    };
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    place.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(live().0, "2");
    place.pmcp(&["deploy", "rollback"]);
    assert_eq!(live().0, "1");
    place.pmcp(&["deploy"]);
    assert_eq!(live().0, "2");
    secrets_go_last(&place);

    // Another name is another server, and not made by accident.
    let config = place.folder.join(".pmcp/deploy.toml");
    let text = fs::read_to_string(&config).expect("a config");
    place.edit(".pmcp/deploy.toml", "\"greeter\"", "\"welcomer\"");
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("add --beside to have both"), "{code:?} {words}");
    fs::write(&config, text).expect("writes");

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = place.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    place.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    let left: Vec<_> = place.inventory().difference(&before).cloned().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(before.is_subset(&place.inventory()), "nothing else was removed");
    assert!(!place.folder.join("deploy").exists() && config.exists());
    assert!(place.cdk().join("node_modules/aws-cdk").exists(), "a link is removed, not what it leads to");

    the_table_is_true(&place);
}

/// A server that asks for a secret is not deployed before there is one.
fn secrets_come_first(place: &Place) {
    place.configure("\n[secrets]\nGREETING = {}\n");
    place.edit(
        "server/src/lib.rs",
        "format!(\"Hello, {name}!\")",
        "format!(\"Hello, {name}! {}\", std::env::var(\"GREETING\").unwrap_or_default())",
    );
    // Where most people read it: while the server is made.
    place.edit(
        "server/src/lib.rs",
        "    Greeter\n",
        "    std::env::var(\"GREETING\").expect(\"GREETING is set\");\n    Greeter\n",
    );
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("has [secrets], and greeter-lambda could not read them"), "{words}");
    let line = "pmcp-lambda = { workspace = true, features = [\"secrets\"] }";
    assert!(words.contains(&format!("write `{line}` under [dependencies] in ")), "{words}");
    place.edit("aws-lambda/Cargo.toml", "pmcp-lambda.workspace = true", line);
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("names secrets that have no value yet: GREETING\nstore each"), "{words}");
    place.told(&["deploy", "secrets", "set", "GREETING"], "wrong\n");
    place.told(&["deploy", "secrets", "set", "GREETING"], &format!("{SECRET}\n"));
    place.told(&["deploy", "secrets", "set", "UNUSED"], "x");
    let list = place.pmcp(&["deploy", "secrets", "list"]);
    assert_eq!((&list[0]["key"], &list[0]["given"]), (&json!("GREETING"), &json!(true)));
    assert_eq!((&list[1]["key"], &list[1]["given"]), (&json!("UNUSED"), &json!(false)));
}

/// What is not read can be deleted, and stored again; what is read cannot.
fn secrets_go_last(place: &Place) {
    let (code, words) = place.refused(&["deploy", "secrets", "delete", "GREETING"]);
    assert!(code == Some(5) && words.contains("the live version of greeter reads GREETING"), "{words}");
    place.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
    assert_eq!(place.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(1));
    place.told(&["deploy", "secrets", "set", "UNUSED"], "y");
    assert_eq!(place.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(2));
    place.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
}

/// What was uploaded is a function that a real client can call, and that finds its secrets; nobody else does.
fn what_was_uploaded_answers(place: &Place, emulator: &Path, clients: &Path) {
    let bootstrap = place.uploaded();
    let mut environment = place.environment();
    let template = place.aws(&["cloudformation", "get-template", "--stack-name", "greeter", "--output", "json"]);
    assert!(!template.contains("Moin") && !format!("{environment:?}").contains("Moin"));
    environment.extend([
        // What Lambda sets, and what leads to this account.
        ("AWS_ACCESS_KEY_ID".into(), "test".into()),
        ("AWS_SECRET_ACCESS_KEY".into(), "test".into()),
        ("AWS_ENDPOINT_URL".into(), place.endpoint()),
    ]);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name as &str, value as &str)).collect();
    let function = Emulator::start_executable(emulator, "greeter", &bootstrap, &environment);
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let url = function.url();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada"];
    let called = place.run(place.node(), &[&[&inspector as &str, "--cli", &url][..], &call].concat());
    assert!(called.is_success() && called.stdout.contains("Hello, Ada! Moin, \\\"dear\\\""), "{called}");
    assert!(!function.log().contains("Moin"), "{}", function.log());

    let report = place.pmcp(&["deploy", "test", "--url", &url]);
    let step = |index: usize| (report["steps"][index]["step"].clone(), report["steps"][index]["outcome"].clone());
    assert_eq!(step(0), (json!("server/discover"), json!("ok")));
    assert_eq!(step(1), (json!("tools/list"), json!("ok")));
    assert_eq!(step(4), (json!("tools/call greet"), json!("ok")));
    assert!(report["steps"][4]["milliseconds"].as_f64().is_some_and(|time| time > 0.0), "{report}");
    // moto tells a URL that leads nowhere.
    let (code, words) = place.refused(&["deploy", "test"]);
    assert!(code == Some(1) && words.contains("failed the test at server/discover"), "{words}");
}

fn what_it_logs_is_printed(place: &Place, group: &str) {
    place.log(group, "greeted");
    assert_eq!(place.pmcp(&["deploy", "logs"])[0]["message"], "greeted");
    assert_eq!(place.pmcp(&["deploy", "logs", "--filter", "nothing"]), json!([]));
}

/// COMMANDS.md says that everything works on AWS Lambda: all of it was run above.
fn the_table_is_true(place: &Place) {
    let table = include_str!("../../../cargo-pmcp/COMMANDS.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `cargo pmcp "));
    let mut count = 0;
    for row in rows {
        let (command, cells) = row.split_once("` | ").expect("a command");
        // Of `dev`, dev.rs is the proof, and of completions the tests of cargo-pmcp.
        if cells.starts_with("works") && !["dev", "completions"].contains(&command) {
            assert!(place.has_done(command), "COMMANDS.md says that `{command}` works, and it was not run");
            count += 1;
        }
    }
    assert!(count >= 14, "only {count} commands in COMMANDS.md");
}
