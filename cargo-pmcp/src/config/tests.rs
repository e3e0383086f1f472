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
    let blocks = readme.split("```toml\n[target]").skip(1).map(|block| block.split("```").next().expect("an end"));
    let configs: Vec<Config> =
        blocks.map(|block| Config::parse(&format!("[target]{block}"), None).expect("is right")).collect();
    let has = |shown: fn(&Config) -> bool| assert!(configs.iter().any(shown));
    has(|config| config.aws.vpc.is_some() && config.aws.alarms.is_some() && config.auth.is_some());
    has(|config| config.gcp.vpc.is_some() && config.secrets.values().any(|secret| secret.file.is_some()));
    has(|config| config.cloudflare.bindings().count() == 4);
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest() {
    let text = format!("{LEAST}\n[aws]\nregoin = \"eu-central-1\"\n");
    assert_eq!(
        told(&text),
        "there is no key `regoin` here\n --> .pmcp/deploy.toml:8:1\n  |\n8 | regoin = …\n  | ^^^^^^\n\
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
        (format!("{LEAST}[aws]\nmemory_mb = \"512\"\n"), "\nhelp: a number stands without quotes"),
        (
            format!("{LEAST}[aws]\nalarms = {{ dashboard = \"no\" }}\n"),
            "\nhelp: `true` and `false` stand without quotes",
        ),
        (format!("{LEAST}[environment]\nPORT = 8080\n"), "\nhelp: write it in quotes: it is a text here"),
        (format!("{LEAST}[environment]\nLOUD = true\n"), "\nhelp: write it in quotes: it is a text here"),
        (format!("{LEAST}[aws]\nmemory_mb = 1\nmemory_mb = 2\n"), "\nhelp: it is written twice: take out one of them"),
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
        ("[secrets]\nAB = { arn = \"crm/KEY\" }\n", "7:6", "must be the whole ARN of one entry"),
        (
            "[secrets]\nAB = { arn = \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1b2c3\" }\n",
            "7:6",
            "`secrets.AB.arn` is wrong: this entry is in eu-west-1, and the function in us-east-1 reads only what is there",
        ),
        ("[aws]\nreserved_concurrency = 0\n", "7:24", "0 would stop the function: Lambda then refuses every call"),
        (
            "[aws]\nfront = \"http-api\"\nthrottling = { requests_per_second = 0, burst = 1 }\n",
            "8:38",
            "`aws.throttling.requests_per_second` is wrong: 0 would let nobody through",
        ),
        ("[aws]\nprofile = \"--debug\"\n", "7:11", "this is no name of a profile"),
        ("[aws.alarms]\nemail = \"ops\"\n", "7:9", "this is no address; they look like `ops@example.com`"),
        ("[environment]\n_HANDLER = \"x\"\n", "7:12", "AWS Lambda keeps this name for itself"),
        (
            "[environment]\nPMCP_RESPONSE_MODE = \"streaming\"\n",
            "7:22",
            "cargo pmcp sets this variable itself: `front` under [aws] decides it",
        ),
        ("[secrets]\nPMCP_TRUST_AUTHORIZER = {}\n", "7:25", "cargo pmcp sets this variable itself: [auth] is for that"),
        ("[environment]\nPMCP_SECRETS = \"{}\"\n", "7:16", "[secrets] is for that"),
        ("[environment]\nPMCP_STATE_KEYS = \"x\"\n", "7:19", "write `PMCP_STATE_KEYS = {}` under [secrets]"),
        (
            "[pmcp_run]\nurl = \"http://example.com\"\n",
            "7:7",
            "`pmcp_run.url` is wrong: a login is sent there, so it must begin with `https://`, or lead to this machine",
        ),
        ("[pmcp_run]\nurl = \"https://example.com?a=b\"\n", "7:7", "with nothing but a host, a port and a path"),
        ("[environment]\nAB = \"${Token[x.1]}\"\n", "7:6", "the CDK takes `${Token[` for a sign of its own"),
        ("[environment]\nA-B = \"x\"\n", "7:1", "two or more letters, digits and underscores"),
        ("[auth.cognito]\nscopes = [\"a\"]\ncallback_urls = [\"b\"]\n", "6:", "a Function URL cannot check tokens"),
    ] {
        let text = format!("{LEAST}{more}");
        let told = told(&text);
        assert!(told.contains(words) && told.contains(&format!("deploy.toml:{place}")), "{told}");
    }
    let http = format!("{LEAST}[aws]\nfront = \"http-api\"\n[auth.cognito]\n");
    for (more, place, words) in [
        ("scopes = [\"read write\"]\ncallback_urls = [\"https://a/\"]\n", "9:10", "a scope has up to 256 characters"),
        ("scopes = [\"a\"]\ncallback_urls = [\"http://a.com/\"]\n", "10:17", "`http://` is for localhost alone"),
    ] {
        let told = told(&format!("{http}{more}"));
        assert!(told.contains(words) && told.contains(&format!("deploy.toml:{place}")), "{told}");
    }
    assert!(
        Config::parse(&format!("{LEAST}[environment]\nTZ = \"Europe/Berlin\"\nPMCP_SESSIONS = \"off\"\n"), None)
            .is_ok()
    );
    let long = "A".repeat(129);
    assert!(told(&format!("{LEAST}[secrets]\n{long} = {{}}\n")).contains("a name has up to 128 characters"));
    let told = told(&LEAST.replace("my-mcp-server", "My Server"));
    assert!(told.starts_with("`server.name` is wrong: a name has up to 50 lower-case letters"), "{told}");
}

