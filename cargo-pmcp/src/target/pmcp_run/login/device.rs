//! A login where there is no browser: a code that is typed elsewhere (RFC 8628).

use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::super::{not_understood, unreachable};
use super::discovery::{Provider, check_address};
use super::token::{NoTokens, Tokens};
use super::{CLIENT, form};
use crate::exec::{HttpClient, NoResponse};
use crate::failure::{Failure, Result};
use crate::output::Output;

/// RFC 8628, section 3.2.
#[derive(Deserialize)]
struct Codes {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

fn five() -> u64 {
    5
}

/// Says where which code is to be typed, and asks until it was.
pub(super) fn login(http: &HttpClient, provider: &Provider, endpoint: &str, output: Output) -> Result<Tokens> {
    let begin = Instant::now();
    let Codes { device_code, user_code, verification_uri, verification_uri_complete, expires_in, mut interval } =
        codes(http, provider, endpoint)?;
    for address in [Some(&verification_uri), verification_uri_complete.as_ref()].into_iter().flatten() {
        check_address(address)?;
    }
    output.note(format_args!("on any device, go to {verification_uri} and type the code {user_code}"));
    if let Some(url) = verification_uri_complete {
        output.note(format_args!("or go to {url}"));
    }
    let late = || Failure::missing("nobody typed the code in time", "log in again: `cargo pmcp deploy login`");
    let grant = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", &device_code)];
    loop {
        let left = Duration::from_secs(expires_in).saturating_sub(begin.elapsed());
        thread::sleep(Duration::from_secs(interval.max(1)).min(left));
        if begin.elapsed() >= Duration::from_secs(expires_in) {
            return Err(late());
        }
        match Tokens::ask(http, provider, &grant) {
            Err(NoTokens::Refused(refused)) => match &refused.error as &str {
                "authorization_pending" => {}
                "slow_down" => interval = interval.saturating_add(5),
                "expired_token" => return Err(late()),
                _ => return Err(super::refused(&refused.words())),
            },
            Err(NoTokens::NotNow(_)) => interval = interval.saturating_add(5),
            // Section 3.5: less often, as long as the code is good.
            Err(NoTokens::Lost(NoResponse::Lost(_))) => interval = interval.saturating_mul(2),
            result => return result.map_err(|error| error.into_failure(&provider.server.token_endpoint)),
        }
    }
}

fn codes(http: &HttpClient, provider: &Provider, endpoint: &str) -> Result<Codes> {
    let pairs = [("client_id", CLIENT), ("scope", &provider.scope), ("resource", &provider.resource)];
    let response = http.send(form::request(endpoint, &pairs)).map_err(|error| unreachable(endpoint, error))?;
    if response.status != 200 {
        return Err(match serde_json::from_str::<super::token::Refused>(&response.text()) {
            Ok(refused) => super::refused(&refused.words()),
            Err(_) => not_understood(endpoint, &format!("status {}", response.status)),
        });
    }
    serde_json::from_str(&response.text()).map_err(|error| not_understood(endpoint, &error.to_string()))
}
