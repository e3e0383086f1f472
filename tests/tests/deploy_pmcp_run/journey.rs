//! A project's whole life on pmcp.run, from `new` to `logout`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Authority, Trouble, tool};
use serde_json::json;

use super::place::{AuthorizationServer, Place};

const TEST: &str = "from_an_empty_folder_to_pmcp_run_and_back";
const SECRET: &str = "Moin, \"dear\"";

#[test]
fn from_an_empty_folder_to_pmcp_run_and_back() {
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let Some(server) = AuthorizationServer::start(TEST, 3600) else { return };
    let mut place = Place::new("pmcp-run", Authority::Server(server.issuer.clone()));
    place.new_project("greeter", &["pmcp-run"]);
    place.pmcp(&["deploy", "init", "--target", "pmcp-run"]);
    let processor = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    place.configure(&format!("[pmcp_run]\narchitecture = \"{processor}\"\n[environment]\nMOOD = \"good\"\n"));
    place.edit(".pmcp/deploy.toml", "\n[pmcp_run]\n# url", "\n# url");
    let config = fs::read_to_string(place.folder.join(".pmcp/deploy.toml")).expect("a config");

    // Before anybody is logged in nothing is built.
    let words = "error: not logged in to pmcp.run\nlog in: `cargo pmcp deploy login`\n";
    assert_eq!(place.refused(&["deploy"]), (Some(4), words.into()));
    log_in(&place, &server);
    place.pmcp(&["deploy", "doctor"]);
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    secrets_come_first(&place);

    // The first deployment, and the same source once more. An answer that is lost is asked for again, and nothing is made twice.
    place.service.trouble("deploy", Trouble::Lost);
    place.service.trouble("storeArtifact", Trouble::Problem(503, "internal", "one moment"));
    // Nor is it given up while nobody can ask how it goes on.
    for _ in 0..3 {
        place.service.trouble("describeDeployment", Trouble::Broken(500));
    }
    let outputs = place.pmcp(&["deploy"]);
    assert_eq!((place.service.count("deploy"), place.service.count("describeDeployment")), (2, 4));
    assert_eq!(
        (&outputs["Server"], &outputs["Account"], &outputs["Version"]),
        (&json!("greeter"), &json!("acme"), &json!("1"))
    );
    assert_eq!(place.pmcp(&["deploy", "outputs"]), outputs);
    let zip = place.folder.join(".pmcp/build/greeter.zip");
    let first = fs::read(&zip).expect("a zip");
    let sent = place.service.count("storeArtifact");
    place.pmcp(&["deploy"]);
    assert!(fs::read(&zip).expect("a zip") == first, "the same source must give the same bytes");
    assert_eq!(place.service.count("storeArtifact"), sent, "what is there is not sent again");
    assert_eq!(place.pmcp(&["deploy", "status"])["versions"], json!(["1"]));
    assert_eq!(place.service.archives(), [first]);

    what_was_uploaded_answers(&place, &server, &clients, outputs["Url"].as_str().expect("a URL"));
    what_it_logs_is_printed(&place);
    a_change_is_a_version(&place);
    secrets_go_last(&place);

    // Another name is another server, and not made by accident; one that is taken is not to be had.
    place.edit(".pmcp/deploy.toml", "\"greeter\"", "\"welcomer\"");
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("add --beside to have both"), "{code:?} {words}");
    place.service.take("welcomer");
    place.edit(".pmcp/deploy.toml", "GREETING = {}", "");
    let words =
        "error: the name welcomer is taken on pmcp.run\nchoose another `name` under [server] in .pmcp/deploy.toml\n";
    assert_eq!(place.refused(&["deploy", "--beside"]), (Some(5), words.into()));
    place.write(".pmcp/deploy.toml", &config);

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = place.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    // An answer that is lost is asked for again, and what is gone was to go.
    place.service.trouble("removeServer", Trouble::Lost);
    place.pmcp(&["deploy", "destroy", "--yes"]);
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    assert_eq!(place.service.inventory(), ["logs greeter", "secret greeter/GREETING"]);
    place.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert!(place.service.inventory().is_empty(), "left behind: {:?}", place.service.inventory());
    assert!(place.folder.join(".pmcp/deploy.toml").exists() && !zip.exists());
    assert_eq!(place.pmcp(&["deploy", "logout"])["was_logged_in"], json!(true));

    place.service.assert_kept();
    assert_eq!(place.service.never_asked(), [""; 0], "operations of the OpenAPI file that nothing here needs");
    the_table_is_true(&place);
}

