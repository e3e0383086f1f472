//! The commands as a person meets them: exact words and exit codes, with an AWS CLI that says what the test wants.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that goes when the test ends well.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cargo-pmcp-{name}"));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        Self(folder)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("writes");
    }

    /// Puts a program on PATH that is this shell script.
    #[cfg(unix)]
    fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        let path = self.0.join("bin").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable");
    }

    /// Runs `cargo pmcp` with nothing on PATH but what the test put there.
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cargo-pmcp"))
            .arg("pmcp")
            .args(arguments)
            .current_dir(&self.0)
            .env("PATH", self.0.join("bin"))
            .output()
            .expect("starts")
    }

    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn config(&self) {
        self.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n");
    }
}

/// Compares with the file in tests/snapshots; `PMCP_UPDATE=1` writes it.
fn assert_snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("PMCP_UPDATE").is_some() {
        fs::write(&path, found).expect("writes");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; look, and run the tests with PMCP_UPDATE=1", path.display());
}

#[test]
fn a_new_project_is_what_it_was() {
    let folder = Folder::new("new");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    let targets = ["--target", "stdio", "--target", "aws-lambda", "--target", "google-cloud-run", "--target", "stdio"];
    let plan = folder.printed(&[&["new", "my-crm", "--path", "pmcp", "--dry-run"], &targets[..]].concat());
    assert!(!folder.0.join("my-crm").exists(), "a dry run writes nothing");
    folder.printed(&[&["new", "my-crm", "--path", "pmcp"], &targets[..]].concat());
    let mut shown = plan.clone();
    for line in plan.lines() {
        let path = line.strip_prefix("write   ").expect("a file");
        let content = fs::read_to_string(folder.0.join("my-crm").join(path)).expect("was written");
        shown.push_str(&format!("\n=== {path}\n{content}"));
    }
    assert_snapshot("new.txt", &shown.replace(&folder.0.display().to_string(), "/home/ada"));
}

#[test]
fn new_says_why_not() {
    let folder = Folder::new("new-refused");
    folder.write("pmcp/pmcp-core/Cargo.toml", "");
    folder.write("taken/file", "");
    for (arguments, code, words) in [
        (
            &["new", "taken", "--path", "pmcp"][..],
            5,
            "error: taken is there already, and not empty\nchoose another name, or remove it\n",
        ),
        (
            &["new", "My_Server", "--path", "pmcp"],
            5,
            "error: `My_Server` cannot be the server's name: a name has up to 50 lower-case letters, digits and hyphens, \
             begins with a letter and does not end with a hyphen\nchoose another name\n",
        ),
    ] {
        assert_eq!(folder.refused(arguments), (Some(code), words.to_owned()));
    }
    let (code, words) = folder.refused(&["new", "crm", "--path", "elsewhere"]);
    assert_eq!(code, Some(5));
    assert!(words.contains("elsewhere is no checkout of pmcp: it has no pmcp-core/Cargo.toml"), "{words}");
    let (code, words) = folder.refused(&["new", "crm"]);
    assert!(code == Some(2) && words.contains("--path <DIR>"), "{words}");
}

#[test]
fn init_writes_once_and_leaves_what_was_changed() {
    let folder = Folder::new("init");
    let arguments = ["deploy", "init", "--target", "aws-lambda", "--name", "crm", "--region", "eu-central-1"];
    let first = folder.printed(&arguments);
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("was written");
    assert_snapshot("init.txt", &format!("{first}\n=== .pmcp/deploy.toml\n{config}"));
    folder.write("deploy/aws-lambda/app.ts", "// mine\n");
    assert_eq!(folder.printed(&["deploy", "init"]), "left alone, as you changed it: deploy/aws-lambda/app.ts\n");
    assert_eq!(fs::read_to_string(folder.0.join("deploy/aws-lambda/app.ts")).expect("is there"), "// mine\n");
    assert_eq!(
        folder.refused(&["deploy", "init", "--name", "sales"]),
        (
            Some(5),
            "error: .pmcp/deploy.toml is there already, and says crm in eu-central-1\nchange `name` under [server] or \
             `region` under [aws] there, or leave out --name and --region\n"
                .into()
        )
    );
}

#[test]
fn nothing_is_guessed_where_nothing_is_known() {
    let folder = Folder::new("unknown");
    assert_eq!(
        folder.refused(&["deploy", "init", "--name", "crm"]),
        (Some(5), "error: no target was given, and there is nobody to ask\nadd --target aws-lambda\n".into())
    );
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert_eq!(code, Some(5));
    assert_eq!(
        words,
        "error: there is no .pmcp/deploy.toml\nmake one with `cargo pmcp deploy init`, or name the project's folder with -C\n"
    );
    folder.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"aws-lambda\"\n[server]\nnmae = \"crm\"\n");
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert_eq!(code, Some(3));
    assert!(words.contains("4 | nmae = \"crm\"\n  | ^^^^\nhelp: did you mean `name`?"), "{words}");
}

