//! What the environment says of the account, the login and the API, and what of it wrangler is told: both ask one host.

use std::env;

use serde::Deserialize;

use super::account::unreachable;
use crate::config::check_url;
use crate::exec::{Call, Hidden, WRANGLER};
use crate::failure::{Failure, Result};

/// Names the account where deploy.toml does not; wrangler reads it too.
pub(super) const VARIABLE: &str = "CLOUDFLARE_ACCOUNT_ID";

/// Where the API is, also by the name that it once had; wrangler reads the same.
const BASE_URLS: [&str; 2] = ["CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL"];

/// Which API it is where no address says so, and the one of it that is not for everybody.
const REGION: &str = "CLOUDFLARE_COMPLIANCE_REGION";
const CLOSED: &str = "fedramp_high";

/// Go before every login; the second is an account's one key for all it has.
const TOKEN: &str = "CLOUDFLARE_API_TOKEN";
const KEY: &str = "CLOUDFLARE_API_KEY";

/// An empty one in the place of the `.env` that wrangler looks for in the current folder. That may be a stranger's, and would
/// say where logins and secrets are sent.
const NO_ENV_FILE: &str = if cfg!(windows) { "--env-file=NUL" } else { "--env-file=/dev/null" };

/// What `wrangler auth token` says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Token {
    Oauth {
        token: String,
    },
    #[serde(rename = "api_token")]
    Made {
        token: String,
    },
    #[serde(rename = "api_key")]
    Key {
        key: String,
        email: String,
    },
}

/// The account that the environment names.
pub(super) fn given() -> Option<String> {
    env::var(VARIABLE).ok().filter(|id| !id.is_empty())
}

/// The variable that says who is logged in, if one does.
pub(super) fn login_variable() -> Option<&'static str> {
    [TOKEN, KEY].into_iter().find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

pub(super) fn given_in(variable: &str) -> String {
    format!("the {} in {variable}", if variable == KEY { "key" } else { "token" })
}

/// What a variable says; that it is text is known by now.
fn said(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The API's address, without a slash at its end.
pub(super) fn base() -> Result<String> {
    for variable in BASE_URLS {
        let Some(url) = said(variable) else { continue };
        return match check_url(&url) {
            Ok(()) => Ok(url.trim_end_matches('/').to_owned()),
            Err(what) => {
                let advice = "correct the variable, or unset it";
                Err(Failure::refused(format!("the address in {variable} is wrong: {what}"), advice))
            }
        };
    }
    let part = if region()? == CLOSED { ".fed" } else { "" };
    Ok(format!("https://api{part}.cloudflare.com/client/v4"))
}

/// Which of Cloudflare's two clouds is meant.
fn region() -> Result<String> {
    let region = said(REGION).unwrap_or_else(|| "public".into());
    match ["public", CLOSED].contains(&&*region) {
        true => Ok(region),
        false => Err(Failure::refused(
            format!("{REGION} is `{region}`, which wrangler does not know"),
            format!("set it to `public` or `{CLOSED}`, or unset it"),
        )),
    }
}

/// Refuses a cloud that wrangler.toml alone names, in `path`: all but wrangler would ask the other one.
pub(super) fn check_region(named: &str, path: &str) -> Result {
    let region = region()?;
    match named == region {
        true => Ok(()),
        false => Err(Failure::refused(
            format!("`compliance_region` in {path} is `{named}`, and what is asked is the cloud `{region}`"),
            format!("take it out there, and set {REGION}={named} in the environment"),
        )),
    }
}

/// Headers that say who asks.
pub(super) fn login() -> Result<Vec<(&'static str, Hidden)>> {
    // It deploys, and so it must be there whoever asks for the token.
    WRANGLER.call([""; 0])?;
    Ok(match said(TOKEN) {
        Some(token) if !token.chars().all(|letter| letter.is_ascii_graphic()) => {
            return Err(Failure::refused(
                format!("{TOKEN} has a space, a line break or another letter that no token has"),
                "put the token there as Cloudflare shows it, and nothing else",
            ));
        }
        Some(token) => vec![bearer(&token)],
        None => match token()? {
            Token::Oauth { token } | Token::Made { token } => vec![bearer(&token)],
            Token::Key { key, email } => vec![("x-auth-key", Hidden(key)), ("x-auth-email", Hidden(email))],
        },
    })
}

fn bearer(token: &str) -> (&'static str, Hidden) {
    ("authorization", Hidden(format!("Bearer {token}")))
}

/// A call of wrangler that goes by this program's environment alone, to where the API was found to be. What it prints is
/// read, and has nothing in it that is for whoever looks for its errors.
pub(super) fn wrangler(arguments: &[&str]) -> Result<Call> {
    let [name, old] = BASE_URLS;
    let call = WRANGLER.call(arguments.iter().copied())?.always(NO_ENV_FILE).env(name, base()?).without(old);
    Ok(call.without("WRANGLER_API_ENVIRONMENT").without("WRANGLER_LOG"))
}

fn token() -> Result<Token> {
    let said = quiet(wrangler(&["auth", "token", "--json"])?).capture()?;
    let not_logged_in =
        || Failure::logged_out("not logged in to Cloudflare", "log in: `wrangler login`, or set CLOUDFLARE_API_TOKEN");
    let text = said.map_err(|said| match said.words.contains("fetch failed") {
        true => unreachable("wrangler got no connection"),
        false => not_logged_in(),
    })?;
    let json = text.find('{').and_then(|begin| text.get(begin..)).unwrap_or_default();
    serde_json::from_str(json).map_err(|_| not_logged_in())
}

/// Nothing is asked, nothing is measured, nothing is coloured, and the Worker is the one that the settings name.
pub(crate) fn quiet(call: Call) -> Call {
    call.without("CLOUDFLARE_ENV")
        .without("WRANGLER_CI_OVERRIDE_NAME")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("CI", "true")
        .env("NO_COLOR", "1")
        .env("WRANGLER_HIDE_BANNER", "true")
}
