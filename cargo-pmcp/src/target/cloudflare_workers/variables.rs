//! Where a Worker's code finds what is under `[environment]` and `[secrets]`: there is no environment.

use crate::config::Config;

/// That code from elsewhere, which asks for its environment, finds nothing, if there is something to find.
pub(super) fn note(config: &Config) -> Option<String> {
    let found = |names: Vec<&String>, by: &str| {
        // These the server reads itself, wherever it runs.
        let own = |name: &str| name.starts_with("PMCP_") || name == "RUST_LOG";
        let names: Vec<&str> = names.into_iter().map(String::as_str).filter(|name| !own(name)).collect();
        (!names.is_empty()).then(|| format!("{} with `{by}`", names.join(", ")))
    };
    let both = [
        found(config.environment.keys().collect(), "env.var(…)"),
        found(config.secrets.keys().collect(), "env.secret(…)"),
    ];
    let both: Vec<String> = both.into_iter().flatten().collect();
    (!both.is_empty()).then(|| {
        format!(
            "a Worker has no environment, so `std::env::var` finds nothing there: the code reads {}, where `env` is \
             `cx.extension::<worker::Env>()`",
            both.join(" and ")
        )
    })
}
