//! `[aws]` in deploy.toml, and what AWS has against the rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Broken, broken, is_direction};
use super::{Config, TargetType};

/// The numbers of days that CloudWatch Logs keeps logs for.
const RETENTION: [u32; 23] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, 9999];

/// What Lambda keeps for itself, by how it begins. `TZ`, `LANG` and the like may be set.
const RESERVED: [&str; 4] = ["AWS_", "LAMBDA_", "_HANDLER", "_X_AMZN_"];

/// What a deployment to Lambda sets, and the setting that it comes from.
const SET: [(&str, &str); 6] = [
    ("PMCP_RESPONSE_MODE", "`front` under [aws] decides it"),
    ("PMCP_SECRETS", "[secrets] is for that"),
    ("PMCP_SECRETS_VERSION", "[secrets] is for that"),
    ("PMCP_TRUST_AUTHORIZER", "[auth] is for that"),
    ("PMCP_AUTH_ISSUER", "[auth] is for that"),
    ("PMCP_AUTH_AUDIENCE", "[auth] is for that"),
];

/// For the target aws-lambda.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Aws {
    /// The region, such as `eu-central-1`.
    pub(crate) region: String,
    /// The profile of the AWS CLI, by its name; keys in the environment are not used then. Without it, what the
    /// environment says.
    pub(crate) profile: Option<String>,
    /// The processor. `arm64` costs less for the same work.
    pub(crate) architecture: Architecture,
    /// Memory, in MB. Processor time grows with it.
    #[schemars(range(min = 128, max = 10_240))]
    pub(crate) memory_mb: u32,
    /// How long one request may take, in seconds. An HTTP API gives up after 30.
    #[schemars(range(min = 1, max = 900))]
    pub(crate) timeout_seconds: u32,
    /// What stands in front of the function.
    pub(crate) front: Front,
    /// How long logs are kept, in days: one of the numbers that CloudWatch Logs knows.
    pub(crate) log_retention_days: u32,
    /// How many instances may run side by side, 1 at least; they are taken from what the account has. Without it, any
    /// number.
    #[schemars(range(min = 1))]
    pub(crate) reserved_concurrency: Option<u32>,
    /// How many requests the HTTP API lets through. A Function URL has only `reserved_concurrency`.
    pub(crate) throttling: Option<Throttling>,
    /// The private network that the function is to reach. It then reaches the internet only through a NAT there.
    pub(crate) vpc: Option<Vpc>,
    /// What is watched. Without it, nothing.
    pub(crate) alarms: Option<Alarms>,
}

impl Default for Aws {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            profile: None,
            architecture: Architecture::Arm64,
            memory_mb: 256,
            timeout_seconds: 30,
            front: Front::FunctionUrl,
            log_retention_days: 30,
            reserved_concurrency: None,
            throttling: None,
            vpc: None,
            alarms: None,
        }
    }
}

/// A processor.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Architecture {
    /// As Rust names it.
    pub(crate) fn rust_name(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// What stands in front of a function.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Front {
    /// A Function URL that streams answers; up to 15 minutes.
    FunctionUrl,
    /// An API Gateway HTTP API: whole answers within 30 seconds, throttling, and `[auth]`.
    HttpApi,
}

/// How many requests the HTTP API lets through.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Throttling {
    /// On average.
    #[schemars(range(min = 1))]
    pub(crate) requests_per_second: u32,
    /// At once.
    #[schemars(range(min = 1))]
    pub(crate) burst: u32,
}

/// A private network.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    /// Ids of subnets, `subnet-…`.
    #[schemars(length(min = 1))]
    pub(crate) subnets: Vec<String>,
    /// Ids of security groups, `sg-…`.
    #[schemars(length(min = 1))]
    pub(crate) security_groups: Vec<String>,
}

/// What is watched: errors and throttled calls, five minutes at a time.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alarms {
    /// Who is told. AWS asks that address for its consent once.
    pub(crate) email: Option<String>,
    /// Whether a CloudWatch dashboard is made.
    #[serde(default)]
    pub(crate) dashboard: bool,
}