#[test]
fn a_missing_program_is_named_with_the_line_that_installs_it() {
    let folder = Folder::new("missing");
    folder.config();
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert_eq!(code, Some(4));
    assert!(
        words.starts_with("error: `aws` was not found on PATH\nto get it: install the AWS CLI: https://"),
        "{words}"
    );
    let output = folder.run(&["deploy", "doctor", "--json"]);
    assert_eq!(output.status.code(), Some(4));
    let checks: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON, though something is missing");
    assert_eq!(checks[0]["what"], "cargo");
    assert_eq!(checks[0]["ok"], false);
}

#[cfg(unix)]
#[test]
fn what_aws_says_is_told_with_what_to_do() {
    let folder = Folder::new("aws");
    folder.config();
    for (said, code, words) in [
        (
            "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
            4,
            "error: not logged in to AWS: the AWS CLI finds no credentials\nlog in: `aws configure sso`, or set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n",
        ),
        (
            "An error occurred (ExpiredToken) when calling the DescribeStacks operation: The security token is expired",
            4,
            "error: the login to AWS has expired\nlog in again: `aws sso login`\n",
        ),
        (
            "An error occurred (InvalidClientTokenId) when calling the DescribeStacks operation: The token is invalid.",
            4,
            "error: AWS does not know these credentials\nlog in again: `aws configure sso`; a region that was never \
             enabled says the same\n",
        ),
        (
            "Could not connect to the endpoint URL: \"https://cloudformation.us-east-1.amazonaws.com/\"",
            1,
            "error: AWS cannot be reached in us-east-1\nsee that the network is up, and that `region` under [aws] in \
             .pmcp/deploy.toml exists\n",
        ),
    ] {
        folder.program("aws", &format!("echo '{said}' >&2; exit 254"));
        assert_eq!(folder.refused(&["deploy", "status"]), (Some(code), words.to_owned()));
    }
    folder.program("aws", "echo 'An error occurred (ValidationError): Stack with id crm does not exist' >&2; exit 254");
    assert_eq!(folder.printed(&["deploy", "status"]), "crm is not deployed in us-east-1\n");
    assert_eq!(
        folder.refused(&["deploy", "outputs"]),
        (Some(1), "error: crm is not deployed in us-east-1\ndeploy it: `cargo pmcp deploy`\n".into())
    );
    folder.program("aws", "echo '{\"Stacks\":[{\"StackStatus\":\"CREATE_COMPLETE\"}]}'");
    assert_eq!(
        folder.refused(&["deploy", "outputs"]),
        (
            Some(5),
            "error: us-east-1 has a stack crm that cargo pmcp did not make\nchoose another `name` under [server] in \
             .pmcp/deploy.toml\n"
                .into()
        )
    );
}

#[cfg(unix)]
#[test]
fn a_dry_run_says_everything_and_does_nothing() {
    let folder = Folder::new("plan");
    folder.write(
        ".pmcp/deploy.toml",
        "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[aws]\nfront = \"http-api\"\n\
         throttling = { requests_per_second = 5, burst = 9 }\nvpc = { subnets = [\"subnet-1\"], security_groups = [\"sg-1\"] }\n\
         alarms = { email = \"ops@example.com\" }\n[environment]\nGREETING = \"Hello\"\nMOOD = \"good\"\n",
    );
    folder.program("cargo-lambda", "exit 1");
    let package = r#"{"name":"crm-lambda","dependencies":[{"name":"pmcp-lambda"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(!plan.contains("Hello"), "values stay out of what is printed: {plan}");
    assert!(!folder.0.join(".pmcp/build").exists());
    assert_snapshot("plan.txt", &plan);

    folder.write(".pmcp/deployed.json", r#"{"target_type":"aws-lambda","name":"crm","region":"eu-central-1"}"#);
    let words = "error: this project is deployed as crm in eu-central-1, and .pmcp/deploy.toml now says crm in us-east-1: that \
                 would be a second server, with a URL of its own\nput the old name and region back, or destroy that one \
                 first, or add --beside to have both\n";
    assert_eq!(folder.refused(&["deploy"]), (Some(5), words.into()));
}

#[test]
fn shells_get_completions() {
    let folder = Folder::new("completions");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(folder.printed(&["completions", shell]).contains("rollback"), "{shell}");
    }
}
