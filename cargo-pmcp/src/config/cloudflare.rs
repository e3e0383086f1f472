//! `[cloudflare]` in deploy.toml.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Config;
use super::check::Broken;

/// For the target cloudflare-workers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cloudflare {}

/// What Cloudflare Workers does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let Cloudflare {} = &config.cloudflare;
    Ok(())
}
