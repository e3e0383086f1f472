//! A server with every option of deploy.toml, as far as moto has the parts, and what it logs while somebody looks.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use pmcp_tests::{Aws, Project, interrupt};
use serde_json::json;

use super::{init, start};

#[test]
fn every_option_is_deployed_and_removed() {
    const TEST: &str = "every_option_is_deployed_and_removed";
    let Some((aws, mut project)) = start(TEST, "options") else { return };
    project.new_project("teller", &["aws-lambda"]);
    init(&aws, &project);
    aws.bootstrap();
    let first = |of: &str, query: &str| {
        let found = aws.cli(&["ec2", of, "--query", query, "--output", "text"]);
        found.trim().to_owned()
    };
    let subnet = first("describe-subnets", "Subnets[0].SubnetId");
    let group = first("describe-security-groups", "SecurityGroups[0].GroupId");
    // Before the section, which has the end of the file.
    project.edit(
        ".pmcp/deploy.toml",
        "region = \"us-east-1\"",
        &format!(
            "region = \"us-east-1\"\nfront = \"http-api\"\nreserved_concurrency = 5\nthrottling = {{ requests_per_second = 5, \
             burst = 9 }}\nvpc = {{ subnets = [\"{subnet}\"], security_groups = [\"{group}\"] }}\n\
             alarms = {{ email = \"ops@example.com\", dashboard = true }}"
        ),
    );
    project.configure(
        "\n[environment]\nLIST = \"a, b = \\\"c\\\" ä\"\n[auth.cognito]\nscopes = [\"read\"]\n\
         callback_urls = [\"http://localhost:3000/callback\"]\n",
    );
    let before = aws.inventory();
    let outputs = project.pmcp(&["deploy"]);
    for name in ["Url", "Issuer", "SignInUrl", "LogGroup", "Version"] {
        assert!(outputs[name].is_string(), "no {name}: {outputs}");
    }
    let environment: BTreeSet<_> = aws.variables("teller").into_iter().collect();
    for (name, value) in [
        ("LIST", "a, b = \"c\" ä"),
        ("PMCP_RESPONSE_MODE", "buffered"),
        // Only what the API's own check found is believed.
        ("PMCP_TRUST_AUTHORIZER", "jwt"),
    ] {
        assert!(environment.contains(&(name.into(), value.into())), "no {name}={value}: {environment:?}");
    }
    let query = ["--query", "VpcConfig.[SubnetIds[0],SecurityGroupIds[0]]"];
    let vpc = aws.ask(&[&["lambda", "get-function-configuration", "--function-name", "teller"][..], &query].concat());
    assert_eq!(vpc, json!([subnet, group]));
    let between = aws.inventory();
    let made: BTreeSet<&str> = between.difference(&before).map(|(kind, _)| kind as &str).collect();
    // moto's CloudFormation has no HTTP APIs, user pools and alarms; their templates are checked in templates.rs.
    for kind in ["alias", "dashboard", "function", "log group", "role", "topic", "version"] {
        assert!(made.contains(kind), "no {kind} in {made:?}");
    }
    what_comes_is_shown(&aws, &project, outputs["LogGroup"].as_str().expect("a log group"));

    project.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    let left: Vec<_> = aws.inventory().difference(&before).cloned().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// `logs --tail` shows a line that is logged after it began, until it is ended.
fn what_comes_is_shown(aws: &Aws, project: &Project, group: &str) {
    let mut command = project.tool(&["deploy", "logs", "--tail", "--since", "1m"]);
    // Else Python keeps lines back that no terminal is there for.
    let mut tail =
        command.env("PYTHONUNBUFFERED", "1").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(tail.stdout.take().expect("a pipe"));
    std::thread::sleep(Duration::from_secs(2));
    aws.log(group, "told in time");
    let (begin, mut line) = (Instant::now(), String::new());
    while !line.contains("told in time") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("text") > 0, "it ended");
        assert!(begin.elapsed() < Duration::from_secs(60), "never shown");
    }
    interrupt(&mut tail);
}
