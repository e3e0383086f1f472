//! `cargo pmcp` from an empty folder to AWS Lambda and back: the real CDK and the real AWS CLI against moto.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pmcp_tests::{Emulator, Finished, binary, run_to_end, tool};
use serde_json::{Value, json};

const TEST: &str = "from_an_empty_folder_to_lambda_and_back";
const ACCOUNT: &str = "123456789012";

/// A release build is part of some of the commands.
const LIMIT: Duration = Duration::from_secs(600);

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

/// The folder, and what every command in it is told.
struct Place {
    folder: PathBuf,
    path: String,
    endpoint: String,
}

impl Place {
    fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Finished {
        let mut command = Command::new(program.as_ref());
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // Built once, and not for speed.
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy-target"))
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        run_to_end(&mut command, LIMIT)
    }

    /// What a command prints as JSON.
    fn pmcp(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["pmcp", "--json"];
        all.extend(arguments);
        let finished = self.run(binary("cargo-pmcp"), &all);
        assert!(finished.is_success(), "cargo pmcp {}: {finished}", arguments.join(" "));
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
    }

    /// The exit code and the words of a command that must fail.
    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let finished = self.run(binary("cargo-pmcp"), arguments);
        (finished.status.and_then(|status| status.code()), finished.stderr)
    }

    fn aws(&self, arguments: &[&str]) -> String {
        let finished = self.run(self.program("aws"), arguments);
        assert!(finished.is_success(), "aws {}: {finished}", arguments.join(" "));
        finished.stdout
    }

    fn program(&self, name: &str) -> PathBuf {
        std::env::split_paths(&self.path)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .expect("is on PATH")
    }
}