/// What AWS Lambda does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let aws = &config.aws;
    if aws.profile.as_ref().is_some_and(|profile| !is_profile(profile)) {
        let what = "this is no name of a profile: letters, digits and any of `-_.@+=:/`, no hyphen first";
        return broken(&["aws", "profile"], what);
    }
    if !is_region(&aws.region) {
        return broken(&["aws", "region"], "this is no region; they look like `eu-central-1`");
    }
    for (key, value, least, most) in
        [("memory_mb", aws.memory_mb, 128, 10_240), ("timeout_seconds", aws.timeout_seconds, 1, 900)]
    {
        if !(least..=most).contains(&value) {
            return broken(&["aws", key], format!("must be from {least} to {most}"));
        }
    }
    if aws.front == Front::HttpApi && aws.timeout_seconds > 30 {
        let what = "an HTTP API gives up after 30 seconds; for more, set `front = \"function-url\"`";
        return broken(&["aws", "timeout_seconds"], what);
    }
    if !RETENTION.contains(&aws.log_retention_days) {
        let list = RETENTION.map(|days| days.to_string()).join(", ");
        return broken(&["aws", "log_retention_days"], format!("CloudWatch Logs knows {list}"));
    }
    if aws.throttling.is_some() && aws.front != Front::HttpApi {
        let what = "a Function URL does not throttle; set `front = \"http-api\"`, or `reserved_concurrency` instead";
        return broken(&["aws", "throttling"], what);
    }
    if aws.reserved_concurrency == Some(0) {
        let what = "0 would stop the function: Lambda then refuses every call; leave it out for no limit";
        return broken(&["aws", "reserved_concurrency"], what);
    }
    if let Some(throttling) = aws.throttling {
        for (key, value) in [("requests_per_second", throttling.requests_per_second), ("burst", throttling.burst)] {
            if value == 0 {
                let what = "0 would let nobody through; leave `throttling` out for the limits of the account";
                return broken(&["aws", "throttling", key], what);
            }
        }
    }
    let email = aws.alarms.as_ref().and_then(|alarms| alarms.email.as_ref());
    if email.is_some_and(|email| !is_email(email)) {
        return broken(&["aws", "alarms", "email"], "this is no address; they look like `ops@example.com`");
    }
    if config.target.target_type == TargetType::AwsLambda && are_too_long(config) {
        let key = if config.environment.is_empty() { "secrets" } else { "environment" };
        let what = "all variables of a function have 4 KB together, their names and where secrets are included; keep long values \
                    elsewhere, such as in one entry that has several";
        return broken(&[key], what);
    }
    if let Some(vpc) = &aws.vpc {
        for (key, ids, prefix) in
            [("subnets", &vpc.subnets, "subnet-"), ("security_groups", &vpc.security_groups, "sg-")]
        {
            if ids.is_empty() || !ids.iter().all(|id| is_id(id, prefix)) {
                let what = format!("must be a list of ids that begin with `{prefix}`, letters and digits after it");
                return broken(&["aws", "vpc", key], what);
            }
        }
    }
    Ok(())
}

/// Whether all variables together are more than Lambda takes, as far as that is known before.
fn are_too_long(config: &Config) -> bool {
    // In bytes.
    const LONGEST: usize = 4 << 10;
    let own = config.environment.iter().map(|(name, value)| name.len() + value.len());
    let entry = |name: &str| match config.secrets.get(name).and_then(|secret| secret.arn.as_ref()) {
        Some(arn) => arn.len(),
        None => {
            let Config { aws, server, .. } = config;
            format!("arn:aws:secretsmanager:{}:123456789012:secret:{}/{name}-abcdef", aws.region, server.name).len()
        }
    };
    // `"name":"arn",`
    let secrets: usize = config.secrets.keys().map(|name| name.len() + entry(name) + 6).sum();
    let secrets = if secrets > 0 { secrets + "PMCP_SECRETS{PMCP_SECRETS_VERSION0123456789abcdef".len() } else { 0 };
    own.sum::<usize>() + secrets + "PMCP_RESPONSE_MODEbuffered".len() > LONGEST
}