#[test]
fn the_value_of_a_secret_is_never_repeated() {
    assert_eq!(
        told(&format!("{LEAST}[secrets]\nAPI_KEY = \"sk-1\"\n")),
        "the value of a secret does not belong in this file\n --> .pmcp/deploy.toml:7:11\n  |\n7 | API_KEY = …\n  |           ^\n\
         help: write `API_KEY = {}` here, and store the value with `cargo pmcp deploy secrets set API_KEY`; take what was \
         here for known to others"
    );
    assert_eq!(
        told(&format!("{LEAST}[secrets]\nAPI_KEY = sk-1\n")),
        "string values must be quoted, expected literal string\n --> .pmcp/deploy.toml:7:11\n  |\n7 | API_KEY = …\n  |           ^"
    );
    // What is not shown has one place, which is where it begins.
    let arn = told(&format!("{LEAST}[secrets]\nAPI_KEY = {{ arn = \"sk-1\" }}\n"));
    assert!(arn.ends_with(" --> .pmcp/deploy.toml:7:11\n  |\n7 | API_KEY = …\n  |           ^"), "{arn}");
    for more in [
        "[secrets]\nAPI_KEY = \"sk-1\"\n",
        "[secrets]\nAPI_KEY=[\"sk-1\"]\n",
        "[secrets]\nAPI_KEY = { value = \"sk-1\" }\n",
        "[secrets]\nAPI_KEY = { arn = \"sk-1\" }\n",
        "[secrets]\nAPI_KEY = { \"arn\" = [\"sk-1\"] }\n",
        "[secrets]\nAPI_KEY = {}\nAPI_KEY = \"sk-1\"\n",
        "[secrets]\nAPI-KEY = \"sk-1\"\n",
        "[secrets]\n\"A KEY\" = \"sk-1\"\n",
        "[secrets]\nAPI_KEY = \"\"\"sk-1\n",
        "[secrets]\nAPI_KEY = 'sk-1\n",
        "[secrets]\nAPI_KEY \"sk-1\"\n",
        "[secrets]\nsk-1==\n",
        "[secrets]\n-----BEGIN sk-1\n",
        "[secrets] API_KEY = \"sk-1\"\n",
        "[secrets.API_KEY]\nvalue = \"sk-1\"\n",
        "[ 'secrets' ]\nAPI_KEY = \"sk-1\"\n",
        "[environment]\nA-B = \"sk-1\"\n",
        "[environment]\nLIST = [\"sk-1\"]\n",
        // Written where no section for it is.
        "API_KEY = \"sk-1\"\n",
        "API_KEY = sk-1\n",
        "[aws]\nAPI_KEY = \"sk-1\"\n",
        "[aws]\napi_key = \"sk-1\"\n",
        "[aws]\nAPI_KEY \"sk-1\"\n",
        "[secret]\nAPI_KEY = \"sk-1\"\n",
        // However the section is written, and whatever looks like another.
        "\"secrets\".token = \"sk-1\"\n",
        "[\"secrets\"]\ntoken = \"sk-1\"\n",
        "[secrets]\ntoken = [\n[\"sk-1\"]\n]\n",
        "[secrets]\ntoken = [\n[\"sk-1\" 1]\n]\n",
        "[environment]\nA = \"\"\"\n[server]\n\"\"\"\ntok = [\"sk-1\"]\n",
        "[environment]\nA = \"\"\"\n[server]\n\"\"\"\ntok = sk-1\n",
        "[environment]\nA = \"\"\"\n[server]\nsk-1 = \\q\n\"\"\"\n",
        "[environment]\nA = \"\"\"\n[sk-1] \\q\n\"\"\"\n",
        "[aws]\n\"API_KEY\" = sk-1\n",
    ] {
        let told = told(&format!("{LEAST}{more}"));
        assert!(!told.contains("sk-1") && told.contains(".pmcp/deploy.toml"), "{more}: {told}");
    }
    for first in [
        "secrets = \"sk-1\"\n",
        "secrets.API_KEY = \"sk-1\"\n",
        "secrets = { API_KEY = \"sk-1\" }\n",
        "\"secrets\".TOKEN = \"sk-1\"\n",
        "'secrets' . token = \"sk-1\"\n",
        "\"environment\".tok = [\"sk-1\"]\n",
        "environment.tok = [\"sk-1\"]\n",
        "\"environment\".tok = sk-1\n",
    ] {
        let told = told(&format!("{first}{LEAST}"));
        assert!(!told.contains("sk-1") && told.contains(".pmcp/deploy.toml:1:"), "{told}");
    }
}

