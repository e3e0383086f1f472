//! `[pmcp_run]` in deploy.toml.

use schemars::JsonSchema;
use serde::Deserialize;

use super::address::is_safe_address;
use super::check::{Broken, broken};
use super::{Architecture, Config, TargetType};

/// For the target pmcp-run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PmcpRun {
    /// The address of the service. The variable PMCP_RUN_URL goes before it.
    #[schemars(regex(pattern = r"^https?://[^\s?#@]+$"))]
    pub(crate) url: String,
    /// The processor.
    pub(crate) architecture: Architecture,
    /// Memory of one instance, in MB.
    #[schemars(range(min = 128, max = 8192))]
    pub(crate) memory_mb: u32,
    /// How long one request may take, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(crate) timeout_seconds: u32,
    /// How many instances may run side by side.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) max_instances: u32,
}

impl Default for PmcpRun {
    fn default() -> Self {
        Self {
            url: "https://api.pmcp.run".into(),
            architecture: Architecture::X86_64,
            memory_mb: 256,
            timeout_seconds: 300,
            max_instances: 10,
        }
    }
}

/// Whether this is an address that a login may be sent to, and that paths can be put behind.
pub(crate) fn check_url(url: &str) -> Result<(), &'static str> {
    match is_safe_address(url) && !url.contains('?') {
        true => Ok(()),
        false => Err("a login is sent there, so it must begin with `https://`, or lead to this machine, with nothing \
                      but a host, a port and a path"),
    }
}

/// What pmcp.run does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let PmcpRun { ref url, memory_mb, timeout_seconds, max_instances, .. } = config.pmcp_run;
    if let Err(what) = check_url(url) {
        return broken(&["pmcp_run", "url"], what);
    }
    for (key, value, least, most) in [
        ("memory_mb", memory_mb, 128, 8192),
        ("timeout_seconds", timeout_seconds, 1, 3600),
        ("max_instances", max_instances, 1, 100),
    ] {
        if !(least..=most).contains(&value) {
            return broken(&["pmcp_run", key], format!("must be from {least} to {most}"));
        }
    }
    if config.target.target_type == TargetType::PmcpRun {
        let what = "pmcp.run sets it: it says where the server is to listen";
        for (section, is_there) in
            [("environment", config.environment.contains_key("PORT")), ("secrets", config.secrets.contains_key("PORT"))]
        {
            if is_there {
                return broken(&[section, "PORT"], what);
            }
        }
    }
    Ok(())
}
