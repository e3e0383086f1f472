//! The host of MCP Apps that its authors publish shows the loan's view, and proxies what the view calls.

use pmcp_tests::{Server, run_client, tool};

#[test]
fn the_official_host_shows_the_view() {
    const TEST: &str = "the_official_host_shows_the_view";
    let Some(node) = tool(TEST, "PMCP_NODE", "needs Node 22 or newer") else { return };
    if tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients").is_none() {
        return;
    }
    let server = Server::start("loan-cloudrun", &[]);
    run_client(&node, "apps.mjs", &server.url(), 14);
}
