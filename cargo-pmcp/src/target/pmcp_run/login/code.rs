//! A login in the browser: an authorization code with PKCE (RFC 7636), over a redirect to this machine (RFC 8252).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::discovery::Provider;
use super::token::Tokens;
use super::{CLIENT, form};
use crate::exec::{HttpClient, Loopback, browser};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::random::random;

/// How long somebody may take to log in.
const PATIENCE: Duration = Duration::from_secs(300);

const DONE: &str = "cargo pmcp has what it needs. You may close this window and go back to the terminal.";
const NOT_DONE: &str = "You are not logged in. You may close this window and go back to the terminal.";

/// Sends the browser to the authorization server, and waits for it to come back.
pub(super) fn login(http: &HttpClient, provider: &Provider, endpoint: &str, output: Output) -> Result<Tokens> {
    let (verifier, state) = (random()?, random()?);
    let back = Loopback::listen()?;
    let redirect = back.url();
    let url = authorization_url(provider, endpoint, &redirect, &state, &verifier);
    output.note(format_args!("opening the browser; if it does not open, go there yourself:\n{url}"));
    if let Err(failure) = browser(&url) {
        output.note(failure);
    }
    let answer = back.wait(PATIENCE, |query| {
        // Whoever does not know the state was not sent here by this login.
        form::parse(query, "state").filter(|found| *found == state)?;
        let code = parse(provider, query);
        let words = if code.is_ok() { DONE } else { NOT_DONE };
        Some((code, words))
    });
    let Some(code) = answer else {
        let minutes = PATIENCE.as_secs() / 60;
        let what = format!("nobody came back from the browser within {minutes} minutes");
        return Err(Failure::missing(what, "log in again; with --no-browser you are given a code to type elsewhere"));
    };
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", &code?),
        ("redirect_uri", &redirect),
        ("code_verifier", &verifier),
    ];
    Tokens::ask(http, provider, &grant).map_err(|error| error.into_failure(&provider.server.token_endpoint))
}

fn authorization_url(provider: &Provider, endpoint: &str, redirect: &str, state: &str, verifier: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let query = form::encode(&[
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", redirect),
        ("scope", &provider.scope),
        ("state", state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("resource", &provider.resource),
        // OpenID Connect gives offline access only to whom it was asked for in so many words.
        ("prompt", "consent"),
    ]);
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{mark}{query}")
}

/// The code of an answer to this login.
fn parse(provider: &Provider, query: &str) -> Result<String> {
    let server = &provider.server;
    match form::parse(query, "iss") {
        Some(issuer) if issuer != server.issuer => {
            return Err(Failure::failed(
                format!("the answer to the login is from {issuer}, and not from {}", server.issuer),
                "nothing was sent to either; do not log in from this network until you know why",
            ));
        }
        None if server.authorization_response_iss_parameter_supported => {
            return Err(Failure::failed(
                format!("the answer to the login does not say that it is from {}", server.issuer),
                "nothing was sent to anybody; do not log in from this network until you know why",
            ));
        }
        _ => {}
    }
    if let Some(error) = form::parse(query, "error") {
        let words = form::parse(query, "error_description").map_or(error.clone(), |words| format!("{words} ({error})"));
        return Err(super::refused(&words));
    }
    form::parse(query, "code").ok_or_else(|| super::refused("its answer has no code"))
}

#[cfg(test)]
mod tests {
    use super::super::discovery::AuthorizationServer;
    use super::*;

    fn provider(says_who: bool) -> Provider {
        let server = AuthorizationServer {
            issuer: "https://login.example.com".into(),
            authorization_endpoint: None,
            device_authorization_endpoint: None,
            token_endpoint: String::new(),
            revocation_endpoint: None,
            scopes_supported: Vec::new(),
            code_challenge_methods_supported: Vec::new(),
            authorization_response_iss_parameter_supported: says_who,
        };
        Provider { resource: "https://api.pmcp.run".into(), scope: "deploy offline_access".into(), server }
    }

    #[test]
    fn the_challenge_is_that_of_the_specification() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let url =
            authorization_url(&provider(true), "https://l/auth?tenant=1", "http://127.0.0.1:1/callback", "s", verifier);
        assert!(url.starts_with("https://l/auth?tenant=1&response_type=code&client_id=cargo-pmcp&"), "{url}");
        assert!(
            url.contains("&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&")
        );
        assert!(
            url.contains("&scope=deploy%20offline_access&") && url.contains("&resource=https%3A%2F%2Fapi.pmcp.run&")
        );
    }

    #[test]
    fn an_answer_is_believed_if_it_is_from_whom_was_asked() {
        let iss = "iss=https%3A%2F%2Flogin.example.com";
        let read = |says_who, query: &str| parse(&provider(says_who), query).map_err(|failure| failure.to_string());
        assert_eq!(read(true, &format!("code=abc&{iss}")), Ok("abc".into()));
        assert_eq!(read(false, "code=abc"), Ok("abc".into()));
        assert!(read(true, "code=abc").is_err_and(|words| words.contains("does not say that it is from")));
        for says_who in [true, false] {
            let words = read(says_who, "code=abc&iss=https%3A%2F%2Fevil.example.com").expect_err("is another's");
            assert!(words.starts_with("the answer to the login is from https://evil.example.com, and not"), "{words}");
        }
        let words = read(false, "error=access_denied&error_description=End-User+aborted").expect_err("was denied");
        assert_eq!(
            words,
            "pmcp.run did not let you in: End-User aborted (access_denied)\nlog in again: `cargo pmcp deploy login`"
        );
    }
}
