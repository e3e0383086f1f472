//! A Google Cloud on loopback: the APIs that the real gcloud asks, and a real registry for images.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Project, tool};

/// What lets whoever has it in, and the same as a registry's file of users has it.
const TOKEN: &str = "token-of-ada";
const USERS: &str = "oauth2accesstoken:$2b$04$p7WB0vd2/xkkXAGJ.1kx8OIGHqiuo65RRHLn9tSnL.tHxaah6oGJS\n";

/// The APIs, as gcloud calls them, and where each begins.
const APIS: [(&str, &str); 8] = [
    ("RUN", ""),
    ("ARTIFACTREGISTRY", ""),
    ("SECRETMANAGER", ""),
    ("LOGGING", ""),
    ("SERVICEUSAGE", ""),
    ("CLOUDRESOURCEMANAGER", ""),
    ("CLOUDBUILD", ""),
    ("STORAGE", "storage/v1/"),
];

/// The project `ada-project` and its region `europe-west1`; dropping it ends it.
#[derive(Debug)]
pub struct GoogleCloud {
    registry: Child,
    server: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Of the proxy through which gcloud reaches it.
    port: u16,
    /// `HOST:PORT` of the registry.
    pub address: String,
    gcloud: PathBuf,
    folder: PathBuf,
}

impl GoogleCloud {
    /// Starts it, with its files in `folder`; nothing where this machine lacks what it needs, which is said.
    ///
    /// # Panics
    ///
    /// If it does not start, as everywhere here.
    pub fn start(test: &str, folder: &Path) -> Option<Self> {
        let gcloud = tool(test, "PMCP_GCLOUD", "needs gcloud")?;
        let registry = tool(test, "PMCP_REGISTRY", "needs docker-registry")?;
        let told = "value[separator=' '](installation.sdk_root, basic.python_location)";
        let info = Command::new(&gcloud).args(["info", "--format", told]).output().expect("gcloud starts");
        let info = String::from_utf8(info.stdout).expect("UTF-8");
        let (sdk, python) = info.trim().split_once(' ').expect("where gcloud is, and its Python");
        fs::create_dir_all(folder).expect("a folder");
        let (registry, address) = start_registry(&registry, folder);
        let mut server = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("google/server.py"))
            .args([&address as &str, TOKEN])
            .env("PMCP_GCLOUD_SDK", sdk)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("google.log")).expect("a log"))
            .spawn()
            .expect("Python starts");
        let commands = server.stdin.take().expect("a pipe");
        let mut answers = BufReader::new(server.stdout.take().expect("a pipe"));
        let mut port = String::new();
        answers.read_line(&mut port).expect("text");
        let port = port.trim().parse().unwrap_or_else(|_| panic!("see {}", folder.join("google.log").display()));
        fs::write(folder.join("token"), TOKEN).expect("writes");
        Some(Self { registry, server, commands, answers, port, address, gcloud, folder: folder.to_path_buf() })
    }

    /// Tells every command of a project where Google Cloud is, and who is logged in.
    pub fn tell(&self, project: &mut Project) {
        let folder = self.gcloud.parent().expect("a folder").display().to_string();
        let path = std::env::var("PATH").expect("PATH");
        project.set("PATH", format!("{}:{path}:{folder}", project.folder.join("bin").display()));
        for (name, value) in [
            ("CONFIG", self.folder.join("gcloud").display().to_string()),
            ("AUTH_ACCESS_TOKEN_FILE", self.folder.join("token").display().to_string()),
            ("CORE_DISABLE_USAGE_REPORTING", "true".into()),
            // It asks `REGION-run.test` and the like, which only this proxy knows.
            ("PROXY_TYPE", "http".into()),
            ("PROXY_ADDRESS", "127.0.0.1".into()),
            ("PROXY_PORT", self.port.to_string()),
        ] {
            project.set(&format!("CLOUDSDK_{name}"), value);
        }
        for (api, path) in APIS {
            let url = format!("http://{}.test/{path}", api.to_lowercase());
            project.set(&format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"), url);
        }
    }

    /// One of the commands that tests/google/server.py knows.
    pub fn command(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").expect("it reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("text");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command}: see {}", self.folder.display()))
    }

    /// What exists, each thing as its kind and its name.
    pub fn inventory(&mut self) -> Vec<(String, String)> {
        let things = self.command("inventory");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut things: Vec<_> =
            things.as_array().expect("a list").iter().map(|thing| (text(&thing[0]), text(&thing[1]))).collect();
        things.sort();
        things
    }

    /// Pulls an image into a folder, as whoever is logged in.
    pub fn pull(&self, skopeo: &Path, image: &str, folder: &Path) {
        drop(fs::remove_dir_all(folder));
        let pulled = Command::new(skopeo)
            .args(["copy", "--quiet", "--src-tls-verify=false", "--src-creds", &format!("oauth2accesstoken:{TOKEN}")])
            .args([format!("docker://{image}"), format!("dir:{}", folder.display())])
            .output()
            .expect("skopeo starts");
        assert!(pulled.status.success(), "{image}: {}", String::from_utf8_lossy(&pulled.stderr));
    }
}

impl Drop for GoogleCloud {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.registry] {
            // Both fail only if it has ended already, which is as good.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A registry that lets in who has the token.
fn start_registry(program: &Path, folder: &Path) -> (Child, String) {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let (data, users) = (folder.join("registry"), folder.join("users"));
    drop(fs::remove_dir_all(&data));
    fs::write(&users, USERS).expect("writes");
    let settings = format!(
        "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: {address}}}\n\
         auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
        data.display(),
        users.display()
    );
    fs::write(folder.join("registry.yml"), settings).expect("writes");
    let log = fs::File::create(folder.join("registry.log")).expect("a log");
    let mut command = Command::new(program);
    command.arg("serve").arg(folder.join("registry.yml")).stdin(Stdio::null());
    let registry = command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("the registry starts");
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(30), "no registry: {}", folder.join("registry.log").display());
        std::thread::sleep(Duration::from_millis(20));
    }
    (registry, address.to_string())
}
