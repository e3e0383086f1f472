//! What a value must be beyond its type; whoever breaks a rule is told before the platform is asked.

use super::{Authentication, Config, Front, TargetType, check_variable, cloudflare, form, gcp, pmcp_run};

/// The numbers of days that CloudWatch Logs keeps logs for.
const RETENTION: [u32; 23] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, 9999];

/// The first rule that is broken: the path of the key, and what is wrong.
pub(super) type Broken = (Vec<String>, String);

pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let broken = |key: &[&str], what: String| Err((key.iter().map(|part| (*part).to_owned()).collect(), what));
    if let Err(what) = check_name(&config.server.name) {
        return broken(&["server", "name"], what);
    }
    cloudflare::check(config)?;
    gcp::check(config)?;
    pmcp_run::check(config)?;
    let target = config.target.target_type;
    let aws = &config.aws;
    if aws.profile.as_ref().is_some_and(|profile| !form::is_profile(profile)) {
        let what = "this is no name of a profile: letters, digits and any of `-_.@+=:/`, no hyphen first";
        return broken(&["aws", "profile"], what.into());
    }
    if !is_region(&aws.region) {
        return broken(&["aws", "region"], "this is no region; they look like `eu-central-1`".into());
    }
    for (key, value, least, most) in
        [("memory_mb", aws.memory_mb, 128, 10_240), ("timeout_seconds", aws.timeout_seconds, 1, 900)]
    {
        if !(least..=most).contains(&value) {
            return broken(&["aws", key], format!("must be from {least} to {most}"));
        }
    }
    let on_http_api = aws.front == Front::HttpApi;
    if on_http_api && aws.timeout_seconds > 30 {
        let what = "an HTTP API gives up after 30 seconds; for more, set `front = \"function-url\"`";
        return broken(&["aws", "timeout_seconds"], what.into());
    }
    if !RETENTION.contains(&aws.log_retention_days) {
        let list = RETENTION.map(|days| days.to_string()).join(", ");
        return broken(&["aws", "log_retention_days"], format!("CloudWatch Logs knows {list}"));
    }
    if aws.throttling.is_some() && !on_http_api {
        let what = "a Function URL does not throttle; set `front = \"http-api\"`, or `reserved_concurrency` instead";
        return broken(&["aws", "throttling"], what.into());
    }
    if aws.reserved_concurrency == Some(0) {
        let what = "0 would stop the function: Lambda then refuses every call; leave it out for no limit";
        return broken(&["aws", "reserved_concurrency"], what.into());
    }
    if let Some(throttling) = aws.throttling {
        for (key, value) in [("requests_per_second", throttling.requests_per_second), ("burst", throttling.burst)] {
            if value == 0 {
                let what = "0 would let nobody through; leave `throttling` out for the limits of the account";
                return broken(&["aws", "throttling", key], what.into());
            }
        }
    }
    let email = aws.alarms.as_ref().and_then(|alarms| alarms.email.as_ref());
    if email.is_some_and(|email| !form::is_email(email)) {
        return broken(&["aws", "alarms", "email"], "this is no address; they look like `ops@example.com`".into());
    }
    if let Some(vpc) = &aws.vpc {
        for (key, ids, prefix) in
            [("subnets", &vpc.subnets, "subnet-"), ("security_groups", &vpc.security_groups, "sg-")]
        {
            if ids.is_empty() || !ids.iter().all(|id| form::is_id(id, prefix)) {
                let what = format!("must be a list of ids that begin with `{prefix}`, letters and digits after it");
                return broken(&["aws", "vpc", key], what);
            }
        }
    }
    for (name, value) in &config.environment {
        if let Err(what) = check_variable(target, name) {
            return broken(&["environment", name], what);
        }
        if value.contains('\0') {
            return broken(&["environment", name], "it has a zero byte, which no variable can".into());
        }
        if target == TargetType::AwsLambda && value.contains("${Token[") {
            let what = "the CDK takes `${Token[` for a sign of its own; write something else";
            return broken(&["environment", name], what.into());
        }
        if name == "PMCP_STATE_KEYS" {
            let what = "who has these keys can forge what clients carry; write `PMCP_STATE_KEYS = {}` under [secrets]";
            return broken(&["environment", name], what.into());
        }
    }
    for (name, secret) in &config.secrets {
        if let Err(what) = check_variable(target, name) {
            return broken(&["secrets", name], what);
        }
        if config.environment.contains_key(name) {
            return broken(&["secrets", name], "this variable has a value under [environment] already".into());
        }
        if secret.arn.is_some() && target != TargetType::AwsLambda {
            let what = format!("{} does not read AWS Secrets Manager; leave out `arn`", target.title());
            return broken(&["secrets", name, "arn"], what);
        }
        for (key, value) in [("entry", &secret.entry), ("file", &secret.file)] {
            if value.is_some() && target != TargetType::GoogleCloudRun {
                let what = format!("{} does not have that; leave out `{key}`", target.title());
                return broken(&["secrets", name, key], what);
            }
        }
        if let Some(Err(what)) = secret.arn.as_ref().map(|arn| form::check_secret_arn(arn, &aws.region)) {
            return broken(&["secrets", name, "arn"], what);
        }
    }
    if let Some(auth) = &config.auth {
        if target != TargetType::AwsLambda {
            let instead = match (target, config.gcp.authentication) {
                (TargetType::GoogleCloudRun, Authentication::Iam) => {
                    "leave out [auth]: `authentication = \"iam\"` lets in only who may"
                }
                (TargetType::GoogleCloudRun, Authentication::Public) => {
                    "without [auth] it would let everybody in, unless `authentication = \"iam\"` is under [gcp]"
                }
                _ => "without [auth] it would let everybody in",
            };
            return broken(&["auth"], format!("{} has no Cognito to check tokens; {instead}", target.title()));
        }
        if !on_http_api {
            let what = "a Function URL cannot check tokens; set `front = \"http-api\"` under [aws]";
            return broken(&["auth"], what.into());
        }
        if auth.cognito.scopes.is_empty() || auth.cognito.callback_urls.is_empty() {
            return broken(&["auth", "cognito"], "`scopes` and `callback_urls` must name at least one each".into());
        }
        if !auth.cognito.scopes.iter().all(|scope| form::is_scope(scope)) {
            let what = "a scope has up to 256 characters, no space, slash, quote or backslash among them";
            return broken(&["auth", "cognito", "scopes"], what.into());
        }
        if !auth.cognito.callback_urls.iter().all(|url| form::is_callback(url)) {
            let what = "must be `https://` addresses without `#`; `http://` is for localhost alone, and an app has a \
                        scheme of its own, such as `cursor://`";
            return broken(&["auth", "cognito", "callback_urls"], what.into());
        }
    }
    Ok(())
}

/// Whether a server may have this name on every platform.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.len() <= 50
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    if fits {
        return Ok(());
    }
    Err("a name has up to 50 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen"
        .into())
}

pub(crate) fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_lowercase());
    match &parts[..] {
        [words @ .., number] => {
            words.len() >= 2 && words.iter().all(letters) && number.len() == 1 && number.parse::<u8>().is_ok()
        }
        [] => false,
    }
}
