//! Who is logged in to pmcp.run: OAuth 2.1 as a public client, and the tokens of it on this machine.

mod code;
mod device;
mod discovery;
mod form;
mod keyring;
mod store;
mod token;

use std::cell::RefCell;
use std::env;
use std::time::Duration;

use self::store::{Forgotten, Store};
use self::token::{NoTokens, Tokens, is_token};
use super::SERVICE;
use crate::exec::{Hidden, HttpClient, has_browser};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::target::Term;

/// Under which name this program is known to authorization servers.
const CLIENT: &str = "cargo-pmcp";

/// For one request of a login.
const LIMIT: Duration = Duration::from_secs(30);

/// A token for machines on which nobody logs in.
const VARIABLE: &str = "PMCP_RUN_TOKEN";

/// The login to one service.
pub(super) struct Session {
    service: String,
    /// Whether nobody else's file has chosen it.
    is_chosen_here: bool,
    known: RefCell<Option<Tokens>>,
}

/// The variable, if it logs somebody in.
pub(super) fn given_by() -> Option<&'static str> {
    given().map(|_| VARIABLE)
}

fn given() -> Option<Hidden> {
    let token = env::var(VARIABLE).ok()?.trim().to_owned();
    (!token.is_empty()).then_some(Hidden(token))
}

impl Session {
    pub(super) fn new(service: &str, is_chosen_here: bool) -> Self {
        Self { service: service.to_owned(), is_chosen_here, known: RefCell::new(None) }
    }

    /// The token to send; one that is about to expire is renewed first.
    pub(super) fn token(&self, http: &HttpClient) -> Result<Hidden> {
        match given() {
            Some(Hidden(token)) if !is_token(&token) => {
                return Err(Failure::refused(
                    format!("{VARIABLE} has a space, a line break or another letter that no token has"),
                    "put the token there as it was given to you, and nothing else",
                ));
            }
            Some(token) if self.is_chosen_here => return Ok(token),
            Some(_) => {
                return Err(Failure::refused(
                    format!("{VARIABLE} is set, and .pmcp/deploy.toml names a service of its own: {}", self.service),
                    "set PMCP_RUN_URL to that address too, if the token is meant for it",
                ));
            }
            None => {}
        }
        if let Some(tokens) = self.known.borrow().as_ref().filter(|tokens| tokens.is_fresh()) {
            return Ok(tokens.access());
        }
        let found = Store::new()?.load(&self.service)?.ok_or_else(not_logged_in)?;
        let tokens = if found.is_fresh() { found } else { self.renew(http, &found)? };
        let access = tokens.access();
        *self.known.borrow_mut() = Some(tokens);
        Ok(access)
    }

    /// Another token in the place of one that the service does not take, before the time that was told.
    pub(super) fn another(&self, http: &HttpClient) -> Result<Hidden> {
        if given().is_some() {
            return Err(Failure::logged_out(
                format!("{SERVICE} does not take the token in {VARIABLE}"),
                "put another there, or unset it and log in: `cargo pmcp deploy login`",
            ));
        }
        let before = self.known.borrow_mut().take().ok_or_else(not_logged_in)?;
        let tokens = self.renew(http, &before)?;
        let access = tokens.access();
        *self.known.borrow_mut() = Some(tokens);
        Ok(access)
    }

    /// One run renews at a time: a refresh token that is used twice ends the login.
    fn renew(&self, http: &HttpClient, before: &Tokens) -> Result<Tokens> {
        let store = Store::new()?;
        let held = store.hold()?;
        let now = store.load(&self.service)?.ok_or_else(not_logged_in)?;
        if now != *before && now.is_fresh() {
            return Ok(now);
        }
        match now.renewed(http) {
            Some(Ok(tokens)) => {
                store.save(&held, &self.service, &tokens)?;
                Ok(tokens)
            }
            None | Some(Err(NoTokens::Refused(_))) => Err(expired()),
            Some(Err(error)) => Err(error.into_failure(&self.service)),
        }
    }

