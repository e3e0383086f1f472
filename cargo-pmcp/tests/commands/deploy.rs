//! `cargo pmcp deploy` and `init`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

#[cfg(unix)]
use super::halfway::cargo;
use super::{Folder, assert_snapshot};

#[cfg(unix)]
#[test]
fn init_writes_once_and_leaves_what_was_changed() {
    let folder = Folder::new("init");
    folder.write("Cargo.toml", "[workspace]\n");
    cargo(&folder, "exit 0");
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
            "error: .pmcp/deploy.toml is there already, and says crm in eu-central-1\nchange that under [server] in the file, or \
             leave out what says otherwise here\n"
                .into()
        )
    );
}

#[cfg(unix)]
#[test]
fn init_takes_the_region_of_this_machine_and_says_what_is_next() {
    let folder = Folder::new("init-region");
    folder.write("Cargo.toml", "[workspace]\n");
    cargo(&folder, "exit 0");
    let mut init = folder.command(&["deploy", "init", "--target", "aws-lambda", "--name", "crm"]);
    let output = init.env("AWS_REGION", "eu-north-1").output().expect("starts");
    let next = "next: `cargo pmcp deploy doctor` says what is missing, `cargo pmcp deploy` deploys\n";
    assert_eq!(String::from_utf8(output.stderr).expect("UTF-8"), next);
    let config = fs::read_to_string(folder.0.join(".pmcp/deploy.toml")).expect("was written");
    assert!(config.contains("region = \"eu-north-1\""), "{config}");
    // What is written stays.
    let output = init.env("AWS_REGION", "eu-west-1").output().expect("starts");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"everything is there already\n"[..]));
}

#[test]
fn nothing_is_guessed_where_nothing_is_known() {
    let folder = Folder::new("unknown");
    let (code, words) = folder.refused(&["deploy", "init", "--name", "crm"]);
    let asked = "error: no target was given, and there is nobody to ask\nadd --target aws-lambda, or --target ";
    assert!(code == Some(2) && words.starts_with(asked), "{words}");
    assert_eq!(
        folder.refused(&["deploy", "init", "--target", "aws-lambda", "--name", "crm"]),
        (
            Some(5),
            "error: . has no Cargo.toml, so there is no server in it\nmake one with `cargo pmcp new`, or name the folder \
             of its workspace with -C\n"
                .into()
        )
    );
    assert_eq!(
        folder.refused(&["deploy", "init", "--target", "aws-lambda", "--name", "crm", "--region", "frankfurt"]),
        (Some(2), "error: `frankfurt` is no region\nthey look like this: --region eu-central-1\n".into())
    );
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert_eq!(code, Some(3));
    assert_eq!(
        words,
        "error: there is no .pmcp/deploy.toml\nmake one with `cargo pmcp deploy init`, or go into the project, or name its folder \
         with -C\n"
    );
    folder.write(".pmcp/deploy.toml", "[target]\ntarget_type = \"aws-lambda\"\n[server]\nnmae = \"crm\"\n");
    let (code, words) = folder.refused(&["deploy", "status"]);
    assert_eq!(code, Some(3));
    assert!(words.contains("4 | nmae = …\n  | ^^^^\nhelp: did you mean `name`?"), "{words}");
    std::fs::write(folder.0.join(".pmcp/deploy.toml"), b"[target]\n# \xff\n").expect("writes");
    assert_eq!(
        folder.refused(&["deploy", "status"]),
        (Some(3), "error: line 2 of .pmcp/deploy.toml is no UTF-8\nsave the file as UTF-8\n".into())
    );
}

