//! What is said to whoever has to go on: what is next, what is missing, and what a plan is about.

use std::fs;

use super::Folder;
use super::halfway::{aws, project, stack};

const THERE: &str = "{\"Outputs\":[]}";

#[test]
fn a_deployment_ends_with_what_is_next() {
    let folder = project("next");
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE")));
    let output = folder.run(&["deploy", "--yes"]);
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    let next = "\nnext: `cargo pmcp deploy test` talks to it; keep .pmcp/deployed.json under version control\n";
    assert!(output.status.success() && words.ends_with(next), "{words}");
    let more = r#""Outputs":[{"OutputKey":"Account","OutputValue":"1"},"#;
    folder.program("aws", &aws(THERE, &stack("UPDATE_COMPLETE").replace("\"Outputs\":[", more)));
    assert_eq!(folder.printed(&["deploy", "outputs"]), "Url = https://u/mcp\nAccount = 1\n");
}

#[test]
fn where_nothing_is_deployed_a_dry_run_says_so_too() {
    let folder = project("nothing");
    folder.program("aws", &aws(THERE, ""));
    for options in [&["--dry-run"][..], &["--yes"]] {
        let (code, words) = folder.refused(&[&["deploy", "destroy"], options].concat());
        assert!(code == Some(0) && words.ends_with("crm is not deployed in us-east-1\n"), "{words}");
    }
}

#[test]
fn a_plan_to_remove_all_names_the_record_and_no_secret_that_is_gone() {
    let folder = project("record-gone");
    let entries = r#"echo '{"SecretList":[{"ARN":"a","Name":"crm/KEY","Tags":[{"Key":"pmcp:server","Value":"crm"}]},
        {"ARN":"b","Name":"crm/EXTRA","DeletedDate":1,"Tags":[{"Key":"pmcp:server","Value":"crm"}]}]}'"#;
    let account = aws(THERE, &stack("UPDATE_COMPLETE"));
    folder.program("aws", &format!("case \"$*\" in *list-secrets*) {entries}; exit ;; esac\n{account}"));
    folder.printed(&["deploy", "--yes"]);
    let plan = folder.printed(&["deploy", "destroy", "--dry-run"]);
    assert!(plan.contains("leave   the secret crm/KEY\n") && !plan.contains("EXTRA"), "{plan}");
    let plan = folder.printed(&["deploy", "destroy", "--clean", "--dry-run"]);
    assert!(
        plan.ends_with("remove  .pmcp/deployed.json\n") && plan.contains("remove  the secret crm/EXTRA\n"),
        "{plan}"
    );
}

#[test]
fn what_init_writes_is_among_what_is_missing() {
    let folder = project("no-app");
    folder.program("node", "echo v22.1.0");
    let doctor = || String::from_utf8(folder.run(&["deploy", "doctor"]).stdout).expect("UTF-8");
    assert!(doctor().ends_with("ok      deploy/aws-lambda/cdk.json: is there\n"), "{}", doctor());
    fs::remove_file(folder.0.join("deploy/aws-lambda/cdk.json")).expect("is there");
    let line =
        "MISSING deploy/aws-lambda/cdk.json: write it: `cargo pmcp deploy init`; what you changed elsewhere stays\n";
    assert!(doctor().ends_with(line), "{}", doctor());
}

#[test]
fn one_thing_that_is_missing_is_one() {
    let folder = project("one-missing");
    for program in ["npm", "npx", "node", "aws"] {
        fs::remove_file(folder.0.join("bin").join(program)).expect("is there");
    }
    let (code, words) = folder.refused(&["deploy", "doctor"]);
    assert_eq!(
        (code, &words as &str),
        (Some(4), "error: 2 things are missing\ntheir lines above say how to get them\n")
    );
}

#[test]
fn elsewhere_nobody_is_told_to_deploy_what_would_be_refused() {
    let folder = project("elsewhere");
    folder.program("aws", &aws(THERE, ""));
    folder.write(".pmcp/deployed.json", r#"{"target_type":"aws-lambda","name":"crm","region":"eu-central-1"}"#);
    let words = "error: crm is not deployed in us-east-1\nput back what .pmcp/deploy.toml said, or have both: `cargo pmcp deploy \
                 --beside`\n";
    for command in ["logs", "outputs"] {
        let (code, found) = folder.refused(&["deploy", command]);
        assert!(code == Some(1) && found.starts_with("note: ") && found.ends_with(words), "{found}");
    }
}

#[test]
fn a_plan_tells_what_its_parts_are_about() {
    let folder = project("parts");
    folder.write(
        ".pmcp/deploy.toml",
        "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[aws]\nfront = \"http-api\"\n\
         vpc = { subnets = [\"subnet-1\", \"subnet-2\"], security_groups = [\"sg-1\"] }\nalarms = { dashboard = true }\n\
         [environment]\nPMCP_SESSIONS = \"memory\"\n[secrets]\nKEY = {}\n[auth.cognito]\nscopes = [\"read\"]\n\
         callback_urls = [\"http://localhost:3000/callback\"]\n",
    );
    let adapter = r#"{"name":"pmcp-lambda","features":["secrets"]}"#;
    let package = format!(r#"{{"name":"crm-lambda","dependencies":[{adapter}]}}"#);
    folder.program("cargo", &format!("echo '{{\"packages\":[{package}],\"target_directory\":\"target\"}}'"));
    let plan = folder.printed(&["deploy", "--dry-run"]);
    for line in [
        "change  its private network\n        the subnets subnet-1, subnet-2, the security groups sg-1\n",
        "\n        nobody is told, as there is no `email`; with a dashboard\n",
        "\n        the scopes crm/read; signing in leads back to http://localhost:3000/callback\n",
        "note: PMCP_SESSIONS is passed over: AWS Lambda has no sessions, as instances share nothing\n",
        "note: from a private network it reads its secrets only where that has a way to Secrets Manager: ",
        "; a crm that is there is replaced only if you say so then, or with --yes",
    ] {
        assert!(plan.contains(line), "{line} is not in {plan}");
    }
}

#[test]
fn a_region_that_cannot_be_is_refused() {
    let folder = Folder::new("regions");
    folder.write("Cargo.toml", "[workspace]\n");
    super::halfway::cargo(&folder, "");
    let (code, words) = folder.refused(&["deploy", "init", "--target", "aws-lambda", "--region", "eu-centrl-1"]);
    let refused = "error: `eu-centrl-1` is no region\nthey look like this: --region eu-central-1\n";
    assert_eq!((code, &words as &str), (Some(2), refused));
    for region in ["eu-central-1", "us-gov-west-1", "ap-southeast-7", "eusc-de-east-1", "cn-northwest-1"] {
        folder.printed(&["deploy", "init", "--target", "aws-lambda", "--name", "crm", "--region", region, "--dry-run"]);
    }
}
