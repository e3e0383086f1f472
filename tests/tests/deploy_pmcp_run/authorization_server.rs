//! An authorization server on loopback, and a person at a browser who logs in there.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use pmcp_tests::tool;

/// `oidc-provider` from npm; dropping it ends it.
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
