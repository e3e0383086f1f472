//! What a value must be beyond its type; whoever breaks a rule is told before the platform is asked.

use super::{Config, STATE_KEYS, TargetType, auth, aws, check_variable, cloudflare, gcp, pmcp_run};

/// The first rule that is broken: the path of the key, and what is wrong.
pub(super) type Broken = (Vec<String>, String);

pub(super) fn broken(key: &[&str], what: impl Into<String>) -> Result<(), Broken> {
    Err((key.iter().map(|part| (*part).to_owned()).collect(), what.into()))
}

pub(super) fn check(config: &Config) -> Result<(), Broken> {
    if let Err(what) = check_name(&config.server.name) {
        return broken(&["server", "name"], what);
    }
    cloudflare::check(config)?;
    gcp::check(config)?;
    pmcp_run::check(config)?;
    aws::check(config)?;
    let target = config.target.target_type;
    for (name, value) in &config.environment {
        if let Err(what) = check_variable(target, name) {
            return broken(&["environment", name], what);
        }
        if value.contains('\0') {
            return broken(&["environment", name], "it has a zero byte, which no variable can");
        }
        if target == TargetType::AwsLambda && value.contains("${Token[") {
            let what = "the CDK takes `${Token[` for a sign of its own; write something else";
            return broken(&["environment", name], what);
        }
        if name == STATE_KEYS {
            let what = "who has these keys can forge what clients carry; write `PMCP_STATE_KEYS = {}` under [secrets]";
            return broken(&["environment", name], what);
        }
    }
    for (name, secret) in &config.secrets {
        if let Err(what) = check_variable(target, name) {
            return broken(&["secrets", name], what);
        }
        if config.environment.contains_key(name) {
            return broken(&["secrets", name], "this variable has a value under [environment] already");
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
        if let Some(Err(what)) = secret.arn.as_ref().map(|arn| aws::check_secret_arn(arn, &config.aws.region)) {
            return broken(&["secrets", name, "arn"], what);
        }
    }
    auth::check(config)
}

/// What every region of AWS and of Google Cloud ends with, before its number.
pub(super) fn is_direction(word: &str) -> bool {
    let simple = ["north", "south", "east", "west", "central"];
    let double = ["northeast", "northwest", "southeast", "southwest"];
    simple.contains(&word) || double.contains(&word)
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
    let rule = "a name has up to 50 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen";
    let better = like(name);
    match better.is_empty() {
        true => Err(rule.into()),
        false => Err(format!("{rule}, as {better} does")),
    }
}

/// A name that is as like another as it may be.
fn like(name: &str) -> String {
    let lower =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let mut better = String::new();
    for letter in lower.skip_while(|letter| !letter.is_ascii_lowercase()).take(50) {
        if letter != '-' || !better.ends_with('-') {
            better.push(letter);
        }
    }
    better.truncate(better.trim_end_matches('-').len());
    better
}
