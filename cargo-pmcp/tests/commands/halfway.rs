//! Deployments that stop before their end: what is said of what exists now, and what was not begun.

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant};

use super::Folder;

/// For what takes a moment.
const LIMIT: Duration = Duration::from_secs(30);

/// What a build makes.
const BUILDS: &str = "echo 'ELF, more or less' > target/lambda/crm-lambda/bootstrap";

/// A project and tools that all do what they are asked.
pub(super) fn project(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("Cargo.toml", "[workspace]\n");
    cargo(&folder, BUILDS);
    folder.printed(&["deploy", "init", "--target", "aws-lambda", "--name", "crm"]);
    for path in ["package-lock.json", "node_modules/.package-lock.json", "node_modules/.bin/cdk"] {
        folder.write(&format!("deploy/aws-lambda/{path}"), r#"{"packages":{}}"#);
    }
    folder.write("target/lambda/crm-lambda/bootstrap", "of a build before");
    for program in ["npm", "npx", "node", "cargo-lambda", "zig"] {
        folder.program(program, "exit 0");
    }
    folder.program("aws", &aws("{\"Outputs\":[]}", ""));
    folder
}

/// A cargo that knows the package, and builds as the script says.
pub(super) fn cargo(folder: &Folder, build: &str) {
    let package = r#"{"name":"crm-lambda","dependencies":[{"name":"pmcp-lambda"}]}"#;
    let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target"}}"#);
    folder.program("cargo", &format!("if [ $1 = metadata ]; then echo '{metadata}'; exit 0; fi\n{build}"));
}

const TAGS: &str =
    r#""Tags":[{"Key":"pmcp:server","Value":"crm"}],"Outputs":[{"OutputKey":"Url","OutputValue":"https://u/mcp"}]"#;

/// An account with a CDK toolkit and a stack; what is empty is not there.
pub(super) fn aws(toolkit: &str, stack: &str) -> String {
    let found = |stack: &str| match stack {
        "" => "echo '(ValidationError) Stack does not exist' >&2; exit 254".to_owned(),
        stack => format!("echo '{{\"Stacks\":[{stack}]}}'"),
    };
    let toolkit = match toolkit {
        "" => String::new(),
        toolkit => toolkit.replacen('{', "{\"StackStatus\":\"CREATE_COMPLETE\",", 1),
    };
    format!(
        "case \"$*\" in\n*get-caller-identity*) echo '{{\"Account\":\"123456789012\",\"Arn\":\"arn:aws:iam::1:user/ada\"}}' ;;\n\
         *list-stack-resources*) echo '{{\"StackResourceSummaries\":[]}}' ;;\n*CDKToolkit*) {} ;;\n*describe-stacks*) {} ;;\n*get-alias*) echo '{{\"FunctionVersion\":\"1\"}}' ;;\n\
         *list-versions*) echo '{{\"Versions\":[]}}' ;;\n*list-secrets*) echo '{{\"SecretList\":[]}}' ;;\n\
         *describe-log-groups*) echo '{{\"logGroups\":[]}}' ;;\n*list-user-pools*) echo '{{\"UserPools\":[]}}' ;;\n*) echo '{{}}' ;;\nesac",
        found(&toolkit),
        found(stack)
    )
}

pub(super) fn stack(state: &str) -> String {
    format!(r#"{{"StackStatus":"{state}",{TAGS}}}"#)
}

/// The exit code, and the message without what led to it; what is there already is taken for this project's.
pub(super) fn deploy(folder: &Folder) -> (Option<i32>, String) {
    let (code, words) = folder.refused(&["deploy", "--yes"]);
    let message = words.find("error: ").map(|begin| words[begin..].to_owned());
    (code, message.unwrap_or(words))
}

#[test]
fn an_account_that_was_never_bootstrapped_has_the_line_that_does_it() {
    let folder = project("unbootstrapped");
    folder.program("aws", &aws("", ""));
    cargo(&folder, "echo built >> began");
    let words = "error: the account 123456789012 was never bootstrapped in us-east-1: the CDK has no place for its files \
                 there\ndo it once: npx aws-cdk@2 bootstrap aws://123456789012/us-east-1\n";
    assert_eq!(deploy(&folder), (Some(4), words.into()));
    assert!(!folder.0.join("began").exists(), "nothing was built");
}

#[test]
fn a_stack_that_cannot_be_changed_is_left_alone() {
    let folder = project("states");
    for (state, code, words) in [
        (
            "ROLLBACK_COMPLETE",
            5,
            "error: the stack crm is in the state ROLLBACK_COMPLETE, from which it cannot be changed\nremove it with `cargo \
             pmcp deploy destroy`, and deploy again\n",
        ),
        (
            "UPDATE_ROLLBACK_FAILED",
            5,
            "error: the stack crm is in the state UPDATE_ROLLBACK_FAILED: a change failed, and taking it back failed too\n\
             type: aws cloudformation continue-update-rollback --stack-name crm --region us-east-1\n",
        ),
        (
            "REVIEW_IN_PROGRESS",
            5,
            "error: the stack crm is in the state REVIEW_IN_PROGRESS: somebody prepared it, and nothing came of that\nremove \
             it with `cargo pmcp deploy destroy`, and deploy again\n",
        ),
        (
            "UPDATE_IN_PROGRESS",
            5,
            "error: another change of the stack crm is under way (UPDATE_IN_PROGRESS)\nwait until `cargo pmcp deploy status` \
             says COMPLETE, and deploy again\n",
        ),
    ] {
        folder.program("aws", &aws("{\"Outputs\":[]}", &stack(state)));
        assert_eq!(deploy(&folder), (Some(code), words.into()));
    }
}

#[test]
fn what_does_not_compile_is_not_deployed() {
    let folder = project("build-error");
    cargo(&folder, "echo 'expected `;`' >&2; exit 101");
    folder.program("npx", "echo deployed >> began");
    let words = "error: `cargo lambda build --release --target aarch64-unknown-linux-gnu --package crm-lambda` failed (exit status: \
                 101); its own words are above\nmend what the compiler says above; nothing new was deployed\n";
    assert_eq!(deploy(&folder), (Some(1), words.into()));
    assert!(!folder.0.join("deploy/aws-lambda/began").exists(), "nothing was deployed");
}

#[test]
fn what_a_build_before_left_is_not_deployed() {
    let folder = project("stale");
    // As cargo does once the only binary has another name.
    cargo(&folder, "exit 0");
    folder.program("npx", "echo deployed >> began");
    let words = "error: the package crm-lambda was built, but there is no target/lambda/crm-lambda/bootstrap\ngive it a binary \
                 that is called crm-lambda, or name another `package` under [server] in .pmcp/deploy.toml\n";
    assert_eq!(deploy(&folder), (Some(1), words.into()));
    assert!(!folder.0.join("deploy/aws-lambda/began").exists(), "nothing was deployed");
}

#[test]
fn a_deployment_that_fails_says_what_exists_now() {
    let folder = project("cdk-fails");
    folder
        .program("npx", "echo 'Resource of type AWS::Lambda::Function with identifier crm already exists' >&2; exit 1");
    let call = "error: `npx --no-install cdk deploy crm --require-approval never --method direct --progress events` failed (exit \
                status: 1); its own words are above\n";
    let first = format!(
        "{call}the deployment of crm failed, and nothing exists of it now\nmend what it says, and deploy again\n"
    );
    assert_eq!(deploy(&folder), (Some(1), first));
    assert!(!folder.0.join(".pmcp/deployed.json").exists());

    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_ROLLBACK_COMPLETE")));
    let later = format!(
        "{call}the deployment of crm failed, and the stack is now in the state UPDATE_ROLLBACK_COMPLETE\nthe version before \
         answers as ever; mend what it says, and deploy again\n"
    );
    assert_eq!(deploy(&folder), (Some(1), later));
    let record = fs::read_to_string(folder.0.join(".pmcp/deployed.json")).expect("something is there");
    assert!(record.contains("\"begun\": true"), "{record}");
    folder.program("npx", "exit 0");
    folder.printed(&["deploy"]);
    let record = fs::read_to_string(folder.0.join(".pmcp/deployed.json")).expect("something is there");
    assert!(record.contains("\"crm\"") && !record.contains("begun"), "{record}");
}

#[test]
fn what_is_killed_half_way_is_not_forgotten() {
    let folder = project("killed");
    // The tool itself, as by a power cut.
    folder.program("npx", "kill -9 $PPID");
    assert_eq!(deploy(&folder).0, None);
    // What it has started goes on, and nobody comes between.
    folder.program(
        "npx",
        "exec > ../../said 2>&1; kill -9 $PPID; echo > ../../began; n=0; while ! [ -f ../../go ] && [ $n -lt 300 ]; do\n/bin/sleep 0.1; \
         n=$((n+1)); done; echo > ../../ended",
    );
    assert_eq!(deploy(&folder).0, None);
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < LIMIT, "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    };
    let is_there = |path: &str| folder.0.join(path).exists();
    wait("nothing was begun", &|| is_there("began"));
    let (code, words) = folder.refused(&["deploy", "destroy", "--yes", "--clean"]);
    folder.write("go", "");
    let held = "error: another cargo pmcp is changing this project, or what one has started: it holds ./.pmcp/lock\n";
    assert!(code == Some(5) && words.contains(held), "{words}");
    wait("what was begun has no end", &|| is_there("ended"));
    let free = File::options().write(true).open(folder.0.join(".pmcp/lock")).expect("a lock");
    wait("somebody has the lock for ever", &|| free.try_lock().is_ok());
    drop(free);
    folder.program("npx", "exit 0");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("CREATE_COMPLETE")));
    let note = "note: a deployment was begun and has not ended; if none is under way, run `cargo pmcp deploy` again, or \
                `destroy`\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(0), note.into()));
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("\"crm\"", "\"sales\""));
    let words = "error: a deployment of this project as crm in us-east-1 was begun and has not ended, and .pmcp/deploy.toml now \
                 says sales in us-east-1: that would be a second server, with a URL of its own\nput back what it said, or \
                 destroy that one first, or add --beside to have both\n";
    assert_eq!(deploy(&folder), (Some(5), words.into()));
    folder.write(".pmcp/deploy.toml", &config);
    let plan = folder.printed(&["deploy", "destroy", "--dry-run"]);
    assert!(plan.starts_with("remove  crm in us-east-1, with its URL and all its versions\n"), "{plan}");

    // If nothing came of it, or somebody else has removed it, it can be forgotten.
    folder.program("aws", &aws("{\"Outputs\":[]}", ""));
    folder.printed(&["deploy", "destroy", "--yes"]);
    assert!(!folder.0.join(".pmcp/deployed.json").exists());
}