#[test]
fn what_is_no_secret_is_still_shown_beside_one() {
    let text = format!("{LEAST}[secrets]\nAPI_KEY = {{}}\n[aws]\nmemory_mb = \"512\"\n");
    assert_eq!(
        told(&text),
        "invalid type: string \"512\", expected u32\n --> .pmcp/deploy.toml:9:13\n  |\n9 | memory_mb = \"512\"\n  \
         |             ^^^^^\nhelp: a number stands without quotes"
    );
    let told = told(&format!("secrets.API_KEY = \"sk-1\"\n{LEAST}"));
    let help =
        "help: write `secrets.API_KEY = {}` here, and store the value with `cargo pmcp deploy secrets set API_KEY`; ";
    assert!(told.contains(help), "{told}");
}

#[test]
fn a_section_that_is_missing_has_no_place() {
    assert_eq!(
        told("[target]\ntarget_type = \"aws-lambda\"\n"),
        "there is no section [server]\nin .pmcp/deploy.toml\nhelp: add `[server]`, and below it `name = \"my-mcp-server\"`"
    );
    assert!(told("").starts_with("there is no section [target]\nin .pmcp/deploy.toml\nhelp: add `[target]`"));
    assert_eq!(
        told("[target]\n"),
        "missing field `target_type`\n --> .pmcp/deploy.toml:1:1\n  |\n1 | [target]\n  | ^^^^^^^^"
    );
}

