//! `cargo pmcp dev --target cloudflare-workers`: the server in workerd, built anew when its source changes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pmcp_tests::{Request, binary, exchange};
use serde_json::json;

use super::place::Place;

#[test]
fn dev_serves_the_worker_and_builds_it_anew() {
    let Some(mut place) = Place::start("dev_serves_the_worker") else { return };
    place.new_project("devoted", &["cloudflare-workers"]);
    let port = super::place::free().port();
    let arguments = ["dev", "--target", "cloudflare-workers", "--port", &port.to_string()];
    let mut child = place.command(binary("cargo-pmcp"), &arguments).stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("an address");
    assert_eq!(line, format!("http://127.0.0.1:{port}/mcp\n"));
    let addr: SocketAddr = ([127, 0, 0, 1], port).into();
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
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(asked.is_ok_and(|asked| asked.success()) && child.wait().is_ok_and(|status| status.success()));
}
