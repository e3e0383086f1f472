//! A server with every option of deploy.toml, as far as moto has the parts, and what it logs while somebody looks.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pmcp_tests::binary;
use serde_json::json;

use super::place::Place;

#[test]
fn every_option_is_deployed_and_removed() {
    const TEST: &str = "every_option_is_deployed_and_removed";
    let Some(mut place) = Place::start(TEST, "options") else { return };
    place.new_project("teller");
    place.init();
    place.bootstrap();
    let first = |of: &str, query: &str| {
        let found = place.aws(&["ec2", of, "--query", query, "--output", "text"]);
        found.trim().to_owned()
    };
    let subnet = first("describe-subnets", "Subnets[0].SubnetId");
    let group = first("describe-security-groups", "SecurityGroups[0].GroupId");
    // Before the section, which has the end of the file.
    place.edit(
        ".pmcp/deploy.toml",
        "region = \"us-east-1\"",
        &format!(
            "region = \"us-east-1\"\nfront = \"http-api\"\nreserved_concurrency = 5\nthrottling = {{ requests_per_second = 5, \
             burst = 9 }}\nvpc = {{ subnets = [\"{subnet}\"], security_groups = [\"{group}\"] }}\n\
             alarms = {{ email = \"ops@example.com\", dashboard = true }}"
        ),
    );
    place.configure(
        "\n[environment]\nLIST = \"a, b = \\\"c\\\" ä\"\n[auth.cognito]\nscopes = [\"read\"]\n\
         callback_urls = [\"http://localhost:3000/callback\"]\n",
    );
    let before = place.inventory();
    let outputs = place.pmcp(&["deploy"]);
    for name in ["Url", "Issuer", "SignInUrl", "LogGroup", "Version"] {
        assert!(outputs[name].is_string(), "no {name}: {outputs}");
    }
    let environment: BTreeSet<_> = place.environment().into_iter().collect();
    for (name, value) in [
        ("LIST", "a, b = \"c\" ä"),
        ("PMCP_RESPONSE_MODE", "buffered"),
        // Only what the API's own check found is believed.
        ("PMCP_TRUST_AUTHORIZER", "jwt"),
    ] {
        assert!(environment.contains(&(name.into(), value.into())), "no {name}={value}: {environment:?}");
    }
    let query = ["--query", "VpcConfig.[SubnetIds[0],SecurityGroupIds[0]]", "--output", "json"];
    let vpc = place.aws(&[&["lambda", "get-function-configuration", "--function-name", "teller"][..], &query].concat());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&vpc).expect("JSON"), json!([subnet, group]));
    let between = place.inventory();
    let made: BTreeSet<&str> = between.difference(&before).map(|(kind, _)| kind as &str).collect();
    // moto's CloudFormation has no HTTP APIs, user pools and alarms; their templates are checked in templates.rs.
    for kind in ["alias", "dashboard", "function", "log group", "role", "topic", "version"] {
        assert!(made.contains(kind), "no {kind} in {made:?}");
    }
    what_comes_is_shown(&place, outputs["LogGroup"].as_str().expect("a log group"));

    place.pmcp(&["deploy", "destroy", "--clean", "--yes"]);
    let left: Vec<_> = place.inventory().difference(&before).cloned().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// `logs --tail` shows a line that is logged after it began, until it is ended.
fn what_comes_is_shown(place: &Place, group: &str) {
    let arguments = ["pmcp", "deploy", "logs", "--tail", "--since", "1m"];
    let mut command = place.command(binary("cargo-pmcp"), &arguments);
    // Else Python keeps lines back that no terminal is there for.
    let mut tail =
        command.env("PYTHONUNBUFFERED", "1").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(tail.stdout.take().expect("a pipe"));
    std::thread::sleep(Duration::from_secs(2));
    place.log(group, "told in time");
    let (begin, mut line) = (Instant::now(), String::new());
    while !line.contains("told in time") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("text") > 0, "it ended");
        assert!(begin.elapsed() < Duration::from_secs(60), "never shown");
    }
    end(&mut tail);
}

fn end(tail: &mut std::process::Child) {
    let told = Command::new("kill").args(["-INT", &tail.id().to_string()]).status().expect("kill starts");
    assert!(told.success());
    let begin = Instant::now();
    while tail.try_wait().expect("a child can be waited for").is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20), "does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}