#[test]
fn what_cloudflare_would_refuse_is_refused_at_its_place() {
    let least = LEAST.replace("aws-lambda", "cloudflare-workers");
    for (more, place, words) in [
        ("[cloudflare]\naccount_id = \"mine\"\n", "7:14", "must be the 32 digits and letters from a to f"),
        ("[cloudflare]\ncustom_domain = \"https://mcp.example.com\"\n", "7:17", "must be a host name alone"),
        ("[cloudflare]\nroutes = [\"/mcp\"]\n", "7:10", "must be patterns that begin with a host name"),
        ("[cloudflare]\nroutes = [\"a.example/x\\u202e\"]\n", "7:10", "must be patterns that begin with a host name"),
        ("[cloudflare]\nroutes = [\"a.example/x\\ny\"]\n", "7:10", "must be patterns that begin with a host name"),
        (
            "[cloudflare.durable_objects]\nAB = { class = \"\" }\n",
            "7:6",
            "classes have letters, digits and underscores",
        ),
        ("[cloudflare.durable_objects]\nAB = { class = \"A\\nB\" }\n", "7:6", "classes have letters, digits"),
        ("[cloudflare.kv]\ntoString = {}\n", "7:1", "every object of JavaScript has this name"),
        ("[environment]\nconstructor = \"y\"\n", "7:1", "every object of JavaScript has this name"),
        ("[secrets]\n__proto__ = {}\n", "7:1", "every object of JavaScript has this name"),
        ("[cloudflare.kv]\nA-B = {}\n", "7:1", "names have letters, digits and underscores"),
        (
            "[cloudflare.kv]\nAB = {}\n[cloudflare.d1]\nAB = {}\n",
            "9:6",
            "another binding, variable or secret has this name",
        ),
        ("[cloudflare.kv]\nAB = {}\n[secrets]\nAB = {}\n", "7:6", "another binding, variable or secret has this name"),
        ("[cloudflare.kv]\nAB = { id = \"\" }\n", "7:6", "must be the 32 digits and letters from a to f"),
        ("[cloudflare.kv]\nAB = { id = \"../x\" }\n", "7:6", "must be the 32 digits and letters from a to f"),
        ("[cloudflare.d1]\nAB = { id = \"crm\" }\n", "7:6", "must be the UUID that `wrangler d1 list` shows"),
        ("[cloudflare.d1.AB]\nmigrations = \"/m\"\n", "7:14", "must be a folder beside wrangler.toml"),
        ("[cloudflare.r2]\nAB = { bucket = \"My_Bucket\" }\n", "7:6", "3 to 63 lower-case letters, digits and hyphens"),
        (
            "[cloudflare.r2]\nAB = { bucket = \"ab\" }\n",
            "7:6",
            "`cloudflare.r2.AB.bucket` is wrong: must be the name of a",
        ),
        (
            "[cloudflare.r2]\nAB_ = {}\n",
            "7:7",
            "called `my-mcp-server-ab-` at Cloudflare, which takes 3 to 63 lower-case",
        ),
        (
            "[cloudflare.kv]\nab = {}\nAB = {}\n",
            "7:6",
            "called `my-mcp-server-ab` at Cloudflare, and `AB` is called that",
        ),
        ("[secrets]\nAB = { arn = \"arn\" }\n", "7:6", "Cloudflare Workers does not read AWS Secrets Manager"),
        ("[auth.cognito]\nscopes = [\"a\"]\ncallback_urls = [\"b\"]\n", "6:", "Cloudflare Workers has no Cognito"),
    ] {
        let told = told(&format!("{least}{more}"));
        assert!(told.contains(words) && told.contains(&format!("deploy.toml:{place}")), "{told}");
    }
    let long = |length| format!("[environment]\nAB = \"{}\"\n", "x".repeat(length));
    let refused = told(&format!("{least}{}", long(5121)));
    let words =
        "`environment.AB` is wrong: it has 5121 bytes, and Cloudflare takes 5120 at most\n --> .pmcp/deploy.toml:7:6\n";
    assert!(refused.starts_with(words), "{refused}");
    Config::parse(&format!("{least}{}", long(5120)), None).expect("is not too long");
    let elsewhere = LEAST.replace("aws-lambda", "pmcp-run");
    Config::parse(&format!("{elsewhere}{}", long(5121)), None).expect("others have no such limit");
    let many: String = (0..129).map(|number| format!("V{number} = {{}}\n")).collect();
    let refused = told(&format!("{least}[secrets]\n{many}"));
    assert!(refused.contains("`secrets` is wrong: with [secrets] there are 129 variables"), "{refused}");
    let long = "A".repeat(63);
    let refused = told(&format!("{least}[cloudflare.r2]\n{long} = {{}}\n"));
    assert!(refused.contains("which takes 3 to 63 lower-case letters"), "{refused}");
    Config::parse(&format!("{least}[environment]\nAWS_REGION = \"x\"\n"), None).expect("only AWS Lambda keeps it");
}

