//! The service, who says who is logged in, and a folder with a project.

use std::io::{BufRead, BufReader};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use pmcp_tests::{Authority, PmcpRun, Project, tool};

/// A token that is good where no authorization server is.
pub(crate) const TOKEN: &str = "a-token-that-nobody-guesses";

/// An authorization server on loopback.
#[derive(Debug)]
pub(crate) struct AuthorizationServer {
    child: Child,
    /// It ends if it cannot say what it has to say.
    _stdout: BufReader<ChildStdout>,
    pub(crate) issuer: String,
    pub(crate) node: PathBuf,
}

impl AuthorizationServer {
    /// Its access tokens are good for so many seconds; `None` where a tool is missing.
    pub(crate) fn start(test: &str, seconds: u32) -> Option<Self> {
        let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
        let packages = tool(test, "PMCP_AUTHORIZATION_SERVER", "needs oidc-provider from npm")?;
        let mut child = Command::new(&node)
            .arg(script("authorization_server.mjs"))
            .arg(packages)
            .arg(seconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It warns that it is for tests.
            .stderr(Stdio::null())
            .spawn()
            .expect("Node starts");
        let mut issuer = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut issuer).expect("an address");
        assert!(issuer.starts_with("http://127.0.0.1:"), "the authorization server says {issuer:?}");
        Some(Self { child, _stdout: stdout, issuer: issuer.trim_end().to_owned(), node })
    }

    /// A person at a browser who is sent to `url` and agrees, or goes away; the last page.
    pub(crate) fn visit(&self, url: &str, agrees: bool) -> String {
        let mut command = Command::new(&self.node);
        command.arg(script("browser.mjs")).arg(url);
        if !agrees {
            command.arg("deny");
        }
        let output = command.output().expect("Node starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for AuthorizationServer {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pmcp_run").join(name)
}

/// A project that is deployed to a service on loopback.
pub(crate) struct Place {
    pub(crate) project: Project,
    pub(crate) service: PmcpRun,
}

impl Place {
    pub(crate) fn new(name: &str, authority: Authority) -> Self {
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
        Self { project, service }
    }

    /// With somebody logged in, and a deploy.toml.
    pub(crate) fn logged_in(name: &str) -> Self {
        let mut place = Self::new(name, Authority::Token(TOKEN.into()));
        place.set("PMCP_RUN_TOKEN", TOKEN);
        place.configured();
        place
    }

    pub(crate) fn configured(&self) {
        self.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n");
    }

    /// Where logins are kept.
    pub(crate) fn logins(&self) -> PathBuf {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let name = self.folder.strip_prefix(scratch).expect("is there").components().next().expect("a name");
        scratch.join(name).join("home/pmcp/logins.json")
    }
}

impl Deref for Place {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

impl DerefMut for Place {
    fn deref_mut(&mut self) -> &mut Project {
        &mut self.project
    }
}
