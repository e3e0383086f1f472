//! Where to log in: the service names its authorization server (RFC 9728), and that its endpoints (RFC 8414).

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::{SERVICE, not_understood, unreachable};
use super::LIMIT;
use crate::config::is_safe_address;
use crate::exec::{HttpClient, Request};
use crate::failure::{Failure, Result};

/// RFC 9728, section 2: what is needed of it.
#[derive(Deserialize)]
struct Resource {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

/// RFC 8414, section 2: what is needed of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AuthorizationServer {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) token_endpoint: String,
    pub(super) revocation_endpoint: Option<String>,
    #[serde(default)]
    pub(super) scopes_supported: Vec<String>,
    #[serde(default)]
    pub(super) code_challenge_methods_supported: Vec<String>,
    /// RFC 9207.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// What a login asks for, and of whom.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    /// RFC 8707.
    pub(super) resource: String,
    pub(super) scope: String,
    pub(super) server: AuthorizationServer,
}

/// Asks the service, and the authorization server that it names.
pub(super) fn discover(http: &HttpClient, base: &str) -> Result<Provider> {
    let wrong = |what: String| Failure::failed(what, "this is for those to mend who run the service");
    let url = well_known(base, "oauth-protected-resource");
    let resource: Resource =
        fetch(http, base, &url)?.ok_or_else(|| not_understood(base, &format!("{url} is missing")))?;
    if resource.resource.trim_end_matches('/') != base {
        return Err(wrong(format!("{url} is about {}: the login could be used there", resource.resource)));
    }
    let Some(issuer) = resource.authorization_servers.first() else {
        return Err(wrong(format!("{url} names no authorization server")));
    };
    check_address(issuer)?;
    let (oauth, openid) = (
        well_known(issuer, "oauth-authorization-server"),
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')),
    );
    let server: Option<AuthorizationServer> = match fetch(http, issuer, &oauth)? {
        Some(server) => Some(server),
        None => fetch(http, issuer, &openid)?,
    };
    let server =
        server.ok_or_else(|| wrong(format!("the authorization server {issuer} has neither {oauth} nor {openid}")))?;
    if server.issuer != *issuer {
        return Err(wrong(format!("the authorization server {issuer} calls itself {}", server.issuer)));
    }
    let endpoints =
        [&server.authorization_endpoint, &server.device_authorization_endpoint, &server.revocation_endpoint];
    for endpoint in endpoints.into_iter().flatten().chain([&server.token_endpoint]) {
        check_address(endpoint)?;
    }
    if !server.code_challenge_methods_supported.iter().any(|method| method == "S256") {
        return Err(wrong(format!("the authorization server {issuer} does not know PKCE with S256")));
    }
    let mut scopes = resource.scopes_supported;
    // Without it some authorization servers give no refresh token.
    if server.scopes_supported.iter().any(|scope| scope == "offline_access") {
        scopes.push("offline_access".into());
    }
    Ok(Provider { resource: resource.resource, scope: scopes.join(" "), server })
}

fn fetch<T: DeserializeOwned>(http: &HttpClient, of: &str, url: &str) -> Result<Option<T>> {
    let request = Request::new("GET", url, LIMIT).header("accept", "application/json");
    let response = http.send(request).map_err(|error| unreachable(of, error))?;
    match response.status {
        200 => serde_json::from_str(&response.text())
            .map(Some)
            .map_err(|error| not_understood(of, &format!("{url}: {error}"))),
        404 => Ok(None),
        status => Err(not_understood(of, &format!("{url} has status {status}"))),
    }
}

/// The place of metadata about `url`: between its host and its path.
fn well_known(url: &str, name: &str) -> String {
    let begin = url.find("://").map_or(0, |end| end + 3);
    let (origin, path) = match url.get(begin..).and_then(|rest| rest.find('/')) {
        Some(end) => url.split_at(begin + end),
        None => (url, ""),
    };
    format!("{origin}/.well-known/{name}{}", path.trim_end_matches('/'))
}

/// Of what the service or its authorization server names: what is secret is sent there, or somebody goes there.
pub(super) fn check_address(url: &str) -> Result {
    match is_safe_address(url) {
        true => Ok(()),
        false => Err(Failure::failed(
            format!(
                "`{url}` is no address for a login to {SERVICE}: it must begin with https://, or lead to this machine"
            ),
            "this is for those to mend who run the service",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_between_host_and_path() {
        let known = |url| well_known(url, "x");
        assert_eq!(known("https://api.pmcp.run"), "https://api.pmcp.run/.well-known/x");
        assert_eq!(known("https://api.pmcp.run/"), "https://api.pmcp.run/.well-known/x");
        assert_eq!(known("https://login.example.com/tenant/1"), "https://login.example.com/.well-known/x/tenant/1");
    }
}
