//! The variables that commands go by must be text: one that is not would count as not set, and another place or another
//! login be taken for the one that was meant.

use std::env;

use crate::failure::{Failure, Result};

/// Those that are read here or in a library. What programs read that are called is theirs to check.
const READ: [&str; 18] = [
    "PMCP_RUN_URL",
    "PMCP_RUN_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "CLOUDFLARE_ACCOUNT_ID",
    "CLOUDFLARE_API_BASE_URL",
    "CF_API_BASE_URL",
    "CLOUDFLARE_API_TOKEN",
    "CLOUDFLARE_API_KEY",
    "CLOUDFLARE_COMPLIANCE_REGION",
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Before anything goes by them.
pub(crate) fn check() -> Result {
    match READ.into_iter().find(|name| env::var_os(name).is_some_and(|value| value.to_str().is_none())) {
        Some(name) => Err(Failure::refused(
            format!("what {name} has is no text in UTF-8"),
            "set the variable anew, or unset it: nothing was begun",
        )),
        None => Ok(()),
    }
}
