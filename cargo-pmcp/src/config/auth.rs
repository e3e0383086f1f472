//! `[auth]` in deploy.toml: who may call the server, on AWS Lambda.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::is_loopback;
use super::check::{Broken, broken};
use super::{Authentication, Config, Front, TargetType};

/// Who may call the server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// Signs people in; the HTTP API lets only them through.
    pub(crate) cognito: Cognito,
}

/// A Cognito user pool that is made for this server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cognito {
    /// The scopes that clients may ask for; on the platform `NAME/scope`.
    #[schemars(length(min = 1))]
    pub(crate) scopes: Vec<String>,
    /// Where the sign-in page may lead back to: `https://` addresses, `http://` ones of this machine, or those of an
    /// app such as `cursor://`.
    #[schemars(length(min = 1))]
    pub(crate) callback_urls: Vec<String>,
}

/// What the target cannot do of it, and what Cognito does not take.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let Some(auth) = &config.auth else { return Ok(()) };
    let target = config.target.target_type;
    if target != TargetType::AwsLambda {
        let instead = match (target, config.gcp.authentication) {
            (TargetType::GoogleCloudRun, Authentication::Iam) => {
                "leave out [auth]: `authentication = \"iam\"` lets in only who may"
            }
            (TargetType::GoogleCloudRun, Authentication::Public) => {
                "without [auth] it would let everybody in, unless `authentication = \"iam\"` is under [gcp]"
            }
            _ => "without [auth] it would let everybody in",
        };
        return broken(&["auth"], format!("{} has no Cognito to check tokens; {instead}", target.title()));
    }
    if config.aws.front != Front::HttpApi {
        let what = "a Function URL cannot check tokens; set `front = \"http-api\"` under [aws]";
        return broken(&["auth"], what);
    }
    // The sign-in page is called as the server.
    if let Some(word) = ["aws", "amazon", "cognito"].into_iter().find(|word| config.server.name.contains(word)) {
        let what = format!("with [auth], Cognito takes no name with `{word}` in it");
        return broken(&["server", "name"], what);
    }
    if auth.cognito.scopes.is_empty() || auth.cognito.callback_urls.is_empty() {
        return broken(&["auth", "cognito"], "`scopes` and `callback_urls` must name at least one each");
    }
    if !auth.cognito.scopes.iter().all(|scope| is_scope(scope)) {
        let what = "a scope has up to 256 characters, no space, slash, quote or backslash among them";
        return broken(&["auth", "cognito", "scopes"], what);
    }
    if !auth.cognito.callback_urls.iter().all(|url| is_callback(url)) {
        let what = "must be `https://` addresses without `#`; `http://` is for localhost alone, and an app has a \
                    scheme of its own, such as `cursor://`";
        return broken(&["auth", "cognito", "callback_urls"], what);
    }
    Ok(())
}

/// As Cognito has it: what is visible, without `/`, `"` and `\`.
fn is_scope(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_graphic() && !"/\"\\".contains(letter);
    (1..=256).contains(&text.len()) && text.chars().all(fits)
}

/// An address that Cognito leads back to.
fn is_callback(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let is_plain = rest.chars().all(|letter| letter.is_ascii_graphic() && !"#\"\\<>".contains(letter));
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    is_plain
        && match scheme {
            "https" => !name.is_empty() && !host.contains('@'),
            "http" => is_loopback(name),
            // An app's own.
            _ => {
                scheme.starts_with(|first: char| first.is_ascii_lowercase())
                    && scheme
                        .chars()
                        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+-.".contains(letter))
                    && !["file", "ftp", "data", "javascript", "ws", "wss"].contains(&scheme)
            }
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_visible_word() {
        assert!(["read", "crm.read", "a:b"].into_iter().all(is_scope));
        assert!(!["", "read write", "a/b", "a\"b", "ä"].into_iter().any(is_scope));
    }

    #[test]
    fn a_login_leads_back_over_tls_or_to_this_machine_or_to_an_app() {
        for url in [
            "https://example.com/cb?x=1",
            "http://localhost:3000/cb",
            "http://127.0.0.1/",
            "http://[::1]:80/",
            "cursor://oauth",
        ] {
            assert!(is_callback(url), "{url:?} is right");
        }
        for url in [
            "",
            "b",
            "http://example.com/",
            "http://localhost.example.com/",
            "https://",
            "https:///x",
            "https://a/#b",
            "https://a b",
            "javascript://x",
            "https://a@b/",
            "HTTPS://a",
        ] {
            assert!(!is_callback(url), "{url:?} is wrong");
        }
    }
}
