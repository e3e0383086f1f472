//! The token endpoint (OAuth 2.1, sections 4.1.3 and 4.3) and the end of a token (RFC 7009).

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::super::{SERVICE, not_understood, unreachable};
use super::discovery::Provider;
use super::{CLIENT, form};
use crate::date;
use crate::exec::{Hidden, HttpClient, NoResponse};
use crate::failure::{Failure, Result};

/// A token is renewed when it has less than this left, in seconds: clocks differ, and requests take their time.
const MARGIN: u64 = 60;

/// The longest time that a token is believed to be good for, in seconds: a hundred years.
const LONGEST: u64 = 3_155_760_000;

/// What a login consists of.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub(in super::super) struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    /// In seconds since 1970; nothing if the server did not say.
    expires: Option<u64>,
    resource: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
}

/// OAuth 2.1, section 3.2.3.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

/// OAuth 2.1, section 3.2.4.
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) error: String,
    error_description: Option<String>,
}

impl Refused {
    pub(super) fn words(&self) -> String {
        match &self.error_description {
            Some(words) => format!("{words} ({})", self.error),
            None => self.error.clone(),
        }
    }
}

/// Why there are no tokens.
#[derive(Debug)]
pub(super) enum NoTokens {
    Refused(Refused),
    /// It may be otherwise in a minute; why.
    NotNow(String),
    Lost(NoResponse),
    Failed(Failure),
}

impl Tokens {
    /// Asks for them with what a login has come to.
    pub(super) fn ask(http: &HttpClient, provider: &Provider, grant: &[(&str, &str)]) -> Result<Self, NoTokens> {
        let server = &provider.server;
        let granted = request(http, &server.token_endpoint, &provider.resource, grant)?;
        Ok(Self {
            access_token: granted.access_token,
            refresh_token: granted.refresh_token,
            expires: end(granted.expires_in),
            resource: provider.resource.clone(),
            token_endpoint: server.token_endpoint.clone(),
            revocation_endpoint: server.revocation_endpoint.clone(),
        })
    }

    /// The next ones in the place of these, whose refresh token is used up; `None` without one.
    pub(super) fn renewed(&self, http: &HttpClient) -> Option<Result<Self, NoTokens>> {
        let token = self.refresh_token.as_deref()?;
        let grant = [("grant_type", "refresh_token"), ("refresh_token", token)];
        Some(request(http, &self.token_endpoint, &self.resource, &grant).map(|granted| Self {
            access_token: granted.access_token,
            refresh_token: granted.refresh_token.or_else(|| self.refresh_token.clone()),
            expires: end(granted.expires_in),
            ..self.clone()
        }))
    }

    pub(super) fn access(&self) -> Hidden {
        Hidden(self.access_token.clone())
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.expires.is_none_or(|expires| expires > now().saturating_add(MARGIN))
    }

    /// Until when they are good, and whether others follow.
    pub(super) fn term(&self) -> (Option<String>, bool) {
        (self.expires.map(date::encode), self.refresh_token.is_some())
    }

    /// Ends them at the authorization server; with a refresh token goes what was made with it.
    pub(super) fn revoke(&self, http: &HttpClient) -> Result<(), String> {
        let Some(endpoint) = &self.revocation_endpoint else {
            return Err("its authorization server cannot end a login before its time".into());
        };
        let (kind, token) = match self.refresh_token.as_deref() {
            Some(token) => ("refresh_token", token),
            None => ("access_token", self.access_token.as_str()),
        };
        let pairs = [("token", token), ("token_type_hint", kind), ("client_id", CLIENT)];
        match http.finish(form::request(endpoint, &pairs)) {
            Ok(response) if response.status == 200 => Ok(()),
            Ok(response) => Err(format!("{endpoint} answered with status {}", response.status)),
            Err(error) => Err(error.into_words()),
        }
    }
}

/// When a token ends that is good for so long; a time that nobody lives to see is none.
fn end(seconds: Option<u64>) -> Option<u64> {
    seconds.filter(|seconds| *seconds <= LONGEST).map(|seconds| now().saturating_add(seconds))
}

/// Whether it can stand in a header, where it is sent (RFC 6750, section 2.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_graphic())
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_secs()
}

fn request(http: &HttpClient, endpoint: &str, resource: &str, grant: &[(&str, &str)]) -> Result<Granted, NoTokens> {
    let pairs = [grant, &[("client_id", CLIENT), ("resource", resource)]].concat();
    // To its end: the answer has the next token in it, and the one before is used up.
    let response = http.finish(form::request(endpoint, &pairs)).map_err(NoTokens::Lost)?;
    let misunderstood = |what: String| NoTokens::Failed(not_understood(endpoint, &what));
    if response.status == 200 {
        let granted: Granted =
            serde_json::from_str(&response.text()).map_err(|error| misunderstood(error.to_string()))?;
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(misunderstood(format!("tokens of the type {}", granted.token_type)));
        }
        return match is_token(&granted.access_token) {
            true => Ok(granted),
            false => Err(misunderstood("its token has letters that no header can have".into())),
        };
    }
    Err(match serde_json::from_str::<Refused>(&response.text()) {
        Ok(refused) if matches!(&refused.error as &str, "temporarily_unavailable" | "server_error") => {
            NoTokens::NotNow(refused.words())
        }
        _ if response.status == 429 => NoTokens::NotNow("it is asked too often".into()),
        Ok(refused) if response.status < 500 => NoTokens::Refused(refused),
        _ => misunderstood(format!("status {}", response.status)),
    })
}

impl NoTokens {
    /// In the words of somebody who logs in.
    pub(super) fn into_failure(self, endpoint: &str) -> Failure {
        match self {
            Self::Refused(refused) => super::refused(&refused.words()),
            Self::NotNow(why) => Failure::failed(
                format!("{SERVICE} lets nobody in at the moment: {why}"),
                "wait a minute, and run the command again",
            ),
            Self::Lost(error) => unreachable(endpoint, error),
            Self::Failed(failure) => failure,
        }
    }
}
