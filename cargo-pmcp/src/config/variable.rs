//! Names of environment variables that a server may be given.

use super::{TargetType, gcp};

/// Longer names only cost room, of which Lambda has 4 KB for all variables.
const LONGEST: usize = 128;

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

/// Whether a variable of a server may have this name on the platform.
pub(crate) fn check_variable(target: TargetType, name: &str) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("a name has up to {LONGEST} characters"));
    }
    match target {
        TargetType::AwsLambda => check_on_lambda(name),
        TargetType::GoogleCloudRun if gcp::is_reserved(name) => {
            Err("Google Cloud Run keeps this name for itself".into())
        }
        _ => check_portable(name),
    }
}

fn check_on_lambda(name: &str) -> Result<(), String> {
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

/// What every shell and every platform takes.
fn check_portable(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    match fits {
        true => Ok(()),
        false => Err("names have letters, digits and underscores, and begin with no digit".into()),
    }
}
