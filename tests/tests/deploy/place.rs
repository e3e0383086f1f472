//! An account on loopback, and a folder with a project that is deployed to it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pmcp_tests::{Finished, binary, run_to_end, tool};
use serde_json::Value;

use super::link;

pub(crate) const ACCOUNT: &str = "123456789012";

/// A release build is part of some of the commands.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

/// An account on loopback.
struct Moto {
    server: Child,
    port: u16,
}

impl Moto {
    fn start(python: &Path, log: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/moto_server.py");
        let server = Command::new(python)
            .arg(script)
            .arg(port.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(log).expect("a log"))
            .spawn()
            .expect("Python starts");
        let moto = Self { server, port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(60), "moto does not listen: {}", log.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is as good.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// A project's folder, the account that it is deployed to, and what every command is told of them.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) path: String,
    node: PathBuf,
    pub(crate) python: PathBuf,
    cdk: PathBuf,
    target: PathBuf,
    moto: Moto,
    /// The subcommands that did what they say.
    done: RefCell<BTreeSet<String>>,
}

impl Place {
    /// An account that nothing was ever made in, and an empty folder; `None` where a tool is missing.
    pub(crate) fn start(test: &str, name: &str) -> Option<Self> {
        let node = tool(test, "PMCP_NODE", "needs Node 22 or newer")?;
        let cdk = tool(test, "PMCP_CDK", "needs the CDK")?;
        let python = tool(test, "PMCP_AWS", "needs a Python with moto and the AWS CLI")?;
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tmp.join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("a folder");
        let moto = Moto::start(&python, &folder.join("moto.log"));
        let paths = [&node, &python].map(|path| path.parent().expect("a folder").display().to_string());
        let path = format!("{}:{}:{}", paths[0], paths[1], std::env::var("PATH").expect("PATH"));
        let target = tmp.join("deploy-target");
        Some(Self { folder, path, node, python, cdk, target, moto, done: RefCell::default() })
    }

    pub(crate) fn cdk(&self) -> &Path {
        &self.cdk
    }

    pub(crate) fn node(&self) -> &Path {
        &self.node
    }

    /// By its name, not its address: else addresses of S3 are misread.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://localhost:{}", self.moto.port)
    }

    /// Makes the project `name` for AWS Lambda in the folder, and goes into it.
    pub(crate) fn new_project(&mut self, name: &str) {
        self.new_project_for(name, &["aws-lambda"]);
    }

    pub(crate) fn new_project_for(&mut self, name: &str, targets: &[&str]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
        let checkout = root.display().to_string();
        let mut arguments = vec!["new", name, "--path", &checkout];
        arguments.extend(targets.iter().flat_map(|target| ["--target", target]));
        self.pmcp(&arguments);
        self.folder.push(name);
        // The versions of crates that this workspace has.
        fs::copy(root.join("Cargo.lock"), self.folder.join("Cargo.lock")).expect("a lock file");
    }

    /// `deploy init`, for this machine's processor and with what the CDK needs in place.
    pub(crate) fn init(&self) {
        self.pmcp(&["deploy", "init", "--target", "aws-lambda"]);
        let processor = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
        self.edit(".pmcp/deploy.toml", "# architecture = \"x86_64\"", &format!("architecture = \"{processor}\""));
        link(&self.cdk.join("node_modules"), &self.folder.join("deploy/aws-lambda/node_modules"));
    }

    pub(crate) fn bootstrap(&self) {
        let cdk = self.cdk.join("node_modules/.bin/cdk").display().to_string();
        let made = self.run(&self.node, &[&cdk, "bootstrap", &format!("aws://{ACCOUNT}/us-east-1")]);
        assert!(made.is_success(), "{made}");
    }

    /// Puts `new` in the place of `old` in a file of the project.
    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).expect("is there");
        assert!(text.contains(old), "no {old:?} in {text}");
        fs::write(path, text.replace(old, new)).expect("writes");
    }

    /// Adds lines to deploy.toml.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.folder.join(".pmcp/deploy.toml");
        let text = fs::read_to_string(&path).expect("is there");
        fs::write(path, format!("{text}{lines}")).expect("writes");
    }

    pub(crate) fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Finished {
        run_to_end(&mut self.command(program, arguments), LIMIT)
    }

    pub(crate) fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // Built once, and not for speed.
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        command
    }

    /// What a command prints as JSON.
    pub(crate) fn pmcp(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["pmcp", "--json"];
        all.extend(arguments);
        let finished = self.run(binary("cargo-pmcp"), &all);
        assert!(finished.is_success(), "cargo pmcp {}: {finished}", arguments.join(" "));
        self.note(arguments);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
    }

    /// The exit code and the words of a command that must fail.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let finished = self.run(binary("cargo-pmcp"), arguments);
        (finished.status.and_then(|status| status.code()), finished.stderr)
    }

    pub(crate) fn aws(&self, arguments: &[&str]) -> String {
        let finished = self.run(self.program("aws"), arguments);
        assert!(finished.is_success(), "aws {}: {finished}", arguments.join(" "));
        finished.stdout
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        std::env::split_paths(&self.path)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .expect("is on PATH")
    }

    /// Notes which subcommand it was that worked.
    fn note(&self, arguments: &[&str]) {
        let words: Vec<&str> =
            arguments.iter().copied().take_while(|word| word.chars().all(char::is_alphabetic)).collect();
        let length = match words[..] {
            ["deploy", "secrets", ..] => 3,
            ["deploy", ..] => 2,
            _ => 1,
        };
        self.done.borrow_mut().insert(words[..length.min(words.len())].join(" "));
    }

    /// Whether a subcommand has done what it says here.
    pub(crate) fn has_done(&self, subcommand: &str) -> bool {
        self.done.borrow().contains(subcommand)
    }

    /// The same as [`Place::pmcp`] with something to read.
    pub(crate) fn told(&self, arguments: &[&str], input: &str) -> Value {
        let mut all = vec!["pmcp", "--json"];
        all.extend(arguments);
        let mut command = self.command(binary("cargo-pmcp"), &all);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "cargo pmcp {}", arguments.join(" "));
        self.note(arguments);
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Logs a line, as a function would.
    pub(crate) fn log(&self, group: &str, line: &str) {
        let stream = ["--log-group-name", group, "--log-stream-name", "one"];
        self.aws(&[&["logs", "create-log-stream"][..], &stream].concat());
        let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis();
        let event = format!("timestamp={now},message={line}");
        self.aws(&[&["logs", "put-log-events"][..], &stream, &["--log-events", &event]].concat());
    }

    /// What exists in the account, each thing as a kind and a name.
    pub(crate) fn inventory(&self) -> BTreeSet<(String, String)> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/inventory.py").display().to_string();
        let finished = self.run(&self.python, &[&script, &self.endpoint(), "us-east-1"]);
        assert!(finished.is_success(), "{finished}");
        let things = finished.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        things.map(|thing| (text(&thing["kind"]), text(&thing["name"]))).collect()
    }

    /// The executable that was uploaded last.
    pub(crate) fn uploaded(&self) -> PathBuf {
        let zip = self.folder.join("uploaded.zip").display().to_string();
        let template = self.aws(&["cloudformation", "get-template", "--stack-name", &self.name(), "--output", "json"]);
        let template: Value = serde_json::from_str(&template).expect("JSON");
        let resources = template["TemplateBody"]["Resources"].as_object().expect("resources").clone();
        let function = resources.values().find(|found| found["Type"] == "AWS::Lambda::Function").expect("a function");
        let key = function["Properties"]["Code"]["S3Key"].as_str().expect("a key").to_owned();
        let from = format!("s3://cdk-hnb659fds-assets-{ACCOUNT}-us-east-1/{key}");
        self.aws(&["s3", "cp", &from, &zip]);
        let folder = self.folder.join("uploaded").display().to_string();
        let unpacked = self.run(&self.python, &["-m", "zipfile", "-e", &zip, &folder]);
        assert!(unpacked.is_success(), "{unpacked}");
        let executable = self.folder.join("uploaded/bootstrap");
        let made = self.run(Path::new("/bin/chmod"), &["+x", &executable.display().to_string()]);
        assert!(made.is_success(), "{made}");
        executable
    }

    fn name(&self) -> String {
        self.folder.file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// The environment that the live function is given.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let name = self.name();
        let arguments = ["lambda", "get-function-configuration", "--function-name", &name, "--output", "json"];
        let found: Value = serde_json::from_str(&self.aws(&arguments)).expect("JSON");
        let variables = found["Environment"]["Variables"].as_object().expect("variables").clone();
        variables.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())).collect()
    }
}
