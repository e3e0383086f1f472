//! What a person meets first when something is missing or refused: its words and its exit code.

use super::Folder;

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

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_missing_compiler_is_not_the_only_way() {
    let (other, own) = if cfg!(target_arch = "x86_64") { ("arm64", "x86_64") } else { ("x86_64", "arm64") };
    let folder = Folder::new("compiler");
    let config = "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[aws]\narchitecture = ";
    folder.write(".pmcp/deploy.toml", &format!("{config}\"{other}\"\n"));
    let output = folder.run(&["deploy", "doctor"]);
    let words = String::from_utf8(output.stdout).expect("UTF-8");
    let line = words.lines().find(|line| line.contains("a compiler for")).expect("a line");
    let advice =
        format!("; or set `architecture = \"{own}\"` under [aws] in .pmcp/deploy.toml, which needs nothing else");
    assert!(line.starts_with("MISSING") && line.ends_with(&advice), "{line}");
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
            "Error loading SSO Token: Token for https://example.awsapps.com/start does not exist",
            4,
            "error: the login to AWS has expired\nlog in again: `aws sso login`\n",
        ),
        (
            "The config profile (work) could not be found",
            4,
            "error: the AWS CLI has no profile `work`\nmake it with `aws configure sso`, or correct AWS_PROFILE, or `profile` \
             under [aws] in .pmcp/deploy.toml\n",
        ),
        (
            "Read timeout on endpoint URL: \"https://cloudformation.us-east-1.amazonaws.com/\"",
            1,
            "error: AWS took too long to answer in us-east-1\nit may have done what it was asked: see `cargo pmcp deploy \
             status`, and run the command again\n",
        ),
        (
            "Failed to connect to proxy URL: \"http://127.0.0.1:9\"",
            1,
            "error: `aws cloudformation describe-stacks --stack-name crm --output json` failed: Failed to connect to proxy URL: \
             \"http://127.0.0.1:9\"\ncorrect HTTPS_PROXY, or unset it: it says by which way AWS is reached\n",
        ),
        (
            "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
            4,
            "error: `aws cloudformation describe-stacks --stack-name crm --output json` failed: Partial credentials found in \
             env, missing: AWS_SECRET_ACCESS_KEY\nset what is missing, or log in: `aws configure sso`\n",
        ),
        (
            "Error when retrieving credentials from custom-process: no such key",
            4,
            "error: `aws cloudformation describe-stacks --stack-name crm --output json` failed: Error when retrieving credentials \
             from custom-process: no such key\nsee that what the profile names, such as its `credential_process`, gives \
             credentials by itself\n",
        ),
        (
            "Enter MFA code for arn:aws:iam::1:mfa/ada: EOF when reading a line",
            4,
            "error: the profile wants a code from a device, and there is nobody to ask\nrun it at a terminal; or get a session \
             with `aws sts get-session-token`, and export what that prints\n",
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
             .pmcp/deploy.toml; if it is this server's, and has lost its tag, give it back: aws cloudformation update-stack \
             --stack-name crm --use-previous-template --capabilities CAPABILITY_IAM --tags Key=pmcp:server,Value=crm --region \
             us-east-1\n"
                .into()
        )
    );
    // What is in it has its own.
    let tagged = r#"{"Properties":{"Tags":[{"Key":"pmcp:server","Value":"crm"}]}}"#;
    folder.program(
        "aws",
        &format!(
            "case \"$*\" in\n*get-template*) echo '{{\"TemplateBody\":{{\"Resources\":{{\"Log\":{tagged}}}}}}}' ;;\n\
             *describe-stacks*) echo '{{\"Stacks\":[{{\"StackStatus\":\"CREATE_COMPLETE\"}}]}}' ;;\n*) echo '{{}}' ;;\nesac"
        ),
    );
    assert_eq!(folder.printed(&["deploy", "outputs"]), "");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read_for_ever() {
    let folder = Folder::new("endless");
    std::fs::create_dir_all(folder.0.join(".pmcp")).expect("a folder");
    let words =
        "error: .pmcp/deploy.toml is no file of up to 1 MiB\nremove it, and write one with `cargo pmcp deploy init`\n";
    std::os::unix::fs::symlink("/dev/zero", folder.0.join(".pmcp/deploy.toml")).expect("a link");
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(3), words.into()));
    std::fs::remove_file(folder.0.join(".pmcp/deploy.toml")).expect("is removed");
    let made = std::process::Command::new("mkfifo").arg(folder.0.join(".pmcp/deploy.toml")).status();
    assert!(made.expect("`mkfifo` starts").success());
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(3), words.into()));
}

#[test]
fn a_secret_in_deploy_toml_is_not_repeated_however_it_is_written() {
    let folder = Folder::new("repeated");
    let least = "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n";
    folder.write(".pmcp/deploy.toml", &format!("\"secrets\".TOKEN = \"hunter2\"\n{least}"));
    let words = "error: the value of a secret does not belong in this file\n --> .pmcp/deploy.toml:1:1\n  |\n1 | …\n  | ^\n\
                 help: write `KEY = {}` here, and store the value with `cargo pmcp deploy secrets set KEY`; take what was \
                 here for known to others\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(3), words.into()));
    let text = "[environment]\nA = \"\"\"\n[server]\n\"\"\"\ntok = [\"hunter2\"]\n";
    folder.write(".pmcp/deploy.toml", &format!("{least}{text}"));
    let words =
        "error: invalid type: sequence, expected a string\n --> .pmcp/deploy.toml:9:7\n  |\n9 | tok = …\n  |       ^\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(3), words.into()));
    folder.write(".pmcp/deploy.toml", &format!("{least}[environment]\n\"A=hunter2\" = \"x\"\n"));
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert!(code == Some(3) && words.starts_with("error: `environment.A=…` is wrong: "), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
}