    /// Logs in, in the browser or with a code, and keeps the tokens.
    pub(super) fn login(&self, http: &HttpClient, no_browser: bool, output: Output) -> Result {
        if given().is_some() {
            let what = format!("{VARIABLE} has a token, which goes before every login");
            return Err(Failure::refused(what, "unset it, and log in again"));
        }
        // It would choose who asks, and where the browser goes.
        if !self.is_chosen_here {
            return Err(Failure::refused(
                format!(".pmcp/deploy.toml names a service of its own to log in to: {}", self.service),
                "set PMCP_RUN_URL to that address too, if you trust it",
            ));
        }
        let provider = discovery::discover(http, &self.service)?;
        let server = &provider.server;
        let by_code = server.authorization_endpoint.as_deref().filter(|_| !no_browser && has_browser());
        let tokens = match (by_code, server.device_authorization_endpoint.as_deref()) {
            (Some(endpoint), _) => code::login(http, &provider, endpoint, output)?,
            (None, Some(endpoint)) => device::login(http, &provider, endpoint, output)?,
            (None, None) => {
                return Err(Failure::refused(
                    format!("there is no browser here, and {} knows no login without one", server.issuer),
                    format!("log in where there is one, or put a token into {VARIABLE}"),
                ));
            }
        };
        let store = Store::new()?;
        let held = store.hold()?;
        store.save(&held, &self.service, &tokens)?;
        *self.known.borrow_mut() = Some(tokens);
        Ok(())
    }

    /// Of whatever is sent.
    pub(super) fn term(&self) -> Result<Term> {
        let service = self.service.clone();
        if let Some(variable) = given_by() {
            return Ok(Term { service, kept_in: variable.into(), until: None, is_renewed: false });
        }
        let store = Store::new()?;
        let kept_in = store.place(&self.service)?;
        let (until, is_renewed) = store.load(&self.service)?.ok_or_else(not_logged_in)?.term();
        Ok(Term { service, kept_in, until, is_renewed })
    }

    /// Forgets the tokens, and has them ended; `false` if there were none.
    pub(super) fn logout(&self, http: &HttpClient) -> Result<bool> {
        let store = Store::new()?;
        let held = store.hold()?;
        let Forgotten { tokens, left } = store.forget(&held, &self.service)?;
        *self.known.borrow_mut() = None;
        let untold = tokens.iter().filter_map(|tokens| tokens.revoke(http).err());
        let untold: Vec<String> = untold
            .map(|why| format!("this machine has forgotten the login, and {SERVICE} was not told: {why}"))
            .collect();
        let untold = untold.join("\n");
        if let Some(why) = left {
            let failure = Failure::failed(
                format!("the file has no login to {SERVICE} any more, and the keyring may have one: {why}"),
                "run the same command again where the keyring is unlocked, or end the login in your account",
            );
            return Err(if untold.is_empty() { failure } else { failure.adding(&untold) });
        }
        if untold.is_empty() {
            return Ok(!tokens.is_empty());
        }
        Err(Failure::failed(untold, "there it ends by itself; where that is too late, end it in your account"))
    }
}

fn not_logged_in() -> Failure {
    Failure::logged_out(format!("not logged in to {SERVICE}"), "log in: `cargo pmcp deploy login`")
}

fn expired() -> Failure {
    Failure::logged_out(format!("the login to {SERVICE} has expired"), "log in again: `cargo pmcp deploy login`")
}

/// Of a token that is renewed and still not taken.
pub(super) fn not_known() -> Failure {
    Failure::logged_out(
        format!("{SERVICE} does not know this login any more"),
        "log in again: `cargo pmcp deploy logout`, then `cargo pmcp deploy login`",
    )
}

fn refused(words: &str) -> Failure {
    Failure::missing(format!("{SERVICE} did not let you in: {words}"), "log in again: `cargo pmcp deploy login`")
}
