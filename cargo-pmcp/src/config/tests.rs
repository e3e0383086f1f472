//! What people write, and what they are told.

use super::*;

const LEAST: &str = "[target]\ntarget_type = \"aws-lambda\"\n\n[server]\nname = \"my-mcp-server\"\n";

fn told(text: &str) -> String {
    Config::parse(text, None).expect_err("must be refused").to_string()
}

#[test]
fn target_and_name_are_enough() {
    let config = Config::parse(LEAST, None).expect("is whole");
    assert_eq!(config.server.name, "my-mcp-server");
    assert_eq!(config.aws.region, "us-east-1");
    assert_eq!(config.aws.architecture, Architecture::Arm64);
}

#[test]
fn every_section_is_read() {
    let text = format!(
        "{LEAST}package = \"crm-lambda\"\n[aws]\nregion = \"eu-central-1\"\nprofile = \"work\"\narchitecture = \"x86_64\"\n\
         memory_mb = 512\ntimeout_seconds = 29\nfront = \"http-api\"\nlog_retention_days = 7\nreserved_concurrency = 5\n\
         throttling = {{ requests_per_second = 10, burst = 20 }}\n[aws.vpc]\nsubnets = [\"subnet-1\"]\n\
         security_groups = [\"sg-1\"]\n[aws.alarms]\nemail = \"a@example.com\"\ndashboard = true\n\
         [environment]\nGREETING = \"a, b\"\n[secrets]\nKEY = {{}}\n[auth.cognito]\nscopes = [\"read\"]\n\
         callback_urls = [\"http://localhost:3000/callback\"]\n"
    );
    let config = Config::parse(&text, None).expect("is right");
    assert_eq!(config.environment["GREETING"], "a, b");
    assert_eq!(config.auth.expect("is there").cognito.scopes, ["read"]);
}

#[test]
fn what_the_readme_shows_is_right() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).expect("a README");
    let (_, block) = readme.split_once("```toml\n[target]").expect("a block");
    let block = block.split("```").next().expect("an end");
    let config = Config::parse(&format!("[target]{block}"), None).expect("is right");
    assert!(config.aws.vpc.is_some() && config.aws.alarms.is_some() && config.auth.is_some());
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest() {
    let text = format!("{LEAST}\n[aws]\nregoin = \"eu-central-1\"\n");
    assert_eq!(
        told(&text),
        "there is no key `regoin` here\n --> .pmcp/deploy.toml:8:1\n  |\n8 | regoin = \"eu-central-1\"\n  | ^^^^^^\n\
         help: did you mean `region`? Known here: `region`, `profile`, `architecture`, `memory_mb`, `timeout_seconds`, \
         `front`, `log_retention_days`, `reserved_concurrency`, `throttling`, `vpc`, `alarms`"
    );
}

#[test]
fn an_unknown_value_is_shown_with_the_nearest() {
    let text = LEAST.replace("aws-lambda", "aws-lamda");
    assert_eq!(
        told(&text),
        "there is no value `aws-lamda` here\n --> .pmcp/deploy.toml:2:15\n  |\n2 | target_type = \"aws-lamda\"\n  \
         |               ^^^^^^^^^^^\nhelp: did you mean `aws-lambda`? Known here: `aws-lambda`, \
         `cloudflare-workers`, `google-cloud-run`, `pmcp-run`"
    );
}

#[test]
fn a_wrong_type_a_missing_key_and_bad_toml_have_their_place() {
    for (text, expected) in [
        (
            format!("{LEAST}[aws]\nmemory_mb = \"512\"\n"),
            "invalid type: string \"512\", expected u32\n --> .pmcp/deploy.toml:7:13\n",
        ),
        (LEAST.replace("name = \"my-mcp-server\"\n", ""), "missing field `name`\n --> .pmcp/deploy.toml:4:1\n"),
        (format!("{LEAST}[aws\n"), ".pmcp/deploy.toml:6:"),
    ] {
        assert!(told(&text).contains(expected), "{}", told(&text));
    }
}

#[test]
fn values_the_platform_would_refuse_are_refused_at_their_place() {
    for (more, place, words) in [
        ("[aws]\nmemory_mb = 64\n", "7:13", "`aws.memory_mb` is wrong: must be from 128 to 10240"),
        ("[aws]\nregion = \"frankfurt\"\n", "7:10", "this is no region; they look like `eu-central-1`"),
        ("[aws]\nlog_retention_days = 31\n", "7:22", "CloudWatch Logs knows 1, 3, 5"),
        ("[aws]\nfront = \"http-api\"\ntimeout_seconds = 60\n", "8:19", "gives up after 30 seconds"),
        ("[aws.vpc]\nsubnets = [\"vpc-1\"]\nsecurity_groups = [\"sg-1\"]\n", "7:11", "begin with `subnet-`"),
        ("[aws.throttling]\nrequests_per_second = 1\nburst = 1\n", "6:1", "a Function URL does not throttle"),
        ("[environment]\nAWS_REGION = \"x\"\n", "7:14", "AWS Lambda keeps this name for itself"),
        ("[secrets]\nLAMBDA_KEY = {}\n", "7:14", "AWS Lambda keeps this name for itself"),
        ("[environment]\nAB = \"x\"\n[secrets]\nAB = {}\n", "9:6", "has a value under [environment] already"),
        ("[secrets]\nAB = { arn = \"crm/KEY\" }\n", "7:14", "must be the whole ARN of an entry"),
        ("[environment]\nA-B = \"x\"\n", "7:7", "two or more letters, digits and underscores"),
        ("[auth.cognito]\nscopes = [\"a\"]\ncallback_urls = [\"b\"]\n", "6:", "a Function URL cannot check tokens"),
    ] {
        let text = format!("{LEAST}{more}");
        let told = told(&text);
        assert!(told.contains(words) && told.contains(&format!("deploy.toml:{place}")), "{told}");
    }
    let told = told(&LEAST.replace("my-mcp-server", "My Server"));
    assert!(told.starts_with("`server.name` is wrong: a name has up to 50 lower-case letters"), "{told}");
}

#[test]
fn the_schema_for_editors_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy.schema.json");
    let schema = Config::schema();
    if std::env::var_os("PMCP_UPDATE").is_some() {
        fs::write(&path, &schema).expect("the schema can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == schema, "{} is old: run the tests of cargo-pmcp once with PMCP_UPDATE=1", path.display());
}