#[test]
fn of_two_side_by_side_neither_is_forgotten() {
    let folder = project("beside");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    folder.printed(&["deploy", "--yes"]);
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("is there");
    folder.write(".pmcp/deploy.toml", &config.replace("us-east-1", "eu-west-1"));
    assert_eq!(deploy(&folder).0, Some(5));
    folder.printed(&["deploy", "--beside", "--yes"]);
    // Each is known from then on.
    folder.printed(&["deploy"]);
    folder.write(".pmcp/deploy.toml", &config);
    folder.printed(&["deploy"]);
    // What the other needs as well stays when one goes.
    let plan = folder.printed(&["deploy", "destroy", "--clean", "--yes"]);
    assert!(
        plan.starts_with("removed crm in us-east-1, with its URL") && !plan.contains("removed deploy/aws-lambda"),
        "{plan}"
    );
    let record = fs::read_to_string(folder.0.join(".pmcp/deployed.json")).expect("the other is there");
    assert!(record.contains("eu-west-1") && !record.contains("us-east-1"), "{record}");
    assert!(folder.0.join("deploy/aws-lambda/app.ts").exists());
}

#[test]
fn two_at_once_do_not_meet() {
    let folder = project("two");
    folder.program("aws", &aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE")));
    let other = File::create(folder.0.join(".pmcp/lock")).expect("a lock");
    other.lock().expect("nobody has it");
    let words = "error: another cargo pmcp is changing this project, or what one has started: it holds ./.pmcp/lock\nwait for it \
                 to end, and run this again\n";
    assert_eq!(deploy(&folder), (Some(5), words.into()));
    drop(other);
    assert_eq!(folder.printed(&["deploy", "--yes"]), "Url = https://u/mcp\n");
}
