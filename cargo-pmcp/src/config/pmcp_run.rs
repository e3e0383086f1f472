//! `[pmcp_run]` in deploy.toml.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Config;
use super::check::Broken;

/// For the target pmcp-run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PmcpRun {}

/// What pmcp.run does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let PmcpRun {} = &config.pmcp_run;
    Ok(())
}
