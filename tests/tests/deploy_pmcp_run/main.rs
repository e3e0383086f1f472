//! `cargo pmcp` from an empty folder to pmcp.run and back: the service is on loopback and held to its OpenAPI file, the
//! authorization server is a real one.

#[cfg(unix)]
mod authorization_server;
mod failures;
#[cfg(unix)]
mod journey;
#[cfg(unix)]
mod login;

use std::path::Path;

use pmcp_tests::{Authority, PmcpRun, Project};

/// A token that is good where no authorization server is.
const TOKEN: &str = "a-token-that-nobody-guesses";

/// A service, and a folder for a project that is deployed to it.
fn start(name: &str, authority: Authority) -> (PmcpRun, Project) {
    let mut project = Project::empty(Path::new(env!("CARGO_TARGET_TMPDIR")), name);
    let service = PmcpRun::start(&project.folder.join("hosted"), authority);
    project.set("PMCP_RUN_URL", service.url());
    for variable in ["XDG_CONFIG_HOME", "APPDATA"] {
        project.set(variable, project.folder.join("home"));
    }
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PMCP_RUN_TOKEN", "SSH_CONNECTION"] {
        project.unset(variable);
    }
    // Nobody's own keychain is written to.
    #[cfg(unix)]
    project.program("security", "exit 1");
    (service, project)
}

/// The same with somebody logged in, and a deploy.toml.
fn logged_in(name: &str) -> (PmcpRun, Project) {
    let (service, mut project) = start(name, Authority::Token(TOKEN.into()));
    project.set("PMCP_RUN_TOKEN", TOKEN);
    configure(&project);
    (service, project)
}

/// Writes the deploy.toml that says the least.
fn configure(project: &Project) {
    project.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n");
}
