//! A project's whole life on Cloudflare Workers, from `new` to `destroy --clean`, and its way there from AWS Lambda.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use pmcp_tests::{assert_all_done, binary, tool};
use serde_json::json;

use super::place::{ACCOUNT, Place, TOKEN};

const SECRET: &str = "Moin, \"dear\"";

/// A server of the Worker's own: it keeps what it is told wherever it can.
const KEEPER: &str = r#"//! The server on Cloudflare Workers.
#![cfg(target_arch = "wasm32")]

use pmcp_core::prelude::*;
use pmcp_workers::{Request, Response};
use worker::{Env, event};

struct Keeper;

fn failed(error: impl std::fmt::Display) -> Error {
    Error::failed(error.to_string())
}

#[server(name = "keeper", version = "1.0.0")]
impl Keeper {
    /// Keep a word.
    #[tool(read_only)]
    async fn keep(&self, word: String, cx: &Context) -> Result<String> {
        let env: &Env = cx.extension().ok_or_else(|| failed("no bindings"))?;
        env.kv("SHARED").map_err(failed)?.put("word", &word).map_err(failed)?.execute().await.map_err(failed)?;
        env.bucket("FILES").map_err(failed)?.put("word", word.clone()).execute().await.map_err(failed)?;
        let write = env.d1("NOTES").map_err(failed)?.prepare("INSERT INTO words (word) VALUES (?1)");
        write.bind(&[word.into()]).map_err(failed)?.run().await.map_err(failed)?;
        let kept = env.kv("SHARED").map_err(failed)?.get("word").text().await.map_err(failed)?.unwrap_or_default();
        let greeting = env.secret("GREETING").map_err(failed)?.to_string();
        let mood = env.var("MOOD").map_err(failed)?.to_string();
        Ok(format!("Hello, {greeting} {mood} {kept}"))
    }
}

#[event(start)]
fn start() {
    pmcp_workers::start(Keeper);
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: worker::Context) -> worker::Result<Response> {
    pmcp_workers::serve(request, env, context).await
}
"#;

#[test]
fn from_an_empty_folder_to_workers_and_back() {
    let test = "from_an_empty_folder_to_workers_and_back";
    let Some(clients) = tool(test, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };
    let Some(mut place) = Place::start(test) else { return };
    place.new_project("keeper", &["cloudflare-workers"]);
    place.pmcp(&["deploy", "init", "--target", "cloudflare-workers"]);
    assert_eq!(place.pmcp(&["deploy", "init"])["written"], json!([]));
    assert_eq!(place.pmcp(&["deploy", "login"]), json!({ "account": ACCOUNT, "who": "ada@example.com" }));
    place.pmcp(&["deploy", "doctor"]);
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    let nothing = place.state();
    // Settings of something else in the folder are nobody's business; wrangler alone would take the account from them.
    place.write("wrangler.toml", "name = \"other\"\naccount_id = \"ffffffffffffffffffffffffffffffff\"\n");

    // The server as it was made, and then one with all that a Worker can be bound to.
    let outputs = place.pmcp(&["deploy"]);
    assert_eq!(outputs["Url"], "https://keeper.ada.workers.dev/mcp");
    assert_eq!((&outputs["Worker"], &outputs["Account"]), (&json!("keeper"), &json!(ACCOUNT)));
    assert_eq!(place.pmcp(&["deploy", "outputs"]), outputs);
    with_bindings(&place);
    secrets_are_kept(&place);
    place.pmcp(&["deploy"]);
    assert_eq!(place.state()["databases"][0]["tables"], json!(["d1_migrations", "words"]));
    what_was_uploaded_answers(&place, &clients);
    what_it_logs_is_printed(&place);

    // A change is a new version; what was live before can be again, and the next deployment goes forward.
    let status = || place.pmcp(&["deploy", "status"]);
    let before = status();
    place.edit("cloudflare-workers/src/lib.rs", "Hello, ", "Good day, ");
    place.pmcp(&["deploy"]);
    let after = status();
    assert_ne!(before["live_version"], after["live_version"]);
    assert_eq!(after["versions"].as_array().map(Vec::len), before["versions"].as_array().map(|all| all.len() + 1));
    place.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(status()["live_version"], after["live_version"]);
    place.pmcp(&["deploy", "rollback"]);
    assert_eq!(status()["live_version"], before["live_version"]);
    let (code, words) = place.refused(&["deploy", "secrets", "set", "OTHER", "--from-env", "PATH"]);
    assert!(code == Some(5) && words.contains("a rollback has made an older version live"), "{words}");
    place.pmcp(&["deploy"]);

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = place.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    place.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(place.state(), nothing);
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    assert!(!place.folder.join(".pmcp/cloudflare.json").exists() && !place.folder.join(".pmcp/deployed.json").exists());
    assert!(place.folder.join(".pmcp/deploy.toml").exists(), "it was changed");
    assert!(place.folder.join("cloudflare-workers/wrangler.toml").exists(), "its package is there");
    assert!(!place.folder.join("cloudflare-workers/build").exists() && !place.folder.join(".pmcp/build").exists());
    // Neither of what was secret was ever said, and nothing was asked that Cloudflare does not know.
    let log = place.log();
    assert_all_done("cloudflare-workers", |command| place.has_done(command));
    assert!(!log.contains("Moin") && !log.contains(TOKEN) && !log.contains("Could not route"), "{log}");
}