#[test]
fn a_zero_byte_is_in_no_variable_wherever_it_runs() {
    for target in ["aws-lambda", "cloudflare-workers", "google-cloud-run", "pmcp-run"] {
        let told = told(&format!("{}[environment]\nAB = \"x\\u0000\"\n", LEAST.replace("aws-lambda", target)));
        let words =
            "`environment.AB` is wrong: it has a zero byte, which no variable can\n --> .pmcp/deploy.toml:7:6\n";
        assert!(told.starts_with(words), "{target}: {told}");
    }
}

#[test]
fn what_stands_in_for_auth_is_told_of_each_platform() {
    let auth = "[auth.cognito]\nscopes = [\"a\"]\ncallback_urls = [\"b\"]\n";
    for (target, more, words) in [
        ("google-cloud-run", "", "would let everybody in, unless `authentication = \"iam\"` is under [gcp]"),
        (
            "google-cloud-run",
            "[gcp]\nauthentication = \"iam\"\n",
            "leave out [auth]: `authentication = \"iam\"` lets in only",
        ),
        ("pmcp-run", "", "pmcp.run has no Cognito to check tokens; without [auth] it would let everybody in"),
    ] {
        let told = told(&format!("{}{more}{auth}", LEAST.replace("aws-lambda", target)));
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn what_lambda_and_cognito_would_refuse_late_is_refused_early() {
    let long = format!("{LEAST}[environment]\nLONG = \"{}\"\n", "x".repeat(4090));
    assert!(told(&long).contains("all variables of a function have 4 KB together"), "{}", told(&long));
    let secrets: String = (0..40).map(|number| format!("A_RATHER_LONG_NAME_{number} = {{}}\n")).collect();
    let many = format!("{LEAST}[secrets]\n{secrets}");
    assert!(told(&many).contains("`secrets` is wrong: all variables of a function have 4 KB"), "{}", told(&many));
    let auth =
        "[aws]\nfront = \"http-api\"\n[auth.cognito]\nscopes = [\"read\"]\ncallback_urls = [\"http://localhost/\"]\n";
    let named = format!("{}{auth}", LEAST.replace("my-mcp-server", "my-aws-server"));
    assert!(told(&named).contains("with [auth], Cognito takes no name with `aws` in it"), "{}", told(&named));
}

#[test]
fn of_a_long_line_there_is_what_the_caret_is_in() {
    let long = "x".repeat(900_000);
    for (line, around, help) in [
        (
            format!("package = 5 # {long}"),
            format!("\n6 | package = 5 # {}…\n  |           ^\n", &long[..96]),
            "in quotes",
        ),
        (format!("{long} = 1"), "here\n --> .pmcp/deploy.toml:6:1\n".into(), "known here: `name`, `package`"),
        (format!("package = \"{long}\" y"), "xxx\" y\n  |  ".into(), ""),
        (format!("package = [{long}"), "xxx\n  |  ".into(), ""),
    ] {
        let told = told(&format!("{LEAST}{line}\n"));
        assert!(told.len() < 1500, "{} bytes", told.len());
        assert!(told.contains(&around) && told.contains(help), "{told}");
    }
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