fn log_in(place: &Place, server: &AuthorizationServer) {
    let mut command = place.tool(&["--json", "deploy", "login"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let url = lines.find_map(|line| line.strip_prefix("or go to ").map(str::to_owned)).expect("a URL");
    server.visit(&url, true);
    assert!(child.wait().expect("ends").success());
    assert_eq!(place.pmcp(&["deploy", "login", "--status"])["account"], "acme");
}

/// A server that asks for a secret is not deployed before there is one.
fn secrets_come_first(place: &Place) {
    place.configure("\n[secrets]\nGREETING = {}\n");
    place.edit(
        "server/src/lib.rs",
        "format!(\"Hello, {name}!\")",
        "format!(\"Hello, {name}! {}\", [\"GREETING\", \"MOOD\"].map(|key| std::env::var(key).unwrap_or_default()).join(\" \"))",
    );
    let words = "error: .pmcp/deploy.toml names secrets that have no value yet: GREETING\nstore each: `cargo pmcp deploy secrets \
                 set GREETING`\n";
    assert_eq!(place.refused(&["deploy"]), (Some(5), words.into()));
    place.told(&["deploy", "secrets", "set", "GREETING"], "wrong\n");
    place.told(&["deploy", "secrets", "set", "GREETING"], &format!("{SECRET}\n"));
    place.told(&["deploy", "secrets", "set", "UNUSED"], "x");
    let list = place.pmcp(&["deploy", "secrets", "list"]);
    assert_eq!((&list[0]["key"], &list[0]["given"]), (&json!("GREETING"), &json!(true)));
    assert_eq!((&list[1]["key"], &list[1]["given"]), (&json!("UNUSED"), &json!(false)));
    assert!(!list.to_string().contains("Moin"), "{list}");
}

/// What is not read can be deleted; what is read cannot.
fn secrets_go_last(place: &Place) {
    let words = "error: the live version of greeter reads GREETING whenever an instance starts\ntake it out of [secrets] in \
                 .pmcp/deploy.toml and run `cargo pmcp deploy` first\n";
    assert_eq!(place.refused(&["deploy", "secrets", "delete", "GREETING"]), (Some(5), words.into()));
    place.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
    assert_eq!(place.pmcp(&["deploy", "secrets", "list"]).as_array().map(Vec::len), Some(1));
}

/// A real client calls it, and it finds what it was given.
fn what_was_uploaded_answers(place: &Place, server: &AuthorizationServer, clients: &Path, url: &str) {
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada"];
    let called = place.run(&server.node, &[&[&inspector as &str, "--cli", url][..], &call].concat());
    assert!(called.is_success() && called.stdout.contains("Hello, Ada! Moin, \\\"dear\\\" good"), "{called}");
    let report = place.pmcp(&["deploy", "test"]);
    assert_eq!(
        (&report["passed"], &report["steps"][4]["step"]),
        (&json!(true), &json!("tools/call greet")),
        "{report}"
    );
}

/// What the server says is printed once, and as it comes.
fn what_it_logs_is_printed(place: &Place) {
    let all = place.pmcp(&["deploy", "logs"]);
    let lines: Vec<&str> = all.as_array().expect("lines").iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(!lines.is_empty() && !all.to_string().contains("Moin"), "{all}");
    assert_eq!(place.pmcp(&["deploy", "logs", "--filter", "nothing has this in it"]), json!([]));
    let word = lines[0].split_whitespace().next().expect("a word");
    assert!(!place.pmcp(&["deploy", "logs", "--filter", word]).as_array().expect("lines").is_empty());

    let mut child =
        place.tool(&["deploy", "logs", "--tail"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut printed = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_line(&mut printed).expect("a line");
    assert!(printed.trim_end().ends_with(&format!("Z {}", lines[0].trim_end())), "{printed}");
    // As Ctrl-C does.
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(interrupted.success());
    let begin = Instant::now();
    while child.try_wait().expect("can be waited for").is_none() {
        assert!(begin.elapsed() < Duration::from_secs(10), "Ctrl-C does not end it");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().expect("has ended").code(), Some(0));
}

/// What was live before can be again, and the next deployment goes forward; one that fails changes nothing.
fn a_change_is_a_version(place: &Place) {
    let live = || {
        let status = place.pmcp(&["deploy", "status"]);
        (status["live_version"].clone(), status["versions"].clone())
    };
    place.edit("server/src/lib.rs", "Hello, ", "Good day, ");
    place.service.fail_next("the executable ended before it listened");
    let words = "error: pmcp.run refused: the executable ended before it listened (status 422)\nthe deployment of greeter \
                 failed, and version 1 answers as before\nsee `cargo pmcp deploy logs --since 5m`, mend what it says, and \
                 deploy again\n";
    assert_eq!(place.refused(&["deploy"]), (Some(1), words.into()));
    assert_eq!(live(), (json!("1"), json!(["1"])));
    place.service.trouble("deploy", Trouble::Problem(409, "under-way", "another deployment is under way"));
    let words = "error: another change of greeter is under way\nwait until `cargo pmcp deploy status` says live, and run this \
                 again\n";
    assert_eq!(place.refused(&["deploy"]), (Some(5), words.into()));

    place.pmcp(&["deploy"]);
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    place.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(live().0, "2");
    place.pmcp(&["deploy", "rollback"]);
    assert_eq!(live().0, "1");
    place.pmcp(&["deploy"]);
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    // A value that changed makes a version without a change of the source; more of them than are on a page.
    for value in ["Servus", "Grüezi", SECRET] {
        place.told(&["deploy", "secrets", "set", "GREETING"], value);
        place.pmcp(&["deploy"]);
    }
    assert_eq!(live(), (json!("5"), json!(["1", "2", "3", "4", "5"])));
    place.pmcp(&["deploy", "rollback", "2"]);
    assert_eq!(live().0, "2");
}

/// COMMANDS.md says what works on pmcp.run: all of it was run above.
fn the_table_is_true(place: &Place) {
    let table = include_str!("../../../cargo-pmcp/COMMANDS.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `cargo pmcp "));
    let mut count = 0;
    for row in rows {
        let (command, cells) = row.split_once("` | ").expect("a command");
        let cell = cells.trim_end_matches(" |").rsplit(" | ").next().expect("a cell");
        // `dev` is the same as for Google Cloud Run, and completions are everywhere.
        if cell == "works" && !["dev", "completions"].contains(&command) {
            assert!(place.has_done(command), "COMMANDS.md says that `{command}` works, and it was not run");
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} commands in COMMANDS.md");
}