/// Bindings are made, the tables of the database too, and the code finds them.
fn with_bindings(place: &Place) {
    let more = "[cloudflare.kv]\nSHARED = {}\n[cloudflare.d1]\nNOTES = { migrations = \"migrations\" }\n[cloudflare.r2]\n\
                FILES = {}\n[environment]\nMOOD = \"a, b=c \\\"d\\\"\"\n[secrets]\nGREETING = {}\n";
    let config = place.read(".pmcp/deploy.toml");
    place.write(".pmcp/deploy.toml", &format!("{config}{more}"));
    place.write("cloudflare-workers/migrations/0001_words.sql", "CREATE TABLE words (word TEXT NOT NULL);\n");
    place.write("cloudflare-workers/src/lib.rs", KEEPER);
    place.edit(
        "cloudflare-workers/Cargo.toml",
        "worker = { version = \"0.8.7\", default-features = false }",
        "pmcp-core.workspace = true\nschemars = \"1\"\nserde = { version = \"1\", features = [\"derive\"] }\n\
         worker = { version = \"0.8.7\", default-features = false, features = [\"d1\"] }",
    );
    let (code, words) = place.refused(&["deploy"]);
    let missing = ".pmcp/deploy.toml names secrets that have no value yet: GREETING\nstore each: `cargo pmcp deploy secrets \
                   set GREETING`";
    assert!(code == Some(5) && words.contains(missing), "{code:?} {words}");
    assert_eq!(place.state()["databases"], json!([]), "nothing was made");
}

fn secrets_are_kept(place: &Place) {
    place.told(&["deploy", "secrets", "set", "GREETING"], "wrong\n");
    place.told(&["deploy", "secrets", "set", "GREETING"], &format!("{SECRET}\n"));
    place.told(&["deploy", "secrets", "set", "UNUSED"], "x");
    let list = place.pmcp(&["deploy", "secrets", "list"]);
    assert_eq!((&list[0]["key"], &list[0]["given"]), (&json!("GREETING"), &json!(true)));
    assert_eq!((&list[1]["key"], &list[1]["given"]), (&json!("UNUSED"), &json!(false)));
    let (code, words) = place.refused(&["deploy", "secrets", "delete", "GREETING"]);
    assert!(code == Some(5) && words.contains("keeper reads GREETING with every request"), "{words}");
    place.pmcp(&["deploy", "secrets", "delete", "UNUSED"]);
    assert_eq!(place.state()["scripts"][0]["secrets"], json!({ "GREETING": SECRET }));
}

/// What was uploaded is a Worker that a real client can call, and that finds its bindings and its secret.
fn what_was_uploaded_answers(place: &Place, clients: &std::path::Path) {
    let served = place.serve_uploaded("keeper");
    let url = format!("http://{}/mcp", served.addr);
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "keep", "--tool-arg", "word=Ada"];
    let called = place.run(inspector, &[&["--cli", &url][..], &call].concat());
    let expected = r#"Hello, Moin, \"dear\" a, b=c \"d\" Ada"#;
    assert!(called.is_success() && called.stdout.contains(expected), "{called}");
    let report = place.pmcp(&["deploy", "test", "--url", &url]);
    assert_eq!(report["passed"], json!(true), "{report}");
}

fn what_it_logs_is_printed(place: &Place) {
    let (code, words) = place.refused(&["deploy", "logs"]);
    assert!(code == Some(2) && words.contains("wrangler reads logs as they come, and none of the past"), "{words}");
    let mut command = place.command(binary("cargo-pmcp"), &["deploy", "logs", "--tail", "--filter=--wanted"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
    let begin = Instant::now();
    while place.logged("keeper", "a line that is --wanted") == 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody follows:\n{}", place.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    place.logged("keeper", "another");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("a line");
    assert!(line.starts_with("20") && line.ends_with("Z a line that is --wanted\n"), "{line}");
    let asked = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(asked.is_ok_and(|asked| asked.success()) && child.wait().is_ok_and(|status| status.success()));
    place.note(&["deploy", "logs"]);
}
