//! What a request to Cloudflare's API is about, in the words of whoever waits for it.

/// As it stands in a sentence after "while".
pub(super) fn doing(method: &str, path: &str) -> String {
    let what = about(path.split('?').next().unwrap_or_default());
    match method {
        "GET" => format!("asking Cloudflare for {what}"),
        "POST" => format!("letting Cloudflare make {what}"),
        "DELETE" => format!("letting Cloudflare remove {what}"),
        _ => format!("letting Cloudflare change {what}"),
    }
}

fn about(path: &str) -> String {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts[..] {
        ["accounts"] => "your accounts".into(),
        ["user"] => "who is logged in".into(),
        ["accounts", _, "workers", "scripts", name, what] => match what {
            "settings" | "script-settings" => format!("the settings of {name}"),
            "deployments" => format!("what is live of {name}"),
            "subdomain" => format!("the addresses of {name}"),
            // Its versions and its secrets.
            what => format!("the {what} of {name}"),
        },
        ["accounts", _, "workers", "services", name, ..] => format!("the routes of {name}"),
        ["accounts", _, "workers", ..] => "the addresses of Workers".into(),
        ["accounts", _, "storage", "kv", ..] => "a KV namespace".into(),
        ["accounts", _, "d1", ..] => "a D1 database".into(),
        ["accounts", _, "r2", ..] => "an R2 bucket".into(),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_has_a_name() {
        for (method, path, words) in [
            (
                "GET",
                "/accounts/1/workers/scripts/crm/versions?deployable=true",
                "asking Cloudflare for the versions of crm",
            ),
            (
                "PATCH",
                "/accounts/1/workers/scripts/crm/script-settings",
                "letting Cloudflare change the settings of crm",
            ),
            ("POST", "/accounts/1/d1/database", "letting Cloudflare make a D1 database"),
            ("DELETE", "/accounts/1/r2/buckets/crm-files", "letting Cloudflare remove an R2 bucket"),
            ("GET", "/accounts?per_page=50", "asking Cloudflare for your accounts"),
            (
                "GET",
                "/accounts/1/workers/services/crm/environments/production/routes",
                "asking Cloudflare for the routes of crm",
            ),
        ] {
            assert_eq!(doing(method, path), words);
        }
    }
}
