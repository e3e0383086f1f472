//! The CDK, which deploys what this program says and nothing else.

use std::fs;

use super::Folder;
use super::halfway::{aws, deploy, project, stack};

const THERE: &str = "{\"Outputs\":[]}";

fn read(folder: &Folder, path: &str) -> String {
    fs::read_to_string(folder.0.join(path)).unwrap_or_default()
}

#[test]
fn it_hears_of_no_option_from_elsewhere() {
    let folder = project("cdk-options");
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE")));
    folder.program("npx", "[ \"$1\" != --no-install ] || { echo \"$*\" > ../../called; /usr/bin/env > ../../seen; }");
    let mut deploy = folder.command(&["deploy", "--yes"]);
    let kept = ["CDK_DISABLE_CLI_TELEMETRY=true", "CDK_DOCKER=podman"];
    for set in ["CDK_PROFILE=other", "CDK_HOTSWAP=true", "CDKTAGS=a=b"].iter().chain(&kept) {
        let (name, value) = set.split_once('=').expect("a variable");
        deploy.env(name, value);
    }
    assert!(deploy.output().expect("starts").status.success());
    let seen = read(&folder, "seen");
    let mut cdk: Vec<&str> = seen.lines().filter(|line| line.starts_with("CDK")).collect();
    cdk.sort_unstable();
    assert_eq!(cdk, kept, "what is no option is passed on");
    // A profile of its own settings would lead to another account.
    let called = read(&folder, "called");
    assert!(called.starts_with("--no-install cdk deploy crm --require-approval "), "{called}");
    assert!(called.ends_with(" --output=cdk.out --profile=\n"), "{called}");
}

#[test]
fn what_is_live_is_what_was_packed() {
    let folder = project("cdk-code");
    let version = r#""Outputs":[{"OutputKey":"Version","OutputValue":"1"},"#;
    let account = |code: &str| {
        let found = aws(THERE, &stack("UPDATE_COMPLETE").replace("\"Outputs\":[", version));
        let code = format!("*get-function-configuration*) echo '{{\"CodeSha256\":\"{code}\"}}'; exit ;;");
        folder.program("aws", &format!("case \"$*\" in\n{code}\nesac\n{found}"));
    };
    account("of another build");
    let words = "error: crm is deployed, but its live version has not the code that was packed\nsomebody may have deployed right \
                 after: see `cargo pmcp deploy status`; else see that nothing in deploy/aws-lambda, nor in ~/.cdk.json, has the \
                 CDK deploy in another way, and deploy again\n";
    assert_eq!(deploy(&folder), (Some(1), words.into()));
    // Of the zip of what the build makes, whose bytes are always the same.
    let packed = fs::read(folder.0.join(".pmcp/build/crm.zip")).expect("was packed");
    account(&base64(&ring::digest::digest(&ring::digest::SHA256, &packed)));
    assert_eq!(deploy(&folder).0, Some(0));
}

fn base64(digest: &ring::digest::Digest) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(digest)
}

#[test]
fn what_was_deployed_elsewhere_is_not_forgotten() {
    let folder = project("cdk-elsewhere");
    let words = "error: crm is deployed, but there is no stack crm in us-east-1, in the account that the AWS CLI reaches\nsee what \
                 in deploy/aws-lambda gives the stack another name, region or account, and remove what was made there: `aws \
                 cloudformation delete-stack`\n";
    assert_eq!(deploy(&folder), (Some(1), words.into()));
    let record = read(&folder, ".pmcp/deployed.json");
    assert!(record.contains("\"crm\"") && record.contains("\"begun\": true"), "{record}");

    // What `stackName` in server-stack.ts calls it, the CDK has noted.
    let noted = r#"{"artifacts":{"Tree":{},"crm":{"properties":{"stackName":"my-crm"}}}}"#;
    folder.write("deploy/aws-lambda/cdk.out/manifest.json", noted);
    let none = aws(THERE, "");
    let other = |found: &str| format!("case \"$*\" in\n*--stack-name\\ my-crm*) {found} ;;\nesac\n{none}");
    folder.program("aws", &other("echo '{\"Stacks\":[{\"StackStatus\":\"CREATE_COMPLETE\"}]}'; exit"));
    for command in [&["deploy", "destroy", "--dry-run"][..], &["deploy", "destroy", "--clean", "--yes"]] {
        let (code, words) = folder.refused(command);
        let told = "error: deploy/aws-lambda has deployed crm as the stack my-crm, and there is no stack crm\n";
        assert!(code == Some(5) && words.contains(told), "{words}");
        assert!(
            words.ends_with(": aws cloudformation delete-stack --stack-name my-crm --region us-east-1\n"),
            "{words}"
        );
    }
    assert_eq!(read(&folder, ".pmcp/deployed.json"), record);
    folder.program("aws", &other("echo '(ValidationError) Stack does not exist' >&2; exit 254"));
    folder.printed(&["deploy", "destroy", "--clean", "--yes"]);
    assert_eq!(read(&folder, ".pmcp/deployed.json"), "");
}

#[test]
fn what_is_live_is_looked_at_whatever_the_app_says_of_versions() {
    let folder = project("cdk-version");
    let output = r#""Outputs":[{"OutputKey":"Version","OutputValue":"v2"},"#;
    let found = aws(THERE, &stack("UPDATE_COMPLETE").replace("\"Outputs\":[", output));
    let code = "*get-function-configuration*) echo '{\"CodeSha256\":\"of another build\"}'; exit ;;";
    folder.program("aws", &format!("case \"$*\" in\n{code}\nesac\n{found}"));
    let (code, words) = deploy(&folder);
    let told = "error: crm is deployed, but its live version has not the code that was packed\n";
    assert!(code == Some(1) && words.starts_with(told), "{words}");
}

#[test]
fn what_is_half_there_is_installed_again_and_by_itself() {
    let folder = project("cdk-half");
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE")));
    folder.program("npm", "echo \"$*\" >> ../../installed");
    folder.printed(&["deploy", "--yes"]);
    assert_eq!(read(&folder, "installed"), "");
    fs::remove_dir_all(folder.0.join("deploy/aws-lambda/node_modules/.bin")).expect("was there");
    folder.printed(&["deploy"]);
    // Whatever workspace of npm's is around it.
    assert_eq!(read(&folder, "installed"), "ci --no-audit --no-fund --ignore-scripts --workspaces=false\n");
}

#[test]
fn the_builder_makes_what_is_packed_whatever_it_is_set_to() {
    let folder = project("cdk-builder");
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE")));
    super::halfway::cargo(&folder, "echo \"$*\" > built\necho ELF > target/lambda/crm-lambda/bootstrap");
    folder.printed(&["deploy", "--yes"]);
    let built = read(&folder, "built");
    assert!(built.ends_with(" --output-format=binary --lambda-dir=target/lambda\n"), "{built}");
}
