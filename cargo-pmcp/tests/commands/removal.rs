//! `cargo pmcp deploy destroy` on AWS Lambda: that it finds all that is this server's, and says what it could not remove.

use super::Folder;
use super::halfway::{aws, project, stack};

/// A project that is deployed, in an account that answers some calls in its own way: a pattern and what is run.
fn deployed(name: &str, answers: &[(&str, &str)]) -> Folder {
    let folder = project(name);
    let cases: String = answers.iter().map(|(call, run)| format!("*\"{call}\"*) {run}; exit ;;\n")).collect();
    folder.write(".pmcp/deployed.json", r#"{"target_type":"aws-lambda","name":"crm","place":"us-east-1"}"#);
    let account = aws("{\"Outputs\":[]}", &stack("UPDATE_COMPLETE"));
    folder.program(
        "aws",
        &format!("echo \"$@\" >> calls\ncase \"$*\" in\n{cases}*list-*|*log-groups*) exit ;;\nesac\n{account}"),
    );
    folder
}

const DENIED: &str = "echo 'An error occurred (AccessDeniedException): User ada is not authorized' >&2; exit 254";

#[test]
fn uploads_that_s3_keeps_are_not_called_removed() {
    let bucket =
        r#"echo '{"StackResourceSummaries":[{"LogicalResourceId":"StagingBucket","PhysicalResourceId":"cdk"}]}'"#;
    let files =
        r#"echo '{"Versions":[{"Key":"pmcp/crm/a.zip","VersionId":"1"},{"Key":"pmcp/crm/b.zip","VersionId":"2"}]}'"#;
    let kept = r#"echo '{"Errors":[{"Key":"pmcp/crm/b.zip","VersionId":"2","Code":"AccessDenied","Message":"Access Denied"}]}'"#;
    let folder = deployed(
        "uploads",
        &[("list-stack-resources", bucket), ("list-object-versions", files), ("delete-objects", kept)],
    );
    let (code, words) = folder.refused(&["deploy", "destroy", "--clean", "--yes"]);
    let message = "error: S3 did not remove 1 of the files in s3://cdk/pmcp/crm/: pmcp/crm/b.zip: AccessDenied: Access Denied\n\
                   there is still crm, the uploaded versions in s3://cdk/pmcp/crm/\nmend what it says, and run `cargo pmcp deploy \
                   destroy --clean` again\n";
    assert!(code == Some(1) && words.ends_with(message), "{code:?} {words}");
    assert!(folder.0.join("deploy/aws-lambda/cdk.json").exists(), "what is needed to run it again stays");
}

#[test]
fn what_a_removal_that_fails_has_left_is_said() {
    let list = |keys: &[&str]| {
        let tags = r#""Tags":[{"Key":"pmcp:server","Value":"crm"}]"#;
        let entry = |key: &&str| format!(r#"{{"ARN":"a","Name":"crm/{key}",{tags}}}"#);
        format!(r#"echo '{{"SecretList":[{}]}}'"#, keys.iter().map(entry).collect::<Vec<_>>().join(","))
    };
    let entries = format!("if [ -e gone-A ]; then {}; else {}; fi", list(&["B"]), list(&["A", "B"]));
    let described = format!(
        "if [ -e gone ]; then echo '(ValidationError) Stack does not exist' >&2; exit 254; fi; echo '{{\"Stacks\":[{}]}}'",
        stack("UPDATE_COMPLETE")
    );
    let folder = deployed(
        "left",
        &[
            ("describe-stacks --stack-name crm", &described),
            ("delete-stack", "echo > gone"),
            ("list-secrets", &entries),
            ("delete-secret --secret-id crm/A", "echo > gone-A"),
            ("delete-secret", DENIED),
        ],
    );
    let (code, words) = folder.refused(&["deploy", "destroy", "--clean", "--yes"]);
    assert!(words.contains("-> remove the secret crm/A\n"), "{words}");
    let end = "\nthere is still the secret crm/B\nask whoever looks after the account for this permission\n";
    assert!(code == Some(1) && words.ends_with(end), "{code:?} {words}");
}

#[test]
fn all_pages_of_user_pools_are_looked_through() {
    let pool = r#"echo '{"UserPool":{"UserPoolTags":{"pmcp:server":"crm"}}}'"#;
    let folder = deployed(
        "pools",
        &[
            ("--next-token=-x", r#"echo '{"UserPools":[{"Id":"us-east-1_b","Name":"crm"}]}'"#),
            ("list-user-pools", r#"echo '{"UserPools":[{"Id":"us-east-1_a","Name":"other"}],"NextToken":"-x"}'"#),
            ("describe-user-pool", pool),
        ],
    );
    let plan = folder.printed(&["deploy", "destroy", "--clean", "--dry-run"]);
    assert!(plan.contains("remove  the Cognito user pool, with everybody in it, us-east-1_b\n"), "{plan}");
}

#[test]
fn a_server_without_people_needs_no_right_to_look_for_them() {
    let folder = deployed("no-pools", &[("list-user-pools", DENIED)]);
    let (code, words) = folder.refused(&["deploy", "destroy", "--clean", "--yes"]);
    let message = "User ada is not authorized\nask whoever looks after the account for this permission\n";
    assert!(code == Some(1) && words.ends_with(message), "nothing may be overlooked: {code:?} {words}");
    assert_eq!(
        folder.printed(&["deploy", "destroy", "--yes"]),
        "removed crm in us-east-1, with its URL and all its versions\n"
    );
}

#[test]
fn a_secret_that_the_list_does_not_know_yet_is_found() {
    let entry = r#"echo '{"ARN":"a","Name":"crm/KEY","Tags":[{"Key":"pmcp:server","Value":"crm"}]}'"#;
    let others = r#"echo '{"ARN":"b","Name":"crm/OTHERS","Tags":[]}'"#;
    let folder = deployed("new-secret", &[("--secret-id crm/KEY", entry), ("--secret-id crm/OTHERS", others)]);
    folder.write(
        ".pmcp/deploy.toml",
        "[target]\ntarget_type = \"aws-lambda\"\n[server]\nname = \"crm\"\n[secrets]\nKEY = {}\nOTHERS = {}\n\
         MINE = { arn = \"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1b2c3\" }\n",
    );
    let plan = folder.printed(&["deploy", "destroy", "--clean", "--dry-run"]);
    assert!(plan.contains("remove  the secret crm/KEY\n") && !plan.contains("OTHERS"), "{plan}");
    let list = folder.printed(&["deploy", "secrets", "list"]);
    assert!(list.starts_with("KEY: stored\n") || list.contains("\nKEY: stored\n"), "{list}");
}
