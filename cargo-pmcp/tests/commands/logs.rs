//! `cargo pmcp deploy logs`: what reaches the AWS CLI, and what reaches the terminal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::Folder;

const AWS: &str = r#"
printf '%s\n' "$@" >> calls
case "$*" in
  *describe-stacks*) echo '{"Stacks":[{"StackStatus":"UPDATE_COMPLETE","Tags":[{"Key":"pmcp:server","Value":"crm"}],
    "Outputs":[{"OutputKey":"LogGroup","OutputValue":"crm-Log"}]}]}' ;;
  *filter-log-events*) printf '%s' '{"events":[{"eventId":"1","timestamp":1,"message":"a\tb\u001b[2Jc\r\nerror: d\n"}]}' ;;
esac
"#;

#[test]
fn a_pattern_is_never_an_option_of_the_aws_cli() {
    let folder = Folder::new("logs-filter");
    folder.config();
    folder.program("aws", AWS);
    for (pattern, input) in [
        ("--debug", r#"{"filterPattern":"--debug"}"#),
        ("file:///etc/passwd", r#"{"filterPattern":"file:///etc/passwd"}"#),
        ("\"a b\"", r#"{"filterPattern":"\"a b\""}"#),
    ] {
        folder.write("calls", "");
        folder.printed(&["deploy", "logs", &format!("--filter={pattern}")]);
        let calls = fs::read_to_string(folder.0.join("calls")).expect("was written");
        assert!(calls.contains(&format!("\n--cli-input-json\n{input}\n")), "{calls}");
        assert!(!calls.lines().any(|argument| argument == pattern), "{calls}");
    }
}

#[test]
fn a_line_moves_no_terminal_and_stays_one_line() {
    let folder = Folder::new("logs-lines");
    folder.config();
    folder.program("aws", AWS);
    assert_eq!(folder.printed(&["deploy", "logs"]), "1970-01-01T00:00:00.001Z a\tb\\u{1b}[2Jc\\r\\nerror: d\n");
    let json = folder.printed(&["deploy", "logs", "--json"]);
    assert!(json.contains(r#""message": "a\tb\u001b[2Jc\r\nerror: d\n""#), "{json}");
    assert!(json.contains(r#""timestamp": "1970-01-01T00:00:00.001Z""#), "{json}");
}

#[test]
fn where_nothing_was_logged_nothing_is_printed() {
    let folder = Folder::new("logs-none");
    folder.config();
    folder.program("aws", &AWS.replace("\"events\":[{", "\"none\":[{").replace("{\"none\"", "{\"events\":[],\"none\""));
    let output = folder.run(&["deploy", "logs"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let words = "note: nothing was logged in that time; --since looks further back\n";
    assert_eq!(String::from_utf8(output.stderr).expect("UTF-8"), words);
}

#[test]
fn what_follows_ends_when_nobody_reads_it() {
    let folder = Folder::new("logs-head");
    folder.config();
    folder.program("aws", AWS);
    let mut command = folder.command(&["deploy", "logs", "--tail"]);
    let mut tail = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    let mut lines = BufReader::new(tail.stdout.take().expect("a pipe"));
    lines.read_line(&mut line).expect("a line");
    assert!(line.contains("error: d"), "{line}");
    // As `head -1` does; and no other line comes.
    drop(lines);
    let begin = Instant::now();
    while tail.try_wait().expect("a child can be waited for").is_none() {
        if begin.elapsed() > Duration::from_secs(20) {
            tail.kill().expect("it runs");
            panic!("it goes on although nobody reads");
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(tail.wait().expect("has ended").success());
}

#[test]
fn what_follows_waits_for_no_program_that_it_is_told_to_leave() {
    let folder = Folder::new("logs-slow");
    folder.config();
    // This program alone is told, and not the one that it waits for.
    let slow = "case \"$*\" in *filter-log-events*) kill -TERM $PPID; exec /bin/sleep 60 ;; esac";
    folder.program("aws", &format!("{slow}\n{AWS}"));
    let begin = Instant::now();
    let output = folder.run(&["deploy", "logs", "--tail"]);
    assert!(begin.elapsed() < Duration::from_secs(30), "it waited for the program");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(0), "".into()));
}

#[test]
fn a_time_and_what_does_not_go_together_are_seen_on_the_command_line() {
    let folder = Folder::new("logs-usage");
    folder.config();
    folder.program("aws", AWS);
    assert_eq!(
        folder.refused(&["deploy", "logs", "--since", "1w"]),
        (
            Some(2),
            "error: invalid value '1w' for '--since <TIME>': times look like this: 30s, 10m, 1h, 2d\n\nFor more \
             information, try '--help'.\n"
                .into()
        )
    );
    // What a tool would be given may be nobody's business.
    let words =
        "error: invalid value '…' for '--arguments <JSON>': it is no JSON object, such as '{\"name\":\"Ada\"}'\n";
    let (code, told) = folder.refused(&["deploy", "test", "--arguments", "[\"s3cret\"]"]);
    assert!(code == Some(2) && told.starts_with(words), "{told}");
    assert!(!folder.0.join("calls").exists(), "nobody is asked before");
    assert_eq!(
        folder.refused(&["deploy", "logs", "--tail", "--json"]),
        (
            Some(2),
            "error: --tail does not end, so there is no --json of it\nleave out one of them; with --json the command ends, \
             and what it prints is one document\n"
                .into()
        )
    );
}

#[test]
fn a_platform_that_is_asked_too_often_is_asked_again() {
    let folder = Folder::new("logs-throttled");
    folder.config();
    // The second and third time it is too much, and the fourth is the end.
    let throttled = r#"
case "$*" in *filter-log-events*) echo x >> asked
  case $(wc -l < asked) in *[23]) echo 'An error occurred (ThrottlingException): Rate exceeded' >&2; exit 254 ;;
    *4) kill -INT $PPID ;; esac ;; esac"#;
    folder.program("wc", "exec /usr/bin/wc \"$@\"");
    folder.program("aws", &format!("{throttled}\n{AWS}"));
    let output = folder.run(&["deploy", "logs", "--tail"]);
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{words}");
    let note = "note: asked again in a moment, as this failed: `aws logs filter-log-events ";
    assert_eq!(words.matches(note).count(), 2, "{words}");
    assert!(String::from_utf8(output.stdout).expect("UTF-8").contains("error: d"));

    // What never worked is no hitch.
    folder.program("aws", &AWS.replace("filter-log-events*)", "filter-log-events*) echo 'Throttling' >&2; exit 254;"));
    assert_eq!(folder.run(&["deploy", "logs", "--tail"]).status.code(), Some(1));
}
