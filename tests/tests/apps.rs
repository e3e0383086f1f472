//! The host of MCP Apps that its authors publish shows the loan's view, and proxies what the view calls.

use pmcp_tests::{Client, Server};

#[test]
fn the_official_host_shows_the_view() {
    const TEST: &str = "the_official_host_shows_the_view";
    let Some(host) = Client::find(TEST, "apps.mjs") else { return };
    let server = Server::start("loan-cloudrun", &[]);
    host.run(&[&server.url()], 14);
}