#[test]
fn a_test_wants_the_address_of_a_server() {
    let folder = Folder::new("address");
    assert_eq!(
        folder.refused(&["deploy", "test", "--url", "file:///etc/passwd"]),
        (
            Some(2),
            "error: `file:///etc/passwd` is no address of a server\nthey look like this: https://mcp.example.com/mcp\n"
                .into()
        )
    );
    let token = ["deploy", "test", "--url", "http://127.0.0.1:1/mcp", "--token-from-env", "sk-1"];
    assert_eq!(
        folder.refused(&token),
        (
            Some(2),
            "error: the variable that --token-from-env names is not set here, or is no text\nexport it, or leave out \
             --token-from-env\n"
                .into()
        )
    );
    assert_eq!(
        folder.refused(&["deploy", "test", "--url", "http://127.0.0.1:1/mcp"]),
        (
            Some(1),
            "error: http://127.0.0.1:1/mcp failed the test at server/discover\nsee that the network is up, and that a server \
             listens at this address\n"
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
    folder.program("zig", "exit 1");
    let package = r#"{"name":"crm-lambda","dependencies":[{"name":"pmcp-lambda"}]}"#;
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    assert_eq!(
        folder.refused(&["deploy", "--dry-run"]),
        (
            Some(5),
            "error: deploy/aws-lambda/cdk.json is not there\nwrite it with `cargo pmcp deploy init --target aws-lambda`; what \
             you changed elsewhere stays\n"
                .into()
        )
    );
    folder.write("deploy/aws-lambda/cdk.json", "{}");
    let plan = folder.printed(&["deploy", "--dry-run"]);
    assert!(!plan.contains("Hello"), "values stay out of what is printed: {plan}");
    assert!(!folder.0.join(".pmcp/build").exists());
    assert_snapshot("plan.txt", &plan);

    folder.write(".pmcp/deployed.json", r#"{"target_type":"aws-lambda","name":"crm","region":"eu-central-1"}"#);
    let words = "error: this project is deployed as crm in eu-central-1, and .pmcp/deploy.toml now says crm in us-east-1: that \
                 would be a second server, with a URL of its own\nput back what it said, or destroy that one first, or \
                 add --beside to have both\n";
    assert_eq!(folder.refused(&["deploy"]), (Some(5), words.into()));
    assert_eq!(folder.refused(&["deploy", "--dry-run"]), (Some(5), words.into()));
    let plan = folder.printed(&["deploy", "--dry-run", "--beside"]);
    assert!(
        plan.contains("now says crm in us-east-1: that would be a second server, with a URL of its own\n"),
        "{plan}"
    );
    assert!(plan.ends_with("\nnote: AWS Lambda was not asked: what is not there yet is made; a crm that is there is replaced only if you say so \
             then, or with --yes\n"), "{plan}");
    folder.program(
        "aws",
        "case \"$*\" in *get-caller-identity*) echo '{\"Account\":\"1\",\"Arn\":\"a\"}'; exit ;; esac\n\
         echo 'Stack with id crm does not exist (ValidationError)' >&2; exit 254",
    );
    let words = "note: this project is deployed as crm in eu-central-1, and .pmcp/deploy.toml now says crm in us-east-1: this \
                 is the latter\n";
    assert_eq!(folder.refused(&["deploy", "status"]), (Some(0), words.into()));
    let missing = format!(
        "{words}error: crm is not deployed in us-east-1\nput back what .pmcp/deploy.toml said, or have both: `cargo pmcp deploy \
         --beside`\n"
    );
    for command in ["logs", "test", "rollback"] {
        assert_eq!(folder.refused(&["deploy", command]), (Some(1), missing.clone()), "{command}");
    }
    let plan = folder.printed(&["deploy", "destroy", "--dry-run"]);
    assert!(plan.ends_with(words), "{plan}");
}

#[cfg(unix)]
#[test]
fn init_writes_the_main_that_is_missing_and_makes_it_a_member() {
    let folder = Folder::new("main");
    let root = folder.0.display().to_string();
    let manifest = "[workspace]\nmembers = [\n    \"server\", # the server itself\n]\n";
    folder.write("Cargo.toml", manifest);
    let core = r#"{"name":"pmcp-core","path":"/src/pmcp/pmcp-core"}"#;
    let library = r#"{"name":"my-crm","kind":["lib"]}"#;
    let package = format!(
        r#"{{"name":"my-crm","manifest_path":"{root}/server/Cargo.toml","dependencies":[{core}],"targets":[{library}]}}"#
    );
    let metadata = format!(r#"{{"packages":[{package}],"target_directory":"target","workspace_root":"{root}"}}"#);
    folder.program("cargo", &format!("echo '{metadata}'"));
    let init = ["deploy", "init", "--target", "aws-lambda", "--name", "crm"];
    let plan = folder.printed(&[&init[..], &["--dry-run"]].concat());
    assert!(
        plan.starts_with("change  Cargo.toml\n        aws-lambda is a member\nwrite   .pmcp/deploy.toml\n"),
        "{plan}"
    );
    let printed = folder.printed(&init);
    assert!(
        printed.contains("wrote aws-lambda/src/main.rs\nchanged Cargo.toml: aws-lambda is a member\n"),
        "{printed}"
    );
    let read = |path: &str| fs::read_to_string(folder.0.join(path)).expect("is there");
    assert_eq!(read("Cargo.toml"), manifest.replace("\"server\"", "\"server\", \"aws-lambda\""));
    assert_eq!(
        read("aws-lambda/Cargo.toml"),
        "[package]\nname = \"my-crm-lambda\"\nversion = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.91\"\n\n[dependencies]\n\
         my-crm = { path = \"../server\" }\npmcp-lambda = { path = \"/src/pmcp/pmcp-lambda\" }\n\
         tokio = { version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }\n"
    );
    assert!(read("aws-lambda/src/main.rs").contains("pmcp_lambda::run(my_crm::server()).await"));
}

#[test]
fn what_all_commands_know_stands_before_or_after_them() {
    let folder = Folder::new("global");
    folder.config();
    for arguments in [
        &["deploy", "status", "--json", "--target", "pmcp-run", "-C", "."][..],
        &["deploy", "--json", "--target", "pmcp-run", "-C", ".", "status"],
        &["--json", "-C", ".", "deploy", "--target", "pmcp-run", "status"],
    ] {
        let (code, words) = folder.refused(arguments);
        assert!(code == Some(4) && words.starts_with("error: not logged in to pmcp.run\n"), "{arguments:?}: {words}");
    }
    for options in [&["--dry-run"][..], &["--beside"], &["--yes"], &["--builder", "docker"]] {
        let option = options[0];
        let words = format!(
            "error: before a subcommand of `cargo pmcp deploy` there is no {option}\nwrite it after the subcommand, if that \
             has it, or leave it out\n"
        );
        assert_eq!(folder.refused(&[&["deploy"], options, &["rollback"]].concat()), (Some(2), words));
    }
}

#[test]
fn a_subcommand_of_deploy_is_known_without_that_word() {
    let folder = Folder::new("without-deploy");
    for word in ["destroy", "logs", "init", "doctor", "secrets"] {
        let (code, words) = folder.refused(&[word]);
        assert_eq!(code, Some(2));
        let begin =
            format!("error: unrecognized subcommand '{word}'\n\n  tip: it is `cargo pmcp deploy {word}`\n\nUsage: ");
        assert!(words.starts_with(&begin), "{words}");
    }
    let (_, words) = folder.refused(&["depoy"]);
    assert!(words.contains("  tip: a similar subcommand exists: 'deploy'\n"), "{words}");
}

#[test]
fn lines_to_type_name_the_target_that_was_named() {
    let folder = Folder::new("target-named");
    folder.config();
    let words = "error: not logged in to pmcp.run\nlog in: `cargo pmcp deploy --target pmcp-run login`\n";
    assert_eq!(folder.refused(&["deploy", "status", "--target", "pmcp-run"]), (Some(4), words.into()));
}

#[test]
fn a_tool_that_is_not_there_is_answered_with_those_that_are() {
    for (tools, advice) in [
        (
            r#"[{"name":"greet","inputSchema":{"type":"object"}},{"name":"restock","inputSchema":{"type":"object"}}]"#,
            "choose from greet, restock",
        ),
        ("[]", "leave out --tool: the server has no tools"),
    ] {
        let url = server(tools);
        let words = format!("error: {url} failed the test at tools/call nope\n{advice}\n");
        let folder = Folder::new("no-tool");
        assert_eq!(folder.refused(&["deploy", "test", "--url", &url, "--tool", "nope"]), (Some(1), words));
    }
}

#[test]
fn nothing_is_changed_with_arguments_that_are_made_up() {
    let url = server(
        r#"[{"name":"restock","inputSchema":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}}]"#,
    );
    let folder = Folder::new("made-up");
    let output = folder.run(&["deploy", "test", "--url", &url, "--tool", "restock"]);
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(printed.ends_with("it does not say that it only reads, and its arguments would be made up\n"), "{printed}");
    let words = format!("error: {url} failed the test at tools/call restock\ngive them: --arguments '{{\"n\":1}}'\n");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).expect("UTF-8")), (Some(1), words));
}

#[test]
fn why_a_tool_failed_is_told() {
    let tools = r#"[{"name":"lend","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"book":
        {"type":"string","default":"Ada's"}}}}]"#;
    let give = r#"mend what it says, or give other arguments: --arguments '{"book":"Ada'\''s"}'"#;
    let look = "see what the server logs there";
    for (content, told, advice) in [
        (r#"[{"type":"image"},{"type":"text","text":"no book\nof this name"}]"#, ": no book\\nof this name\n", give),
        ("[]", ", and does not say why\n", look),
    ] {
        let url = serving(tools, format!(r#"{{"content":{content},"isError":true}}"#));
        let output = Folder::new("tool-failed").run(&["deploy", "test", "--url", &url]);
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(printed.ends_with(&format!("the tool failed{told}")), "{printed}");
        let words = format!("error: {url} failed the test at tools/call lend\n{advice}\n");
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).expect("UTF-8")), (Some(1), words));
    }
}

