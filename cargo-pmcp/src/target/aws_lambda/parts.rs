//! What deploy.toml asks for beside the function itself, as a plan tells of it.

use crate::config::Config;
use crate::plan::{Action, Plan};

/// Adds what would be changed, and what somebody else has to do for it.
pub(super) fn plan(plan: &mut Plan, config: &Config) {
    let Config { aws, environment, secrets, auth, .. } = config;
    if !environment.is_empty() {
        plan.step(Action::Change, format!("its environment: {}", list(environment.keys())));
    }
    if environment.get("PMCP_SESSIONS").is_some_and(|kept| kept != "none") {
        plan.warnings
            .push("PMCP_SESSIONS is passed over: AWS Lambda has no sessions, as instances share nothing".into());
    }
    if !secrets.is_empty() {
        plan.step(Action::Change, format!("its right to read secrets at its start: {}", list(secrets.keys())));
    }
    if let Some(vpc) = &aws.vpc {
        let (subnets, groups) = (list(&vpc.subnets), list(&vpc.security_groups));
        plan.detailed(
            Action::Change,
            "its private network",
            format!("the subnets {subnets}, the security groups {groups}"),
        );
        if !secrets.is_empty() {
            plan.warnings.push(
                "from a private network it reads its secrets only where that has a way to Secrets Manager: a NAT gateway, \
                 or an endpoint of that service"
                    .into(),
            );
        }
    }
    if let Some(limit) = &aws.throttling {
        let most = format!("{} requests a second, {} at once", limit.requests_per_second, limit.burst);
        plan.detailed(Action::Change, "the throttling of its HTTP API", most);
    }
    if let Some(alarms) = &aws.alarms {
        let dashboard = if alarms.dashboard { "; with a dashboard" } else { "" };
        let told = match &alarms.email {
            Some(email) => format!("{email} is told, once the mail is answered that AWS sends there{dashboard}"),
            None => format!("nobody is told, as there is no `email`{dashboard}"),
        };
        plan.detailed(Action::Change, "its alarms for errors and throttled calls", told);
    }
    match auth.as_ref().map(|auth| &auth.cognito) {
        Some(cognito) => {
            let server = &config.server.name;
            let scopes: Vec<String> = cognito.scopes.iter().map(|scope| format!("{server}/{scope}")).collect();
            let back = list(&cognito.callback_urls);
            plan.detailed(
                Action::Change,
                "a Cognito user pool, and a check of its tokens",
                format!("the scopes {}; signing in leads back to {back}", scopes.join(", ")),
            );
        }
        None => plan.warnings.push("there is no [auth]: everybody who knows the URL may call the server".into()),
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