#[test]
fn from_an_empty_folder_to_lambda_and_back() {
    let Some(node) = tool(TEST, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(cdk) = tool(TEST, "PMCP_CDK", "needs the CDK") else { return };
    let Some(python) = tool(TEST, "PMCP_AWS", "needs a Python with moto and the AWS CLI") else { return };
    let Some(emulator) = tool(TEST, "PMCP_CARGO_LAMBDA", "needs cargo-lambda") else { return };
    let Some(clients) = tool(TEST, "PMCP_CLIENTS", "needs the npm packages of tests/clients") else { return };

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("a folder");
    let moto = Moto::start(&python, &folder.join("moto.log"));
    let paths =
        [node.parent().expect("a folder"), python.parent().expect("a folder")].map(|path| path.display().to_string());
    let mut place = Place {
        path: format!("{}:{}:{}", paths[0], paths[1], std::env::var("PATH").expect("PATH")),
        // By its name, not its address: else addresses of S3 are misread.
        endpoint: format!("http://localhost:{}", moto.port),
        folder,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");

    // A project that tests green as it stands, with the versions of crates that this workspace has.
    let checkout = root.display().to_string();
    place.pmcp(&["new", "greeter", "--target", "aws-lambda", "--path", &checkout]);
    place.folder.push("greeter");
    fs::copy(root.join("Cargo.lock"), place.folder.join("Cargo.lock")).expect("a lock file");
    let tested = place.run(env!("CARGO"), &["test", "--release"]);
    assert!(tested.is_success() && tested.stdout.contains("it_greets ... ok"), "{tested}");

    place.pmcp(&["deploy", "init", "--target", "aws-lambda"]);
    let again = place.pmcp(&["deploy", "init"]);
    assert_eq!(again["written"], json!([]));
    let config = place.folder.join(".pmcp/deploy.toml");
    let text = fs::read_to_string(&config).expect("a config");
    let processor = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    fs::write(&config, text.replace("# architecture = \"x86_64\"", &format!("architecture = \"{processor}\"")))
        .expect("writes");
    link(&cdk.join("node_modules"), &place.folder.join("deploy/aws-lambda/node_modules"));

    // Before the account is ready nothing is built or made, and the message has the line that mends it.
    let (code, words) = place.refused(&["deploy"]);
    let line = format!("do it once: npx cdk bootstrap aws://{ACCOUNT}/us-east-1");
    assert!(code == Some(4) && words.contains(&line) && !words.contains("Compiling"), "{code:?} {words}");
    let bootstrap =
        [&cdk.join("node_modules/.bin/cdk").display().to_string(), "bootstrap", &format!("aws://{ACCOUNT}/us-east-1")];
    let bootstrapped = place.run(&node, &bootstrap.map(|word| word as &str));
    assert!(bootstrapped.is_success(), "{bootstrapped}");
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));

    // The first deployment, and the same source once more.
    let outputs = place.pmcp(&["deploy"]);
    let url = outputs["Url"].as_str().unwrap_or_default();
    assert!(url.starts_with("https://") && url.ends_with("/mcp"), "{outputs}");
    assert_eq!(outputs["FunctionName"], "greeter");
    assert_eq!(place.pmcp(&["deploy", "outputs"]), outputs);
    let zip = place.folder.join(".pmcp/build/greeter.zip");
    let first = fs::read(&zip).expect("a zip");
    place.pmcp(&["deploy"]);
    assert!(fs::read(&zip).expect("a zip") == first, "the same source must give the same bytes");
    assert_eq!(place.pmcp(&["deploy", "status"])["versions"], json!(["1"]));

    // What was uploaded is a function that a real client can call.
    let uploaded = place.folder.join("uploaded");
    let bucket = format!("s3://cdk-hnb659fds-assets-{ACCOUNT}-us-east-1/");
    place.aws(&[
        "s3",
        "cp",
        "--recursive",
        "--exclude",
        "*",
        "--include",
        "*.zip",
        &bucket,
        &uploaded.display().to_string(),
    ]);
    let zips: Vec<_> =
        fs::read_dir(&uploaded).expect("was fetched").map(|entry| entry.expect("an entry").path()).collect();
    let [only] = &zips[..] else { panic!("not one zip: {zips:?}") };
    let unpacked =
        place.run(&python, &["-m", "zipfile", "-e", &only.display().to_string(), &uploaded.display().to_string()]);
    assert!(unpacked.is_success(), "{unpacked}");
    let bootstrap = uploaded.join("bootstrap");
    let made = place.run(Path::new("/bin/chmod"), &["+x", &bootstrap.display().to_string()]);
    assert!(made.is_success(), "{made}");
    let function = Emulator::start_executable(&emulator, "greeter", &bootstrap, &[("PMCP_RESPONSE_MODE", "streaming")]);
    let inspector = clients.join("node_modules/.bin/mcp-inspector").display().to_string();
    let url = function.url();
    let call = ["--transport", "http", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada"];
    let called = place.run(&node, &[&[&inspector as &str, "--cli", &url][..], &call].concat());
    assert!(called.is_success() && called.stdout.contains("Hello, Ada!"), "{called}");
    drop(function);

    // What it logs is printed.
    let group = outputs["LogGroup"].as_str().expect("a log group");
    place.aws(&["logs", "create-log-stream", "--log-group-name", group, "--log-stream-name", "one"]);
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis();
    let event = format!("timestamp={now},message=greeted");
    place.aws(&[
        "logs",
        "put-log-events",
        "--log-group-name",
        group,
        "--log-stream-name",
        "one",
        "--log-events",
        &event,
    ]);
    assert_eq!(place.pmcp(&["deploy", "logs"])[0]["message"], "greeted");

    // A change is a new version; what was live before can be again, and the next deployment goes forward.
    let lib = place.folder.join("server/src/lib.rs");
    let source = fs::read_to_string(&lib).expect("the server");
    fs::write(&lib, source.replace("Hello, ", "Good day, ")).expect("writes");
    place.pmcp(&["deploy"]);
    let live = || {
        let status = place.pmcp(&["deploy", "status"]);
        (status["live_version"].clone(), status["versions"].clone())
    };
    assert_eq!(live(), (json!("2"), json!(["1", "2"])));
    place.pmcp(&["deploy", "rollback", "--dry-run"]);
    assert_eq!(live().0, "2");
    place.pmcp(&["deploy", "rollback"]);
    assert_eq!(live().0, "1");
    place.pmcp(&["deploy"]);
    assert_eq!(live().0, "2");

    // Another name is another server, and not made by accident.
    let text = fs::read_to_string(&config).expect("a config");
    fs::write(&config, text.replace("\"greeter\"", "\"welcomer\"")).expect("writes");
    let (code, words) = place.refused(&["deploy"]);
    assert!(code == Some(5) && words.contains("add --beside to have both"), "{code:?} {words}");
    fs::write(&config, text).expect("writes");

    // In the end nothing is left of it, but what the user wrote.
    let (code, words) = place.refused(&["deploy", "destroy", "--clean"]);
    assert!(code == Some(5) && words.contains("nothing was removed: there is nobody to ask"), "{code:?} {words}");
    place.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(place.pmcp(&["deploy", "status"])["deployed"], json!(false));
    assert_eq!(place.aws(&["lambda", "list-functions", "--query", "Functions", "--output", "json"]).trim(), "[]");
    assert_eq!(place.aws(&["logs", "describe-log-groups", "--query", "logGroups", "--output", "json"]).trim(), "[]");
    assert!(!place.folder.join("deploy").exists() && config.exists());
    assert!(cdk.join("node_modules/aws-cdk").exists(), "a link is removed, not what it leads to");
}

/// What server-stack.ts makes of a setting that asks for everything, and of one that asks for little.
#[test]
fn every_option_makes_a_template_that_cloudformation_takes() {
    const TEST: &str = "every_option_makes_a_template_that_cloudformation_takes";
    let Some(node) = tool(TEST, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(cdk) = tool(TEST, "PMCP_CDK", "needs the CDK") else { return };
    let Some(python) = tool(TEST, "PMCP_AWS", "needs a Python with cfn-lint") else { return };

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("synth");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("a folder");
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cargo-pmcp/templates/aws-lambda");
    for file in ["app.ts", "server-stack.ts", "package.json"] {
        fs::copy(templates.join(file), folder.join(file)).expect("a template");
    }
    link(&cdk.join("node_modules"), &folder.join("node_modules"));
    fs::write(folder.join("crm.zip"), "").expect("writes");
    let zip = folder.join("crm.zip").display().to_string();
    let least = json!({
        "server": "crm", "region": "us-east-1", "zip": zip, "architecture": "arm64", "memory_mb": 256,
        "timeout_seconds": 30, "front": "function-url", "log_retention_days": 30, "reserved_concurrency": null,
        "environment": {}, "vpc": null, "throttling": null, "alarms": null, "cognito": null,
    });
    let mut all = least.clone();
    all["front"] = json!("http-api");
    all["reserved_concurrency"] = json!(5);
    all["environment"] = json!({ "GREETING": "Hello" });
    all["vpc"] = json!({ "subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"] });
    all["throttling"] = json!({ "requests_per_second": 5, "burst": 10 });
    all["alarms"] = json!({ "email": "ops@example.com", "dashboard": true });
    all["cognito"] = json!({ "scopes": ["read"], "callback_urls": ["http://localhost:3000/callback"] });

    for (name, settings, resources) in [
        ("least", least, &["AWS::Lambda::Url", "AWS::Lambda::Alias", "AWS::Logs::LogGroup"][..]),
        (
            "all",
            all,
            &[
                "AWS::ApiGatewayV2::Authorizer",
                "AWS::CloudWatch::Alarm",
                "AWS::CloudWatch::Dashboard",
                "AWS::Cognito::UserPoolDomain",
                "AWS::SNS::Subscription",
            ],
        ),
    ] {
        let path = folder.join(format!("{name}.json"));
        fs::write(&path, settings.to_string()).expect("writes");
        let out = folder.join(name);
        let made = run_to_end(
            Command::new(&node)
                .arg(cdk.join("node_modules/tsx/dist/cli.mjs"))
                .arg("app.ts")
                .current_dir(&folder)
                .env("CDK_OUTDIR", &out)
                .env("PMCP_SETTINGS", &path),
            LIMIT,
        );
        assert!(made.is_success(), "{name}: {made}");
        let template = out.join("crm.template.json");
        let text = fs::read_to_string(&template).expect("a template");
        for resource in resources {
            assert!(text.contains(&format!("\"{resource}\"")), "{name} has no {resource}");
        }
        assert!(!text.contains("\"Resource\": \"*\""), "{name}: a permission for everything");
        // Its warnings are about what the CDK repeats.
        let linted = run_to_end(
            Command::new(&python)
                .args([
                    "-c",
                    "import sys, cfnlint.runner; sys.exit(cfnlint.runner.main())",
                    "--ignore-checks",
                    "W",
                    "--template",
                ])
                .arg(&template),
            LIMIT,
        );
        assert!(linted.is_success(), "{name}: {linted}");
    }
}

#[cfg(unix)]
fn link(target: &Path, link: &Path) {
    std::os::unix::fs::symlink(target, link).expect("a link");
}

// Windows lets only administrators and machines in developer mode make links.
#[cfg(windows)]
fn link(target: &Path, link: &Path) {
    std::os::windows::fs::symlink_dir(target, link).expect("a link");
}