#[test]
fn a_question_is_not_answered_by_a_test() {
    let refusal = r#"{"code":-32021,"message":"declare those","data":{"requiredCapabilities":{"elicitation":{}}}}"#;
    let asks = "it asks the person, and this test cannot answer";
    let reads = r#"[{"name":"order","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]"#;
    let url = answering(reads, format!(r#""error":{refusal}"#));
    let printed = Folder::new("asks").printed(&["deploy", "test", "--url", &url]);
    assert!(printed.contains("\nskipped tools/call order") && printed.ends_with(&format!("  {asks}\n")), "{printed}");
    let url = answering(reads, format!(r#""error":{refusal}"#));
    let output = Folder::new("asks-named").run(&["deploy", "test", "--url", &url, "--tool", "order"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(asks));
    let words = format!(
        "error: {url} failed the test at tools/call order\ncall it from a client with a person, or name another tool\n"
    );
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).expect("UTF-8")), (Some(1), words));
}

/// Answers as a server of MCP with these tools: its URL.
fn server(tools: &'static str) -> String {
    serving(tools, String::new())
}

/// The same, and calls of them with this result.
fn serving(tools: &'static str, called: String) -> String {
    answering(tools, format!(r#""result":{called}"#))
}

/// The same, and calls of them with this result or error.
fn answering(tools: &'static str, called: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for (stream, id) in listener.incoming().zip(1..=3) {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).expect("text") > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            stream.read_exact(&mut vec![0; length]).expect("a body");
            let result = match id {
                1 => r#""result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#.to_owned(),
                2 => format!(r#""result":{{"tools":{tools}}}"#),
                _ => called.to_owned(),
            };
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},{result}}}"#);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ";
            write!(stream.get_mut(), "{head}{}\r\n\r\n{body}", body.len()).expect("it reads");
        }
    });
    url
}

#[test]
fn a_place_that_the_platform_does_not_know_is_refused() {
    let folder = Folder::new("unknown-place");
    for option in ["--project", "--account"] {
        let words = format!("error: AWS Lambda knows no {option}\nleave out {option}\n");
        assert_eq!(folder.refused(&["deploy", "init", "--target", "aws-lambda", option, "x"]), (Some(2), words));
    }
    assert!(!folder.0.join(".pmcp").exists());
}
