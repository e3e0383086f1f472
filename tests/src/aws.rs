//! An AWS account on loopback: moto, which the real CDK and the real AWS CLI ask.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Project, run_to_end, tool};

/// For one call of a program.
const LIMIT: Duration = Duration::from_secs(600);

/// The account [`Aws::ACCOUNT`] and its region `us-east-1`; dropping it ends it.
#[derive(Debug)]
pub struct Aws {
    moto: Child,
    port: u16,
    python: PathBuf,
    folder: PathBuf,
    /// Node, which the CDK runs on.
    pub node: PathBuf,
    /// The folder that has the CDK's npm packages.
    pub cdk: PathBuf,
}

impl Aws {
    /// Its number.
    pub const ACCOUNT: &str = "123456789012";

    /// Starts one that nothing was ever made in, with its files in `folder`; nothing where this machine lacks what it needs,
    /// which is said.
    ///
    /// # Panics
    ///
    /// If it does not start, as everywhere here.
    pub fn start(test: &str, folder: &Path) -> Option<Self> {
        let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
        let cdk = tool(test, "PMCP_CDK", "needs the CDK")?;
        let python = tool(test, "PMCP_AWS", "needs a Python with moto and the AWS CLI")?;
        fs::create_dir_all(folder).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let log = folder.join("moto.log");
        let moto = Command::new(&python)
            .arg(script("moto_server.py"))
            .arg(port.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("Python starts");
        let aws = Self { moto, port, python, folder: folder.to_path_buf(), node, cdk };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(60), "moto does not listen: {}", log.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(aws)
    }

    /// By its name, not its address: else addresses of S3 are misread.
    pub fn endpoint(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Tells every command of a project where AWS is, and who is logged in.
    pub fn tell(&self, project: &mut Project) {
        for program in [&self.python, &self.node] {
            project.find(program);
        }
        for (name, value) in self.environment() {
            project.set(name, value);
        }
    }

    fn environment(&self) -> [(&'static str, String); 7] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_DEFAULT_REGION", "us-east-1".into()),
            ("AWS_CONFIG_FILE", "/nonexistent".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ]
    }

    /// What a program prints.
    fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> String {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(&self.folder).envs(self.environment());
        let finished = run_to_end(&mut command, LIMIT);
        assert!(finished.is_success(), "{}: {finished}", arguments.join(" "));
        finished.stdout
    }

    /// What the AWS CLI prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.run(self.python.with_file_name("aws"), arguments)
    }

    /// What the AWS CLI prints as JSON.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.cli(&[arguments, &["--output", "json"]].concat())).expect("JSON")
    }

    /// Makes the account ready for the CDK.
    pub fn bootstrap(&self) {
        let cdk = self.cdk.join("node_modules/.bin/cdk").display().to_string();
        self.run(&self.node, &[&cdk, "bootstrap", &format!("aws://{}/us-east-1", Self::ACCOUNT)]);
    }

    /// Logs a line, as a function would.
    pub fn log(&self, group: &str, line: &str) {
        let stream = ["--log-group-name", group, "--log-stream-name", "one"];
        self.cli(&[&["logs", "create-log-stream"][..], &stream].concat());
        let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis();
        let event = format!("timestamp={now},message={line}");
        self.cli(&[&["logs", "put-log-events"][..], &stream, &["--log-events", &event]].concat());
    }

    /// What exists, each thing as its kind and its name.
    pub fn inventory(&self) -> BTreeSet<(String, String)> {
        let printed = self.run(&self.python, &[&script("inventory.py"), &self.endpoint(), "us-east-1"]);
        let things = printed.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        things.map(|thing| (text(&thing["kind"]), text(&thing["name"]))).collect()
    }

    /// The template of a server's stack.
    pub fn template(&self, server: &str) -> Value {
        self.ask(&["cloudformation", "get-template", "--stack-name", server])
    }

    /// The executable of a server that was uploaded last.
    pub fn uploaded(&self, server: &str) -> PathBuf {
        let template = self.template(server);
        let resources = template["TemplateBody"]["Resources"].as_object().expect("resources");
        let function = resources.values().find(|found| found["Type"] == "AWS::Lambda::Function").expect("a function");
        let key = function["Properties"]["Code"]["S3Key"].as_str().expect("a key");
        let zip = self.folder.join("uploaded.zip").display().to_string();
        self.cli(&["s3", "cp", &format!("s3://cdk-hnb659fds-assets-{}-us-east-1/{key}", Self::ACCOUNT), &zip]);
        let folder = self.folder.join("uploaded");
        self.run(&self.python, &["-m", "zipfile", "-e", &zip, &folder.display().to_string()]);
        let executable = folder.join("bootstrap");
        self.run("/bin/chmod", &["+x", &executable.display().to_string()]);
        executable
    }

    /// The environment that the live function of a server is given.
    pub fn variables(&self, server: &str) -> Vec<(String, String)> {
        let found = self.ask(&["lambda", "get-function-configuration", "--function-name", server]);
        let variables = found["Environment"]["Variables"].as_object().expect("variables").clone();
        variables.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())).collect()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.moto.kill());
        drop(self.moto.wait());
    }
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("aws").join(name).display().to_string()
}
