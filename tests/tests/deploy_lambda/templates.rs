//! What the CDK app makes of every option.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pmcp_tests::{run_to_end, tool};
use serde_json::json;

use super::link;

/// For one program.
const LIMIT: Duration = Duration::from_secs(600);

/// What server-stack.ts makes of a setting that asks for everything, and of one that asks for little.
#[test]
fn every_option_makes_a_template_that_cloudformation_takes() {
    const TEST: &str = "every_option_makes_a_template_that_cloudformation_takes";
    let Some(node) = tool(TEST, "PMCP_NODE", "needs Node 22 or newer") else { return };
    let Some(cdk) = tool(TEST, "PMCP_CDK", "needs the CDK") else { return };
    let Some(python) = tool(TEST, "PMCP_AWS", "needs a Python with cfn-lint") else { return };

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("synth");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("a folder");
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cargo-pmcp/templates/aws-lambda");
    for file in ["app.ts", "server-stack.ts", "package.json"] {
        fs::copy(templates.join(file), folder.join(file)).expect("a template");
    }
    link(&cdk.join("node_modules"), &folder.join("node_modules"));
    fs::write(folder.join("crm.zip"), "").expect("writes");
    let zip = folder.join("crm.zip").display().to_string();
    let least = json!({
        "server": "crm", "region": "us-east-1", "zip": zip, "architecture": "arm64", "memory_mb": 256,
        "timeout_seconds": 30, "front": "function-url", "log_retention_days": 30, "reserved_concurrency": null,
        "environment": {}, "secrets": { "arns": {}, "version": "" }, "vpc": null, "throttling": null, "alarms": null, "cognito": null,
    });
    let mut all = least.clone();
    all["front"] = json!("http-api");
    all["reserved_concurrency"] = json!(5);
    all["environment"] = json!({ "GREETING": "Hello", "PMCP_RESPONSE_MODE": "streaming" });
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/KEY-a1b2c3";
    all["secrets"] = json!({ "arns": { "KEY": arn }, "version": "1" });
    all["vpc"] = json!({ "subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"] });
    all["throttling"] = json!({ "requests_per_second": 5, "burst": 10 });
    all["alarms"] = json!({ "email": "ops@example.com", "dashboard": true });
    all["cognito"] = json!({ "scopes": ["read"], "callback_urls": ["http://localhost:3000/callback"] });

    for (name, settings, resources) in [
        ("least", least, &["AWS::Lambda::Url", "AWS::Lambda::Alias", "AWS::Logs::LogGroup"][..]),
        (
            "all",
            all,
            &[
                "AWS::ApiGatewayV2::Authorizer",
                "AWS::CloudWatch::Alarm",
                "AWS::CloudWatch::Dashboard",
                "AWS::Cognito::UserPoolDomain",
                "AWS::SNS::Subscription",
            ],
        ),
    ] {
        let path = folder.join(format!("{name}.json"));
        fs::write(&path, settings.to_string()).expect("writes");
        let out = folder.join(name);
        let made = run_to_end(
            Command::new(&node)
                .arg(cdk.join("node_modules/tsx/dist/cli.mjs"))
                .arg("app.ts")
                .current_dir(&folder)
                .env("CDK_OUTDIR", &out)
                .env("PMCP_SETTINGS", &path),
            LIMIT,
        );
        assert!(made.is_success(), "{name}: {made}");
        let template = out.join("crm.template.json");
        let text = fs::read_to_string(&template).expect("a template");
        for resource in resources {
            assert!(text.contains(&format!("\"{resource}\"")), "{name} has no {resource}");
        }
        assert!(!text.contains("\"Resource\": \"*\""), "{name}: a permission for everything");
        // What the stack counts on is not what somebody wrote under [environment].
        let mode = if name == "least" { "streaming" } else { "buffered" };
        assert!(text.contains(&format!("\"PMCP_RESPONSE_MODE\": \"{mode}\"")), "{name}: {text}");
        // Its warnings are about what the CDK repeats.
        let linted = run_to_end(
            Command::new(&python)
                .args([
                    "-c",
                    "import sys, cfnlint.runner; sys.exit(cfnlint.runner.main())",
                    "--ignore-checks",
                    "W",
                    "--template",
                ])
                .arg(&template),
            LIMIT,
        );
        assert!(linted.is_success(), "{name}: {linted}");
    }
}
