//! `cargo pmcp dev --target cloudflare-workers`: the server in workerd, built anew when its source changes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use pmcp_tests::{Request, binary, exchange};
use serde_json::json;

use super::place::{Place, Served, free};

#[test]
fn dev_serves_the_worker_and_builds_it_anew() {
    let Some(mut place) = Place::start("dev_serves_the_worker") else { return };
    place.new_project("devoted", &["cloudflare-workers"]);
    let addr = free();
    let port = addr.port();
    let arguments = ["dev", "--target", "cloudflare-workers", "--port", &port.to_string()];
    let mut child = place.command(binary("cargo-pmcp"), &arguments).stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    let mut served = Served::new(child, addr);
    let mut stdout = BufReader::new(stdout);
    stdout.read_line(&mut line).expect("an address");
    assert_eq!(line, format!("http://127.0.0.1:{port}/mcp\n"));
    let greeted = || {
        let call = Request::call("greet", json!({ "name": "Ada" })).to_bytes(addr);
        exchange(addr, &call).map(|reply| reply.text()).unwrap_or_default()
    };
    assert!(greeted().contains("Hello, Ada!"), "{}", greeted());
    place.edit("server/src/lib.rs", "Hello, ", "Good day, ");
    let begin = Instant::now();
    while !greeted().contains("Good day, Ada!") {
        assert!(begin.elapsed() < Duration::from_secs(300), "nothing was built: {}", greeted());
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(served.interrupt(), "it ends well");
}

/// A Worker that needs no compiler; what it says is in deploy.toml.
#[test]
fn dev_takes_other_settings_as_it_runs() {
    let Some(mut place) = Place::start("dev_takes_other_settings") else { return };
    place.new_project("moody", &["cloudflare-workers"]);
    place.pmcp(&["deploy", "init", "--target", "cloudflare-workers"]);
    place.without_rust("export default { fetch(request, env) { return new Response(env.MOOD) } };\n");
    let config = place.read(".pmcp/deploy.toml");
    place.write(".pmcp/deploy.toml", &format!("{config}[environment]\nMOOD = \"good\"\n"));
    let addr = free();
    let arguments = ["dev", "--target", "cloudflare-workers", "--port", &addr.port().to_string()];
    let child = place.command(binary("cargo-pmcp"), &arguments).stdout(Stdio::null()).spawn().expect("starts");
    let mut served = Served::new(child, addr);
    let mood = || {
        let asked = Request::post("").verb("GET").path("/").to_bytes(addr);
        exchange(addr, &asked).map(|reply| reply.text()).unwrap_or_default()
    };
    let until = |wanted: &str| {
        let begin = Instant::now();
        while mood() != wanted {
            assert!(begin.elapsed() < Duration::from_secs(60), "it says {:?} and not {wanted}", mood());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    until("good");
    place.edit(".pmcp/deploy.toml", "\"good\"", "\"better\"");
    until("better");
    assert!(served.interrupt(), "it ends well");
}
