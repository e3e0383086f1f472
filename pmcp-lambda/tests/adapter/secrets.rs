//! Secrets that are fetched before the server is made, from a Secrets Manager that is made up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pmcp_tests::{Front, Lambda, binary, run_to_end};
use serde_json::{Value, json};

use super::{PROBE, call, text};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/DATABASE_URL-a1b2c3";
const BINARY: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/BINARY-a1b2c3";

const BUSY: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/BUSY-a1b2c3";

/// Its address. It knows three entries, and ends with the test's process.
fn secrets_manager() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || while serve(&stream).is_some() {});
        }
    });
    address
}

fn serve(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let line = head[begin..].trim_end();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked: Value = serde_json::from_slice(&body).ok()?;
    let head = head.to_ascii_lowercase();
    let signed = head.contains("authorization: aws4-hmac-sha256 credential=akid/")
        && head.contains("x-amz-security-token: session")
        && head.contains("x-amz-target: secretsmanager.getsecretvalue");
    let (status, answer) = match asked["SecretId"].as_str() {
        _ if !signed => (403, json!({ "__type": "MissingAuthenticationTokenException" })),
        Some(ARN) => (200, json!({ "ARN": ARN, "SecretString": "postgres://ada:pass word=\"1\"@db" })),
        Some(BUSY) => {
            static ASKED: AtomicU32 = AtomicU32::new(0);
            match ASKED.fetch_add(1, Ordering::Relaxed) {
                0 => (400, json!({ "__type": "ThrottlingException", "Message": "Rate exceeded" })),
                1 => (500, json!({ "__type": "InternalServiceError", "Message": "" })),
                _ => (200, json!({ "ARN": BUSY, "SecretString": "found" })),
            }
        }
        Some(BINARY) => (200, json!({ "ARN": BINARY, "SecretBinary": "AAAA" })),
        _ => (400, json!({ "__type": "AccessDeniedException", "Message": "this role may not" })),
    };
    let answer = answer.to_string();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} \r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).ok()
}

#[test]
fn the_server_finds_its_secrets_in_the_environment() {
    let secrets = json!({ "DATABASE_URL": ARN, "BUSY": BUSY }).to_string();
    let endpoint = secrets_manager();
    let lambda = Lambda::start(
        &PROBE,
        &[
            ("PMCP_SECRETS", &secrets),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("AWS_SESSION_TOKEN", "session"),
        ],
    );
    let variable = |name: &str| text(&lambda.exchange(Front::Http, &call("variable", json!({ "name": name }))));
    assert_eq!(variable("DATABASE_URL"), "postgres://ada:pass word=\"1\"@db");
    assert_eq!(variable("BUSY"), "found", "what may pass is tried again");
    assert_eq!(variable("PMCP_SECRETS"), "environment variable not found");
    assert!(!lambda.log().contains("postgres"), "{}", lambda.log());
}

#[test]
fn without_its_secrets_there_is_no_server() {
    let endpoint = secrets_manager();
    let other = ARN.replace("DATABASE_URL", "OTHER");
    let own = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "key"), ("AWS_SESSION_TOKEN", "session")];
    for (secrets, endpoint, env, words) in [
        (
            json!({ "A": other }),
            &endpoint as &str,
            &own[..],
            "cannot be read: AccessDeniedException: this role may not",
        ),
        (json!({ "A": BINARY }), &endpoint, &own, "cannot be read: it is no text, and a variable must be"),
        (json!({ "A": "crm" }), &endpoint, &own, "the secret A (crm) cannot be read: this is no ARN"),
        (
            json!({ "A": ARN }),
            "http://127.0.0.1:9",
            &own,
            "from a private network it is reached through a VPC endpoint",
        ),
        (json!({ "A": ARN }), &endpoint, &own[..1], "PMCP_SECRETS is set, and AWS_SECRET_ACCESS_KEY is not"),
        (json!("A"), &endpoint, &own, "PMCP_SECRETS is no JSON object of variables and ARNs"),
    ] {
        let mut command = Command::new(&*PROBE);
        command.env_remove("AWS_SECRET_ACCESS_KEY").envs(env.iter().copied());
        command.env("PMCP_SECRETS", secrets.to_string()).env("AWS_ENDPOINT_URL", endpoint);
        let begin = Instant::now();
        let finished = run_to_end(&mut command, Duration::from_secs(20));
        assert_eq!(finished.status.and_then(|status| status.code()), Some(1), "{finished}");
        assert!(finished.stderr.contains(words), "no {words:?}: {finished}");
        assert!(begin.elapsed() < Duration::from_secs(10), "Lambda would have given up");
    }
}

#[test]
fn a_secrets_manager_that_does_not_answer_is_told_of_in_time() {
    // It accepts connections, as a system does for its programs, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let mut command = Command::new(&*PROBE);
    command.env("PMCP_SECRETS", json!({ "A": ARN, "B": BINARY, "C": BUSY }).to_string()).envs([
        ("AWS_ENDPOINT_URL", &endpoint as &str),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ]);
    let begin = Instant::now();
    let finished = run_to_end(&mut command, Duration::from_secs(20));
    assert!(finished.stderr.contains("the secret A ("), "{finished}");
    assert!(begin.elapsed() < Duration::from_secs(10), "Lambda would have given up");
}

#[test]
fn a_server_without_the_feature_says_that_it_lacks_it() {
    let mut command = Command::new(binary("calculator-lambda"));
    let finished = run_to_end(command.env("PMCP_SECRETS", "{}"), Duration::from_secs(10));
    let words = "pmcp-lambda was built without its feature `secrets`: add it in Cargo.toml";
    assert!(finished.stderr.contains(words), "{finished}");
}
