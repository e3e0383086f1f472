//! `[gcp]` in deploy.toml.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Config;
use super::check::Broken;

/// For the target google-cloud-run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gcp {}

/// What Google Cloud Run does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let Gcp {} = &config.gcp;
    Ok(())
}
