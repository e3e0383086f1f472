//! Ctrl-C in the middle of a change: what is said of what may be half-way, and that nothing else is begun.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Folder;
use super::halfway::{aws, cargo, deploy, project, stack};

/// A program during which Ctrl-C comes, and that goes on as if nothing had been.
const INTERRUPTED: &str = "kill -INT $PPID; exec sleep 60";

#[test]
fn a_build_that_is_interrupted_leaves_nothing() {
    let folder = project("interrupted-build");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    cargo(&folder, INTERRUPTED);
    folder.program("npx", "echo deployed >> began");
    let begin = Instant::now();
    let words = "error: interrupted during `cargo lambda build --release --target aarch64-unknown-linux-gnu --package \
                 crm-lambda`\nnothing was deployed; run `cargo pmcp deploy` again\n";
    assert_eq!(deploy(&folder), (Some(130), words.into()));
    assert!(begin.elapsed() < Duration::from_secs(30), "it waited for a program that it should have ended");
    assert!(!folder.0.join("deploy/aws-lambda/began").exists(), "nothing else was begun");
    assert!(!folder.0.join(".pmcp/deployed.json").exists(), "nothing is remembered");
}

#[test]
fn a_deployment_that_is_interrupted_may_go_on_by_itself() {
    let folder = project("interrupted-deployment");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    folder.program("npx", INTERRUPTED);
    let words = "error: interrupted during `npx --no-install cdk deploy crm --require-approval never --method direct --progress \
                 events`\nCloudFormation goes on with what it has begun of crm: wait until `cargo pmcp deploy status` says \
                 COMPLETE or that nothing is deployed, and deploy again\n";
    assert_eq!(deploy(&folder), (Some(130), words.into()));

    // A terminal tells the program that runs as well, and it may be the first to end.
    folder.program("npx", "kill -INT $PPID; kill -INT $$");
    assert_eq!(deploy(&folder), (Some(130), words.into()));
}

#[test]
fn what_a_program_has_started_ends_with_it() {
    let folder = project("interrupted-family");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    // As npx does, which tells the CDK of no signal.
    folder.program("npx", "/bin/sh -c 'kill -INT $0; sleep 1; echo deployed > began' $PPID; :");
    let begin = Instant::now();
    assert_eq!(deploy(&folder).0, Some(130));
    assert!(begin.elapsed() < Duration::from_secs(30), "it waited for a program that it should have ended");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!folder.0.join("deploy/aws-lambda/began").exists(), "it went on after the tool had said that it had ended");
}

#[test]
fn the_second_interrupt_waits_for_nothing_and_says_so() {
    let folder = project("interrupted-twice");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    folder.program("npx", "trap '' TERM; kill -INT $PPID; sleep 1; kill -INT $PPID; sleep 5");
    let words = "error: interrupted twice, and so ended at once\nsee what `cargo pmcp deploy status` says, and run the same command \
                 again: it goes on from what is there\n";
    assert_eq!(deploy(&folder), (Some(130), words.into()));
}

#[test]
fn a_removal_that_is_interrupted_goes_on_by_itself() {
    let folder = project("interrupted-removal");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    let account = aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE"));
    folder.program(
        "aws",
        &format!(
            "case \"$*\" in *stack-delete-complete*) {INTERRUPTED} ;;\n*list-*|*log-groups*) exit 0 ;; esac\n{account}"
        ),
    );
    let (code, words) = folder.refused(&["deploy", "destroy", "--yes", "--unrecorded"]);
    let message = "error: interrupted during `aws cloudformation wait stack-delete-complete --stack-name crm`\nCloudFormation \
                   goes on removing crm; run the same command again to see that nothing is left\n";
    assert!(code == Some(130) && words.ends_with(message), "{code:?} {words}");
}

#[test]
fn a_question_that_is_interrupted_is_told_in_words() {
    let folder = Folder::new("interrupted-question");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    folder.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"pmcp-run\"\n[server]\nname = \"crm\"\n");
    let mut command = folder.command(&["deploy", "rollback"]);
    command.env("PMCP_RUN_URL", url).env("PMCP_RUN_TOKEN", "token").stdin(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("starts");
    let (mut asking, _) = listener.accept().expect("a question");
    let answer =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 20\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    asking.write_all(answer).expect("it reads");
    std::thread::sleep(Duration::from_millis(500));
    let told = Command::new("/bin/kill").args(["-INT", &child.id().to_string()]).status().expect("starts");
    assert!(told.success());
    let output = child.wait_with_output().expect("ends");
    let words = "error: interrupted before pmcp.run was asked again\nsee what `cargo pmcp deploy status` says, and run the same \
                 command again: it goes on from what is there\n";
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).expect("UTF-8")), (Some(130), words.into()));
}

#[test]
fn a_secret_that_is_interrupted_may_be_stored() {
    let folder = project("interrupted-secret");
    folder.program("sleep", "exec /bin/sleep \"$@\"");
    folder.program(
        "aws",
        &format!(
            "case \"$*\" in *describe-secret*|*describe-stacks*|*configure*) echo ResourceNotFoundException >&2; exit 254 ;; esac\n{INTERRUPTED}"
        ),
    );
    let mut command = folder.command(&["deploy", "secrets", "set", "KEY"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(b"s3cret").expect("it reads");
    let output = child.wait_with_output().expect("ends");
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(130));
    assert!(
        words.starts_with("error: interrupted during `aws secretsmanager create-secret --name crm/KEY "),
        "{words}"
    );
    assert!(words.ends_with(
        "whether the value was stored is not known: see `cargo pmcp deploy secrets list`, and run this again\n"
    ));
    assert!(!words.contains("s3cret"));
}
