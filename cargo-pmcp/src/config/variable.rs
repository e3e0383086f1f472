//! Names of environment variables that a server may be given.

use super::{TargetType, aws, cloudflare, gcp};

/// Longer names only cost room, of which Lambda has 4 KB for all variables.
const LONGEST: usize = 128;

/// Whether a variable of a server may have this name on the platform.
pub(crate) fn check_variable(target: TargetType, name: &str) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("a name has up to {LONGEST} characters"));
    }
    match target {
        TargetType::AwsLambda => aws::check_variable(name),
        TargetType::GoogleCloudRun if gcp::is_reserved(name) => {
            Err("Google Cloud Run keeps this name for itself".into())
        }
        TargetType::CloudflareWorkers if cloudflare::is_reserved(name) => Err(cloudflare::RESERVED.into()),
        _ => check_portable(name),
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