/// Whether a variable of a function may have this name.
pub(super) fn check_variable(name: &str) -> Result<(), String> {
    if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
        return Err("AWS Lambda keeps this name for itself".into());
    }
    if let Some((_, setting)) = SET.iter().find(|(set, _)| *set == name) {
        return Err(format!("cargo pmcp sets this variable itself: {setting}"));
    }
    let fits = name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    match fits {
        true => Ok(()),
        false => Err("AWS Lambda takes names of two or more letters, digits and underscores, a letter first".into()),
    }
}

/// Words with hyphens in between, the last a direction, and a digit.
pub(crate) fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_lowercase());
    match &parts[..] {
        [words @ .., number] => {
            let is_last_right = words.last().is_some_and(|last| is_direction(last));
            let is_number = number.len() == 1 && number.parse::<u8>().is_ok();
            words.len() >= 2 && words.iter().all(letters) && is_last_right && is_number
        }
        [] => false,
    }
}

/// Something before and after one `@`.
fn is_email(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_graphic() && letter != '@');
    text.split_once('@').is_some_and(|(name, domain)| plain(name) && plain(domain) && !domain.starts_with(['.', '-']))
}

/// A name that can stand after `--profile` as well.
fn is_profile(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+=:/".contains(letter);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
}

/// An id of AWS: a prefix, letters and digits.
fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// Whether this names one entry of Secrets Manager, and one that a function in `region` reads.
pub(super) fn check_secret_arn(arn: &str, region: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_partition = |text: &str| text == "aws" || text.starts_with("aws-");
    let is_account = |text: &str| text.len() == 12 && text.chars().all(|digit| digit.is_ascii_digit());
    let is_name = |text: &str| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
        let (name, end) = text.rsplit_once('-').unwrap_or_default();
        // What Secrets Manager puts behind every name, and only a whole ARN has.
        let is_whole = end.len() == 6 && end.chars().all(|letter| letter.is_ascii_alphanumeric());
        !name.is_empty() && name.chars().all(letters) && is_whole
    };
    match parts[..] {
        ["arn", partition, "secretsmanager", found, account, "secret", name]
            if is_partition(partition) && is_region(found) && is_account(account) && is_name(name) =>
        {
            match found == region {
                true => Ok(()),
                false => {
                    Err(format!("this entry is in {found}, and the function in {region} reads only what is there"))
                }
            }
        }
        _ => {
            Err("must be the whole ARN of one entry: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-abc123`".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_profiles_and_ids_are_told_from_what_is_none() {
        for (form, right, wrong) in [
            (
                is_email as fn(&str) -> bool,
                &["ops@example.com", "a+b@c"][..],
                &["", "ops", "@b", "a@", "a b@c", "a@b@c"][..],
            ),
            (
                is_profile,
                &["work", "default", "ada@example.com", "123456789012_Admin"],
                &["", "--debug", "a b", "a\nb", "$(x)"],
            ),
        ] {
            assert!(right.iter().all(|text| form(text)), "one of {right:?} is refused");
            assert!(!wrong.iter().any(|text| form(text)), "one of {wrong:?} is taken");
        }
        assert!(is_id("subnet-0a1b", "subnet-") && !is_id("subnet-", "subnet-") && !is_id("subnet-a b", "subnet-"));
    }

    #[test]
    fn an_arn_names_one_entry_of_the_region() {
        let right = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/db-a1B2c3";
        assert_eq!(check_secret_arn(right, "us-east-1"), Ok(()));
        assert_eq!(
            check_secret_arn(right, "eu-central-1"),
            Err("this entry is in us-east-1, and the function in eu-central-1 reads only what is there".into())
        );
        for (part, wrong) in [
            ("crm/db-a1B2c3", "*"),
            ("db-a1B2c3", "db-??????"),
            ("-a1B2c3", ""),
            ("us-east-1", "*"),
            ("123456789012", ""),
            ("123456789012", "*"),
            ("secretsmanager", "ssm"),
            ("arn:aws:", "arn:*:"),
            ("arn:aws:", "aws:"),
        ] {
            let arn = right.replace(part, wrong);
            let told = check_secret_arn(&arn, "us-east-1").expect_err(&arn);
            assert!(told.starts_with("must be the whole ARN of one entry: "), "{told}");
        }
    }
}
